"""Clips beside the pipeline's own, for tables of variants and benchmarks: made with other parameters, without Prefect or DVC."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from flows.keys import content_digest, key_of
from flows.layout import RAW
from flows.recordings import preprocess_all, read_raw, require_enough
from tast.clip_store import ClipStore, write_tables
from tast.closure import code_digest
from tast.files import whole_folder
from tast.params import Preprocess
from tast.provenance import computed_with

log = logging.getLogger(__name__)

CODE = ("tast.datasets.readers", "tast.preprocessing.pipeline", "tast.clip_store")  # what turns videos into clips


def make_clips(raw: Path, target: Path, params: Preprocess, workers: int) -> ClipStore:
    """The clips of the data sets in `raw`, as the preprocess stage makes them. Raises TastError where too much is rejected."""
    records, unread = read_raw(raw, params)
    with whole_folder(target) as folder:
        shards = preprocess_all(records, params, folder, workers=workers)
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


def recipe(params: Preprocess) -> dict[str, Any]:
    """All that decides the clips made from given videos: parameters, code, libraries. A part of the key that kept clips go by."""
    return {"preprocess": params.model_dump(mode="json"), "code": code_digest(*CODE), "computed": computed_with()}
