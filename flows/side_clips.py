"""Clips beside the pipeline's own, for tables of variants and benchmarks: made with other parameters, without Prefect or DVC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from flows.preprocess import cache_root, read_raw, require_enough
from flows.processes import in_processes
from tast.clip_store import ClipStore, write_tables
from tast.files import whole_folder
from tast.params import Preprocess
from tast.preprocessing.pipeline import preprocess_records, settings_of

Item = TypeVar("Item")
Result = TypeVar("Result")


def make_clips(raw: Path, target: Path, params: Preprocess, workers: int) -> ClipStore:
    """The clips of the data sets in `raw`, as the preprocess stage makes them. Raises TastError where too much is rejected."""
    records, unread = read_raw(raw, params)
    with whole_folder(target) as folder:
        settings = settings_of(params.model_dump())
        work = partial(preprocess_records, settings=settings, cache_root=cache_root(), clips_folder=folder)
        shards = over_workers(work, records, workers)
        rows = [row for shard in shards for row in shard.rows]
        rejects = [*unread, *(reject for shard in shards for reject in shard.rejects)]
        require_enough(rows, rejects, len(records) + len(unread), params.max_reject_fraction)
        write_tables(folder, rows, rejects, [one for shard in shards for one in shard.defects], params.model_dump())
    return ClipStore(target)


def over_workers(work: Callable[[list[Item]], Result], items: Sequence[Item], workers: int) -> list[Result]:
    """work() on as many parts of the items as there are workers, in processes of their own where there are several."""
    parts = [part for part in (list(items[k::workers]) for k in range(workers)) if part]
    return list(in_processes(work, parts, len(parts)))
