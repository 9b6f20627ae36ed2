"""Contact sheets of a sample of the videos, beside the clips that the preprocess stage writes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tast.clip_store import ClipRow
from tast.errors import TastError
from tast.files import whole_folder
from tast.preview.stored import stored_sheet
from tast.records import FaceVideo, VideoRecord

log = logging.getLogger(__name__)

MOST_SHEETS = 6


def write_contact_sheets(
    folder: Path, clips_folder: Path, records: Sequence[VideoRecord], rows: Sequence[ClipRow], magnify: Mapping[str, Any]
) -> None:
    """folder/<record_id>.png for the first record with clips of each scenario; rows: the clips of all records."""
    by_record: dict[str, list[ClipRow]] = {}
    for row in rows:
        by_record.setdefault(row.record_id, []).append(row)
    with whole_folder(folder) as unfinished:
        for record in sample([record for record in records if record.record_id in by_record]):
            clips = by_record[record.record_id]
            heading = f"{record.record_id} · {record.scenario}".replace("_", " ")
            try:
                sheet = stored_sheet(heading, remark(clips), record.video, stored_face(clips, clips_folder), magnify)
            except TastError as error:
                log.warning("no contact sheet of %s: %s", record.record_id, error)
                continue
            (unfinished / f"{record.record_id}.png").write_bytes(sheet)


def sample(records: Sequence[VideoRecord], most: int = MOST_SHEETS) -> list[VideoRecord]:
    """The first record of each scenario, in order; of more than `most` scenarios the first ones."""
    first: dict[str, VideoRecord] = {}
    for record in records:
        first.setdefault(record.scenario, record)
    return list(first.values())[:most]


def stored_face(clips: Sequence[ClipRow], clips_folder: Path) -> FaceVideo:
    """The stored frames of one record, at their times."""
    clip = clips[0]
    frames = np.load(clips_folder / clip.file, mmap_mode="r")
    times_s = clip.start_s + (np.arange(len(frames)) - clip.first_frame) / clip.fps_hz
    return FaceVideo(clip.record_id, frames=frames, times_s=times_s, quality=np.ones(len(frames)))


def remark(clips: Sequence[ClipRow]) -> str:
    labels = np.concatenate([clip.spo2_percent for clip in clips])
    seen = np.mean([clip.quality for clip in clips])
    span = f"SpO₂ {np.nanmin(labels):.0f} to {np.nanmax(labels):.0f} %"
    return f"{span}; {len(clips)} clips at {clips[0].fps_hz:g} frames per second; face seen in {100 * seen:.0f} % of their frames"
