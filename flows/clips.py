"""Clips of recordings: read where the download stage left them, preprocessed by a crew through the cache, written whole."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flows import STATE
from flows.layout import DOWNLOAD, original
from flows.progress import progress
from tast.clip_store import ClipRow, Defect, Reject, write_tables
from tast.crew.each import do_each
from tast.datasets.description import described
from tast.datasets.readers import read_downloaded
from tast.digests import Sealed
from tast.errors import TastError
from tast.files import whole_folder
from tast.params import Preprocess
from tast.preprocessing.pipeline import Shard, preprocess_records, settings_of
from tast.records import VideoRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """What became of the recordings: rows of their clips, who was rejected, defects that were mended, how many were computed."""

    records: Sequence[VideoRecord]
    rows: list[ClipRow]
    rejects: list[Reject]
    defects: list[Defect]
    n_computed: int


def make_clips(raw: Path, target: Path, params: Preprocess, **crew: Any) -> Made:
    """The clip store of the data sets in `raw`, as the folder `target`; crew: as in preprocess_all.

    Raises TastError where more than max_reject_fraction is rejected; then there is no folder, or the one of before.
    """
    records, unread = read_raw(raw, params)
    with whole_folder(target) as folder:
        shards = preprocess_all(records, params, folder, **crew)
        rows = [row for shard in shards for row in shard.rows]
        rejects = unread + [reject for shard in shards for reject in shard.rejects]
        for reject in rejects:
            log.warning("rejected %s: %s", reject.record_id, reject.reason)
        defects = [defect for shard in shards for defect in shard.defects]
        require_enough(rows, rejects, len(records) + len(unread), params.max_reject_fraction)
        digests = {name: digest for shard in shards for name, digest in shard.files_sha256.items()}
        write_tables(folder, rows, rejects, defects, params.model_dump(), known_sha256=digests)
    return Made(records, rows, rejects, defects, sum(shard.n_computed for shard in shards))


def read_raw(raw: Path, params: Preprocess) -> tuple[list[VideoRecord], list[Reject]]:
    """Records and unreadable sessions of what the download stage left in `raw`.

    Raises BadInput where a file there is not what it was: it names the file.
    """
    Sealed(raw, DOWNLOAD).check_all()
    return read_downloaded(raw, described(raw), (params.spo2_min_percent, params.spo2_max_percent))


def preprocess_all(records: Sequence[VideoRecord], params: Preprocess, folder: Path, **crew: Any) -> list[Shard]:
    """A shard for each record, its array file in `folder`. crew: how many workers, and what else do_each() takes."""
    work = partial(preprocess_records, settings=settings_of(params.model_dump()), cache_root=cache_root(), clips_folder=folder)
    rejects: list[Reject] = []
    with progress("preprocess", len(records)) as advance:

        def show(_: int, shard: Shard) -> None:
            rejects.extend(shard.rejects)
            advance(1, f"{len(rejects)} rejected" if rejects else "")

        return do_each(work, [[record] for record in records], on_result=show, **crew)


def lost_videos(records: Sequence[VideoRecord], reason: str) -> Shard:
    """Of videos whose worker was killed each time they were tried."""
    rejects = tuple(Reject(record.record_id, reason) for record in records)
    return Shard(rows=(), rejects=rejects, defects=(), n_computed=len(records))


def cache_root() -> Path:
    """TAST_CACHE, so that several clones can share one; else inside the project, for DVC's copies of it too."""
    return Path(os.environ.get("TAST_CACHE") or original() / STATE.name / "cache").resolve()


def require_enough(rows: list[ClipRow], rejects: list[Reject], n_videos: int, max_reject_fraction: float) -> None:
    """Raises TastError, with the first reasons, where too many videos were rejected or no clip is left."""
    if rows and len(rejects) <= max_reject_fraction * n_videos:
        return
    reasons = "; ".join(f"{reject.record_id}: {reject.reason}" for reject in rejects[:3])
    raise TastError(
        f"{len(rejects)} of {n_videos} videos rejected, preprocess.max_reject_fraction is {max_reject_fraction}: {reasons}"
    )
