"""The recordings that the download stage left, where what is computed of them is kept, and how many may be rejected."""

from __future__ import annotations

import os
from pathlib import Path

from flows import STATE
from flows.layout import original
from tast.clip_store import ClipRow, Reject
from tast.datasets.description import described
from tast.datasets.readers import read_downloaded
from tast.errors import TastError
from tast.params import Preprocess
from tast.records import VideoRecord


def read_raw(raw: Path, params: Preprocess) -> tuple[list[VideoRecord], list[Reject]]:
    """Records and unreadable sessions of what the download stage left in `raw`."""
    return read_downloaded(raw, described(raw), (params.spo2_min_percent, params.spo2_max_percent))


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
