"""Clips beside the pipeline's own, for tables of variants and benchmarks: made with other parameters, without Prefect or DVC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from flows.preprocess import cache_root, read_raw, require_enough
from flows.processes import in_processes
from flows.progress import progress
from tast.clip_store import ClipStore, write_tables
from tast.files import whole_folder
from tast.params import Preprocess
from tast.preprocessing.pipeline import preprocess_records, settings_of

Item = TypeVar("Item")
Result = TypeVar("Result")
PIECE = 4  # items that a worker takes at a time: enough that reading what they share costs little


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
