"""Clips beside the pipeline's own, for tables of variants and benchmarks: made with other parameters, without Prefect or DVC."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from flows.processes import in_processes
from flows.progress import progress
from flows.stages.preprocess import cache_root, read_raw, require_enough
from tast.clip_store import ClipStore, write_tables
from tast.closure import code_digest
from tast.files import whole_folder
from tast.params import Preprocess
from tast.preprocessing.pipeline import preprocess_records, settings_of
from tast.provenance import computed_with

Item = TypeVar("Item")
Result = TypeVar("Result")
PIECE = 4  # items that a worker takes at a time: enough that reading what they share costs little
CODE = ("tast.datasets.readers", "tast.preprocessing.pipeline", "tast.clip_store")  # what turns videos into clips


def make_clips(raw: Path, target: Path, params: Preprocess, workers: int) -> ClipStore:
    """The clips of the data sets in `raw`, as the preprocess stage makes them. Raises TastError where too much is rejected."""
    records, unread = read_raw(raw, params)
    with whole_folder(target) as folder:
        settings = settings_of(params.model_dump())
        work = partial(preprocess_records, settings=settings, cache_root=cache_root(), clips_folder=folder)
        shards = over_workers("preprocess", work, records, workers)
        rows = [row for shard in shards for row in shard.rows]
        rejects = [*unread, *(reject for shard in shards for reject in shard.rejects)]
        require_enough(rows, rejects, len(records) + len(unread), params.max_reject_fraction)
        write_tables(folder, rows, rejects, [one for shard in shards for one in shard.defects], params.model_dump())
    return ClipStore(target)


def over_workers(what: str, work: Callable[[list[Item]], Result], items: Sequence[Item], workers: int) -> list[Result]:
    """work() on the items, PIECE at a time, in processes of their own where there are several workers; with progress."""
    pieces = [list(items[start : start + PIECE]) for start in range(0, len(items), PIECE)]
    results = []
    with progress(what, len(items)) as advance:
        for piece, result in zip(pieces, in_processes(work, pieces, workers), strict=True):
            results.append(result)
            advance(len(piece), "")
    return results


def recipe(params: Preprocess) -> dict[str, Any]:
    """All that decides the clips made from given videos: parameters, code, libraries. A part of the key that kept clips go by."""
    return {"preprocess": params.model_dump(mode="json"), "code": code_digest(*CODE), "computed": computed_with()}


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
