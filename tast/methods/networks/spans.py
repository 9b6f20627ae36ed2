"""Means over equal spans of a sequence, as a fixed matrix: adaptive pooling is not deterministic on a GPU, and uneven."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_over_spans(steps_in: int, steps_out: int) -> Tensor:
    """Matrix (steps_out, steps_in) that averages a sequence over equal spans of time, parts of a step counted as parts."""
    edges_in = torch.arange(steps_in, dtype=torch.float64)
    edges_out = torch.arange(steps_out, dtype=torch.float64)[:, None] * (steps_in / steps_out)
    overlap = torch.minimum(edges_in + 1, edges_out + steps_in / steps_out) - torch.maximum(edges_in, edges_out)
    return (overlap.clamp(min=0) * (steps_out / steps_in)).to(torch.float32)
