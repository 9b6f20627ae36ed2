"""Your own recordings: one table that names, for each video, the subject and the table of oximeter readings.

recordings.csv     subject_id,record_id,video,spo2[,scenario][,camera][,skin_type]    paths relative to this table
<spo2>             times_s,percent[,pulse_per_min]                         seconds since the video's first frame
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tast.clip_store import Reject
from tast.datasets.labels import pulse_rate_trace, require_overlap, spo2_trace
from tast.datasets.layout import records_or_rejects
from tast.datasets.tables import number_or_nan, read_columns
from tast.errors import BadInput
from tast.records import FITZPATRICK, FloatArray, VideoRecord, VideoSource
from tast.video.containers import container_times_s
from tast.video.read import read_frames

TABLE = "recordings.csv"
LAYOUT = f"a folder with {TABLE}: columns subject_id, record_id, video, spo2 (and scenario, camera, skin_type if you like)"
RECORD_COLUMNS = ("subject_id", "record_id", "video", "spo2")
READING_COLUMNS = ("times_s", "percent")
RECORD_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # names files

Row = dict[str, str]


def read_recordings(
    root: Path, *, spo2_range_percent: tuple[float, float] = (50.0, 100.0), dataset: str = "csv"
) -> Iterator[VideoRecord | Reject]:
    """Yield a record per row of root/recordings.csv (or of the table that root is), ordered by record_id.

    Frame times are the container's own. A row whose files cannot be read yields a Reject. Raises BadInput where the table is
    missing, lacks a column, or names a record twice.
    """
    table = Path(root) / TABLE if Path(root).is_dir() else Path(root)
    if not table.is_file():
        raise BadInput(table, "no such file", LAYOUT)
    places = [(row["record_id"].strip(), row) for row in read_columns(table, RECORD_COLUMNS)]
    _check_ids(table, [record_id for record_id, _ in places])
    read_one = partial(_read_row, folder=table.parent, spo2_range_percent=spo2_range_percent, dataset=dataset)
    yield from records_or_rejects(table.parent, places, read_one)


def check_recordings(root: Path) -> Iterator[tuple[str, str]]:
    """(record_id, what is wrong with it) for every defect of a folder of recordings. None means: ready to use."""
    for item in read_recordings(root):
        yield from ((item.record_id, defect) for defect in defects_of(item))


def defects_of(item: VideoRecord | Reject) -> list[str]:
    """All that is wrong with one recording, found by decoding every frame; masked readings and other mended defects count too."""
    if isinstance(item, Reject):
        return [item.reason]
    defects: list[str] = []
    try:
        n_frames = sum(1 for _ in read_frames(item.video, defects))
    except BadInput as error:
        return [*item.notes, f"{Path(error.path).name}: {error.found}; expected {error.expected}"]
    return [*item.notes, *(f"{item.video.path.name}: {defect} ({n_frames} good frames)" for defect in defects)]


def _check_ids(table: Path, record_ids: list[str]) -> None:
    if twice := sorted(record_id for record_id, n in Counter(record_ids).items() if n > 1):
        raise BadInput(table, f"record_id {', '.join(twice[:3])} more than once", "each record_id once")
    if unfit := [record_id for record_id in record_ids if not RECORD_ID.fullmatch(record_id)]:
        raise BadInput(table, f"record_id {unfit[0]!r}", "letters, digits, '_', '-' and '.', since it names files")


def _read_row(record_id: str, row: Row, *, folder: Path, spo2_range_percent: tuple[float, float], dataset: str) -> VideoRecord:
    if not row["subject_id"].strip():
        raise BadInput(folder / TABLE, f"no subject_id for {record_id}", "the person's id, the same in all of their recordings")
    video, readings = folder / row["video"].strip(), folder / row["spo2"].strip()
    skin_type = (row.get("skin_type") or "").strip()
    if skin_type not in ("", *FITZPATRICK):
        raise BadInput(folder / TABLE, f"skin_type {skin_type!r} of {record_id}", f"one of {', '.join(FITZPATRICK)}, or nothing")
    times_s, percent, per_minute = readings_of(readings)
    require_overlap(record_id, container_times_s(video), times_s)
    spo2, notes = spo2_trace(record_id, times_s, percent, valid_range=spo2_range_percent)
    return VideoRecord(
        dataset=dataset,
        subject_id=row["subject_id"].strip(),
        scenario=(row.get("scenario") or "").strip(),
        record_id=record_id,
        video=VideoSource(video),
        spo2=spo2,
        pulse_rate=None if per_minute is None else pulse_rate_trace(times_s, per_minute),
        camera=(row.get("camera") or "").strip(),
        skin_type=skin_type,
        notes=notes,
    )


def readings_of(path: Path) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """times_s, percent and, where the table has it, pulse_per_min: (N,) each; an empty cell is NaN."""
    rows = read_columns(path, READING_COLUMNS)
    times_s, percent = (numbers_of(path, rows, name) for name in READING_COLUMNS)
    unfit = ~np.isfinite(times_s)
    unfit[1:] |= ~(times_s[1:] > times_s[:-1])
    if unfit.any():
        line = int(np.argmax(unfit)) + 2
        raise BadInput(path, f"times_s in line {line} is missing or does not increase", "seconds that increase from line to line")
    per_minute = numbers_of(path, rows, "pulse_per_min") if "pulse_per_min" in rows[0] else None
    return times_s, percent, per_minute


def numbers_of(path: Path, rows: list[Row], name: str) -> FloatArray:
    return np.array([number_or_nan(path, line, row[name] or "") for line, row in enumerate(rows, start=2)], dtype=np.float64)
