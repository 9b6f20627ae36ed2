"""Clips of recordings: read where the download stage left them, preprocessed by a crew through the cache, written whole."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flows import STATE, original
from flows.layout import DOWNLOAD
from flows.progress import progress
from tast.clip_store import ClipRow, Defect, Reject, write_tables
from tast.crew.each import do_each
from tast.datasets.description import described
from tast.datasets.readers import read_downloaded
from tast.digests import Sealed
from tast.errors import TastError
from tast.files import whole_folder
from tast.params import Preprocess
from tast.preprocessing.away import compute_away
from tast.preprocessing.cache import ItemCache
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


def make_clips(raw: Path, target: Path, params: Preprocess, *, away: Mapping[str, Any] | None = None, **crew: Any) -> Made:
    """The clip store of the data sets in `raw`, as the folder `target`; away, crew: as in preprocess_all.

    Raises TastError where more than max_reject_fraction is rejected; then there is no folder, or the one of before.
    """
    records, unread = read_raw(raw, params)
    with whole_folder(target) as folder:
        shards, n_away = preprocess_all(records, params, folder, away=away, **crew)
        rows = [row for shard in shards for row in shard.rows]
        rejects = unread + [reject for shard in shards for reject in shard.rejects]
        for reject in rejects:
            log.warning("rejected %s: %s", reject.record_id, reject.reason)
        defects = [defect for shard in shards for defect in shard.defects]
        require_enough(rows, rejects, len(records) + len(unread), params.max_reject_fraction)
        digests = {name: digest for shard in shards for name, digest in shard.files_sha256.items()}
        write_tables(folder, rows, rejects, defects, params.model_dump(), known_sha256=digests)
    return Made(records, rows, rejects, defects, n_away + sum(shard.n_computed for shard in shards))


def read_raw(raw: Path, params: Preprocess) -> tuple[list[VideoRecord], list[Reject]]:
    """Records and unreadable sessions of what the download stage left in `raw`.

    Raises BadInput where a file there is not what it was: it names the file.
    """
    Sealed(raw, DOWNLOAD).check_all()
    return read_downloaded(raw, described(raw), (params.spo2_min_percent, params.spo2_max_percent))


def preprocess_all(
    records: Sequence[VideoRecord], params: Preprocess, folder: Path, *, away: Mapping[str, Any] | None = None, **crew: Any
) -> tuple[list[Shard], int]:
    """A shard for each record, its array file in `folder`; and how many items were computed by other machines.

    away: the store's url and the crew of machines that see it and not this project (tast.preprocessing.away), if any. crew: how
    many workers see it, and what else do_each() takes.
    """
    settings = settings_of(params.model_dump())
    work = partial(preprocess_records, settings=settings, cache_root=cache_root(), clips_folder=folder)
    lost: Mapping[str, str] = {}
    n_away = 0
    if away:
        with progress("preprocess elsewhere", len(records)) as advance:
            done = compute_away(records, settings, ItemCache(cache_root()), on_result=lambda n: advance(n, ""), **away)
        lost, n_away = done.lost, done.n_computed
    here = [record for record in records if record.record_id not in lost]
    shards = [lost_videos([record], lost[record.record_id]) for record in records if record.record_id in lost]
    n_rejects = len(shards)
    with progress("preprocess", len(here)) as advance:

        def show(_: int, shard: Shard) -> None:
            nonlocal n_rejects
            n_rejects += len(shard.rejects)
            advance(1, f"{n_rejects} rejected" if n_rejects else "")

        shards += do_each(work, [[record] for record in here], on_result=show, **crew)
    return shards, n_away


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
