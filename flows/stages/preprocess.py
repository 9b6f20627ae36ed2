"""Stage preprocess: every video to masked, magnified clips of the face, over processes and through the item cache.

A video that cannot be used becomes a row in rejects.csv; above preprocess.max_reject_fraction the stage fails and writes nothing.
"""

from __future__ import annotations

import logging

from flows.contact_sheets import write_contact_sheets
from flows.layout import CLIPS, CONTACT_SHEETS, RAW
from flows.recordings import lost_videos, preprocess_all, read_raw, require_enough
from flows.running import run
from tast import instruction_set
from tast.clip_store import DEFECTS, write_tables
from tast.files import whole_folder
from tast.params import stage_params

log = logging.getLogger("flows.stages.preprocess")  # __name__ is __main__ where a stage runs


def main() -> None:
    params = stage_params("preprocess", "runner", "compute")
    instruction_set.require(params.compute.instruction_set)
    records, unread = read_raw(RAW, params.preprocess)
    with whole_folder(CLIPS) as folder:
        shards = preprocess_all(records, params.preprocess, folder, lost=lost_videos, **params.runner.model_dump())
        rows = [row for shard in shards for row in shard.rows]
        rejects = unread + [reject for shard in shards for reject in shard.rejects]
        for reject in rejects:
            log.warning("rejected %s: %s", reject.record_id, reject.reason)
        defects = [defect for shard in shards for defect in shard.defects]
        require_enough(rows, rejects, len(records) + len(unread), params.preprocess.max_reject_fraction)
        write_tables(folder, rows, rejects, defects, params.preprocess.model_dump())
    write_contact_sheets(CONTACT_SHEETS, CLIPS, records, rows, params.preprocess.magnify.model_dump())
    computed = sum(shard.n_computed for shard in shards)
    cached = len(records) - computed
    log.info("%d videos: computed %d, from the cache %d, rejected %d", len(records), computed, cached, len(rejects))
    if defects:
        log.info("%d defects in videos that are used all the same: %s", len(defects), CLIPS / DEFECTS)


if __name__ == "__main__":
    run(main)
