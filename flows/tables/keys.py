"""Short names for all that decides a result, by which it is found again, and never one of anything else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def key_of(facts: Any) -> str:
    """A short name for facts that JSON can hold: 32 hex digits, others where any of them is another."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=list).encode()).hexdigest()[:32]


def content_digest(folder: Path) -> str:
    """sha256 over names and bytes of all files below a folder, pixels count, not the manifest alone."""
    digest = hashlib.sha256()
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
