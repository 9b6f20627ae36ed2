"""Clips beside the pipeline's own, for tables of variants and benchmarks: made with other parameters, without Prefect or DVC."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from flows.clips import make_clips
from flows.layout import RAW
from flows.tables.keys import content_digest, key_of
from tast.clip_store import ClipStore
from tast.closure import code_digest
from tast.digests import FILE
from tast.params import Preprocess
from tast.provenance import computed_with

log = logging.getLogger(__name__)

CODE = ("tast.datasets.readers", "tast.preprocessing.pipeline", "tast.clip_store")  # what turns videos into clips


def clips_beside(params: Preprocess, folder: Path, workers: int) -> tuple[ClipStore, str]:
    """The clips of this project's own videos with these parameters, below the folder, made unless they are there; and a name
    for all that they are made of."""
    place = folder_beside(params, folder)
    if place.is_dir():
        (place / FILE).touch()  # when they were last used, for `tast cache gc`
        return ClipStore(place), place.name
    log.info("clips with other preprocessing are made: %s", place.name)
    make_clips(RAW, place, params, workers=workers)
    return ClipStore(place), place.name


def folder_beside(params: Preprocess, folder: Path) -> Path:
    """Where `clips_beside` has them, or would."""
    return folder / f"clips-{key_of([recipe(params), content_digest(RAW)])}"


def recipe(params: Preprocess) -> dict[str, Any]:
    """All that decides the clips made from given videos: parameters, code, libraries. A part of the key that kept clips go by."""
    return {"preprocess": params.model_dump(mode="json"), "code": code_digest(*CODE), "computed": computed_with()}
