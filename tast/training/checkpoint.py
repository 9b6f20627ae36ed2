"""What an interrupted training needs to go on to the very weights that an uninterrupted one reaches.

A checkpoint is written after each epoch and replaces the last one in one step. Random states need no place in it: each epoch
draws from generators seeded by (seed, epoch). It carries the facts that decide the final weights: a run for which one of them is
another never goes on from it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tast.files import whole_file
from tast.provenance import differences

CHECKPOINT = "checkpoint.pt"

log = logging.getLogger(__name__)


def save_checkpoint(folder: Path, content: dict[str, Any], *, facts: Mapping[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of them, and `facts`, which JSON can hold.

    A reader sees the old file or the new one, never half of one.
    """
    with whole_file(folder / CHECKPOINT) as part:
        torch.save({"facts": json.dumps(facts), **content}, part)


def load_checkpoint(folder: Path, *, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The content of the folder's checkpoint; None where there is none or where it belongs to another run."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if other := differences(json.loads(content.pop("facts", "{}")), facts):
        log.warning("%s belongs to a run with other %s: training starts anew", path.name, ", ".join(other))
        return None
    log.info("training goes on from %s", path.name)
    return content


def weights_digest(model: nn.Module) -> str:
    """sha256 of a model's parameters and buffers, names included."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
