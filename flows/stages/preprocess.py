"""Stage preprocess: every video to masked, magnified clips of the face, over processes and through the item cache.

A video that cannot be used becomes a row in rejects.csv; above preprocess.max_reject_fraction the stage fails and writes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial
from pathlib import Path

from flows.contact_sheets import write_contact_sheets
from flows.layout import CLIPS, CONTACT_SHEETS, RAW
from flows.parallel import over_processes
from flows.recordings import cache_root, read_raw, require_enough
from flows.running import run
from tast import instruction_set
from tast.clip_store import DEFECTS, Reject, write_tables
from tast.files import whole_folder
from tast.params import Preprocess, Runner, stage_params
from tast.preprocessing.pipeline import Shard, preprocess_records, settings_of
from tast.records import VideoRecord

log = logging.getLogger("flows.stages.preprocess")  # __name__ is __main__ where a stage runs


def main() -> None:
    params = stage_params("preprocess", "runner", "compute")
    instruction_set.require(params.compute.instruction_set)
    records, unread = read_raw(RAW, params.preprocess)
    with whole_folder(CLIPS) as folder:
        shards = preprocess_all(records, params.preprocess, folder, params.runner)
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


def preprocess_all(records: list[VideoRecord], params: Preprocess, folder: Path, runner: Runner) -> list[Shard]:
    work = partial(preprocess_records, settings=settings_of(params.model_dump()), cache_root=cache_root(), clips_folder=folder)
    return over_processes("preprocess", work, records, runner=runner, note=_rejected, lost=lost_video)


def _rejected(shards: Collection[Shard]) -> str:
    count = sum(len(shard.rejects) for shard in shards)
    return f"{count} rejected" if count else ""


def lost_video(record: VideoRecord, reason: str) -> Shard:
    """A video whose worker was killed each time it was tried."""
    return Shard(rows=(), rejects=(Reject(record.record_id, reason),), defects=(), n_computed=1)


if __name__ == "__main__":
    run(main)
