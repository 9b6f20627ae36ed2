"""Stage split: which clips train, validate and test; asserted to hold what its protocol claims."""

from __future__ import annotations

import logging

from flows.layout import CLIPS, SPLIT
from flows.running import run, stage
from tast.clip_store import ClipStore
from tast.datasets.splits import make_split
from tast.params import load_params

log = logging.getLogger("flows.split")  # __name__ is __main__ where a stage runs


@stage
def split() -> None:
    clips = ClipStore(CLIPS).manifest
    made = make_split(clips, **load_params().split.model_dump())
    made.to_json(SPLIT)
    for name, clip_ids in made.parts.items():
        subjects = clips.loc[list(clip_ids), "subject_id"].nunique()
        log.info("%s: %d clips of %d subjects", name, len(clip_ids), subjects)


if __name__ == "__main__":
    run(split)
