"""Stage split: which clips train, validate and test; asserted to hold what its protocol claims."""

from __future__ import annotations

import logging

from flows.layout import CLIPS, DOWNLOAD, RAW, SPLIT
from flows.running import run_stage
from tast.clip_store import ClipStore
from tast.datasets.description import described
from tast.datasets.readers import Folds, downloaded_folds
from tast.datasets.splits import make_split
from tast.digests import Sealed
from tast.params import stage_params
from tast.people import person_of

log = logging.getLogger("flows.stages.split")  # __name__ is __main__ where a stage runs


def main() -> None:
    clips = ClipStore(CLIPS).manifest
    params = stage_params("split").split
    folds = official_folds() if params.protocol == "official" else None
    made = make_split(clips, **params.model_dump(), official_folds=folds)
    made.to_json(SPLIT)
    for name, clip_ids in made.parts.items():
        people = person_of(clips.loc[list(clip_ids)]).nunique()
        log.info("%s: %d clips of %d people", name, len(clip_ids), people)


def official_folds() -> Folds:
    Sealed(RAW, DOWNLOAD).check_all()
    return downloaded_folds(RAW, described(RAW))


if __name__ == "__main__":
    run_stage(main)
