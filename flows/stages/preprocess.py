"""Stage preprocess: every video to masked, magnified clips of the face, over processes and through the item cache.

A video that cannot be used becomes a row in rejects.csv; above preprocess.max_reject_fraction the stage fails and writes nothing.
"""

from __future__ import annotations

import logging

from flows.clips import lost_videos, make_clips
from flows.contact_sheets import write_contact_sheets
from flows.layout import CLIPS, CONTACT_SHEETS, RAW
from flows.running import run_stage
from tast import instruction_set
from tast.clip_store import DEFECTS
from tast.params import stage_params

log = logging.getLogger("flows.stages.preprocess")  # __name__ is __main__ where a stage runs


def main() -> None:
    params = stage_params("preprocess", "runner", "compute")
    instruction_set.require(params.compute.instruction_set)
    runner = params.runner
    made = make_clips(RAW, CLIPS, params.preprocess, away=runner.away(), lost=lost_videos, **runner.here())
    write_contact_sheets(CONTACT_SHEETS, CLIPS, made.records, made.rows, params.preprocess.magnify.model_dump())
    cached = len(made.records) - made.n_computed
    log.info(
        "%d videos: computed %d, from the cache %d, rejected %d", len(made.records), made.n_computed, cached, len(made.rejects)
    )
    if made.defects:
        log.info("%d defects in videos that are used all the same: %s", len(made.defects), CLIPS / DEFECTS)


if __name__ == "__main__":
    run_stage(main)
