"""Clips beside the pipeline's own, for tables of variants and benchmarks: made with other parameters, without Prefect or DVC."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from flows.keys import content_digest, key_of
from flows.layout import RAW
from flows.processes import in_processes
from flows.progress import progress
from flows.recordings import cache_root, read_raw, require_enough
from tast.clip_store import ClipStore, write_tables
from tast.closure import code_digest
from tast.files import whole_folder
from tast.params import Preprocess
from tast.preprocessing.pipeline import preprocess_records, settings_of
from tast.provenance import computed_with

log = logging.getLogger(__name__)

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


def clips_beside(params: Preprocess, folder: Path, workers: int) -> tuple[ClipStore, str]:
    """The clips of this project's own videos with these parameters, below the folder, made unless they are there; and a name
    for all that they are made of."""
    place = folder_beside(params, folder)
    if place.is_dir():
        return ClipStore(place), place.name
    log.info("clips with other preprocessing are made: %s", place.name)
    return make_clips(RAW, place, params, workers), place.name


def folder_beside(params: Preprocess, folder: Path) -> Path:
    """Where `clips_beside` has them, or would."""
    return folder / f"clips-{key_of([recipe(params), content_digest(RAW)])}"


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
