"""Functions of tensors whose last bits are the same on every processor, in place of torch's own.

torch takes roots and hyperbolic tangents from MKL's vector mathematics, which begins with the processor's approximate reciprocal
of a root (rsqrtps, rcpps). How far off that is Intel and AMD chose for themselves: of a hundred thousand roots 16,555 differ from
the rounded root on an AMD EPYC, and 15,113, others, where the approximation is exact. No switch of tast.instruction_set reaches
it. Exponentials, logarithms, sigmoids and divisions came out the same; torch.optim's fused steps take their roots themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor


def square_root(values: Tensor) -> Tensor:
    """Of values of any shape, none negative; to the last bit but one. Its gradient at 0 is not finite, as a root's is."""
    return torch.rsqrt(values).reciprocal()


def tanh(values: Tensor) -> Tensor:
    """Of values of any shape, to 1e-7."""
    return 2 * torch.sigmoid(2 * values) - 1
