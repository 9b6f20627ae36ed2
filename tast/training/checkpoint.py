"""What an interrupted training needs to go on to the very weights that an uninterrupted one reaches.

A checkpoint is written after each epoch and replaces the last one in one step; its last 32 bytes are the sha256 of those
before. Random states need no place in it: each epoch draws from generators seeded by (seed, epoch). It carries the facts that
decide the final weights: a run for which one of them is another never goes on from it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tast.files import whole_file
from tast.provenance import differences

CHECKPOINT = "checkpoint.pt"
DIGEST_BYTES = 32

log = logging.getLogger(__name__)


def save_checkpoint(folder: Path, content: dict[str, Any], *, facts: Mapping[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of them, and `facts`, which JSON can hold.

    A reader sees the old file or the new one, never half of one.
    """
    saved = BytesIO()  # written by Python: on a full disk torch's own writer says `enforce fail` and names no file
    torch.save({"facts": json.dumps(facts), **content}, saved)
    with whole_file(folder / CHECKPOINT) as part:
        part.write_bytes(saved.getvalue() + hashlib.sha256(saved.getbuffer()).digest())


def load_checkpoint(folder: Path, *, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The content of the folder's checkpoint; None where there is none, where it is damaged, or belongs to another run."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    found = memoryview(path.read_bytes())
    saved, digest = found[:-DIGEST_BYTES], found[-DIGEST_BYTES:]
    if hashlib.sha256(saved).digest() != digest:
        log.warning("%s is damaged: its bytes are not those that were written; training starts anew", path.name)
        return None
    content: dict[str, Any] = torch.load(BytesIO(saved), map_location="cpu", weights_only=True)
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
