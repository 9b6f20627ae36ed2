"""MCD-rPPG: 600 people before and after squats, from three cameras at once, with one SpO2 reading for each of the two.

K. Egorov et al., "Gaze into the heart: a multi-view video dataset for rPPG and health biomarkers estimation", 2025
(arXiv:2508.17924); columns of db.csv by the authors' notebook (ksyegorov/mcd_rppg, Intro_to_mcd.ipynb). 640x480, MPEG-4 Part 2,
24 or 30 Hz nominal; an oximeter for single readings (Beurer PO 60), taken before the person went to the cameras.

So SpO2 here is a spot reading: a label of the recording's level, which says nothing of how SpO2 moved within it. Its uncertainty,
SPOT_SD_PERCENT, is assumed: the device's own (2 points, as its manual has it, from memory) and what SpO2 moves in some minutes at
rest (1 point), in quadrature. `pulse` of db.csv comes from the cuff, minutes away as well, and is not read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from tast.clip_store import Reject
from tast.datasets.frame_times import increasing_times, require_rate, stamped_source
from tast.datasets.labels import spot_reading
from tast.datasets.layout import folder_holding, records_or_rejects
from tast.datasets.stamped import SPO2_COLUMN
from tast.datasets.tables import number_or_nan, read_columns, text_lines
from tast.errors import BadInput
from tast.records import FloatArray, PulseTrace, VideoRecord, VideoSource
from tast.video.containers import container_times_s

SPOT_SD_PERCENT = 2.2
SCENARIOS = {"before": "before_squats", "after": "after_squats"}
TABLE = "db.csv"
LAYOUT = f"MCD-rPPG's layout: {TABLE} beside video/<patient>_<camera>_<before|after>.avi, meta/ and ppg_sync/"
VIDEO = re.compile(r"(?P<patient>[A-Za-z0-9]+)_(?P<camera>[A-Za-z0-9]+)_(?P<step>before|after)")
STAMP = re.compile(r"(\d+)\s+(\S.*)")  # number of the frame, date and time
LFS_POINTER = b"version https://git-lfs"
LONGEST_ID = 100  # characters of what is called so because it bears no name of the set
MAX_OFFSET_S = 0.1  # between a frame and the sample of the pulse wave that was matched to it


@dataclass(frozen=True)
class Row:
    """What db.csv says of one video; percents: of all rows that name it, in order. column: where SpO2 was found."""

    percents: tuple[float, ...]
    column: str


def read_mcd_rppg(
    root: Path, *, spo2_range_percent: tuple[float, float] = (50.0, 100.0), dataset: str = "mcd_rppg"
) -> Iterator[VideoRecord | Reject]:
    """Yield a record per video that db.csv names or that lies in video/, ordered by record_id ("1020_before_FullHDwebcam").

    A row without its video and a video without its row yield a Reject. Times are seconds since the first frame, by meta/; where
    that is missing, the container's own. Raises BadInput where root holds no db.csv, or its columns are not those of the set.
    """
    root = Path(root)
    top = folder_holding(root, lambda folder: (folder / TABLE).is_file(), LAYOUT)
    rows = _rows(top / TABLE)
    names = {*rows, *(path.stem for path in (top / "video").glob("*.avi"))}
    places = [(_record_id(name), name) for name in names]
    read_one = partial(_read_video, top=top, rows=rows, spo2_range_percent=spo2_range_percent, dataset=dataset)
    yield from records_or_rejects(root, places, read_one)


def meta_of(video: Path) -> Path | None:
    """meta/<name>.txt for a video of this set, video/<name>.avi; None where there is none."""
    meta = video.parent.parent / "meta" / f"{video.stem}.txt"
    return meta if video.parent.name == "video" and VIDEO.fullmatch(video.stem) and meta.is_file() else None


def video_by_meta(video: Path, meta: Path) -> tuple[VideoSource, tuple[str, ...]]:
    """One video alone, without its reading, timed by meta/, and what was mended. Raises BadInput and VideoRejected."""
    source, _, notes = _timed(video.stem, video, meta)
    return source, notes


def _record_id(name: str) -> str:
    found = VIDEO.fullmatch(name)
    return (
        f"{found['patient']}_{found['step']}_{found['camera']}" if found else re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:LONGEST_ID]
    )


def _rows(table: Path) -> dict[str, Row]:
    """What db.csv says, by the video's name without folder and ending."""
    lines = read_columns(table, ("video",))
    columns = [name for name in lines[0] if SPO2_COLUMN.fullmatch(name.strip())]
    if len(columns) != 1:
        shown = ", ".join(columns) or f"none among {', '.join(lines[0])}"
        raise BadInput(table, f"columns of oxygen saturation: {shown}", "one, as saturation")
    percents: dict[str, list[float]] = defaultdict(list)
    for number, line in enumerate(lines, start=2):
        name = PurePosixPath(line["video"].strip().replace("\\", "/")).stem
        percents[name].append(number_or_nan(table, number, line[columns[0]] or ""))
    return {name: Row(tuple(found), columns[0]) for name, found in percents.items()}


def _read_video(
    record_id: str, name: str, *, top: Path, rows: dict[str, Row], spo2_range_percent: tuple[float, float], dataset: str
) -> VideoRecord:
    found, path = VIDEO.fullmatch(name), top / "video" / f"{name}.avi"
    if found is None:
        raise BadInput(top / TABLE, f"a video named {name!r}", "names like 1020_FullHDwebcam_before.avi")
    if name not in rows:
        raise BadInput(path, f"no row of {TABLE} names it", "a row with its oxygen saturation")
    percents = np.array(rows[name].percents)
    if not np.isfinite(percents).any():
        raise BadInput(top / TABLE, f"no {rows[name].column} of {name}", "its oxygen saturation")
    if len(set(percents[np.isfinite(percents)])) > 1:
        shown = ", ".join(f"{percent:g}" for percent in percents)
        raise BadInput(top / TABLE, f"several readings of {name} ({shown})", "one")
    _require_video(path)
    spo2 = spot_reading(record_id, float(np.nanmax(percents)), SPOT_SD_PERCENT, valid_range=spo2_range_percent)
    video, times_s, timing = _timed(record_id, path, top / "meta" / f"{name}.txt")
    pulse, remarks = _pulse(top / "ppg_sync" / f"{name}.txt", times_s)
    notes = () if rows[name].column == "saturation" else (f"{TABLE}: column {rows[name].column!r} is taken",)
    return VideoRecord(
        dataset=dataset,
        subject_id=found["patient"],
        scenario=SCENARIOS[found["step"]],
        record_id=record_id,
        video=video,
        spo2=spo2,
        pulse=pulse,
        camera=found["camera"],
        notes=(*notes, *timing, *remarks),
    )


def _require_video(path: Path) -> None:
    if not path.is_file():
        raise BadInput(path, "no such file", f"the video that {TABLE} names")
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise BadInput(path, "a Git LFS pointer", "the video itself (`git lfs pull`)")


def _timed(record_id: str, path: Path, meta: Path) -> tuple[VideoSource, FloatArray, tuple[str, ...]]:
    """The video with its times (T,), by the computer's clock in `meta` where it is there."""
    if not meta.is_file():
        times_s = container_times_s(path)
        rate_hz = require_rate(record_id, len(times_s) - 1, float(times_s[-1]), "by the container")
        note = f"no meta/{meta.name}: {rate_hz:.2f} Hz by the container, which nothing confirms"
        return VideoSource(path, frame_times_s=times_s, times_are_estimated=True), times_s, (note,)
    times_s, mended = increasing_times(meta, _stamps_s(meta))
    require_rate(record_id, len(times_s) - 1, float(times_s[-1]), "by meta")
    video, unmatched = stamped_source(record_id, path, times_s, f"meta/{meta.name}")
    return video, times_s if video.frame_times_s is None else video.frame_times_s, mended + unmatched


def _stamps_s(meta: Path) -> FloatArray:
    """(T,) seconds since the first of the lines "number, date and time"; a first line that is none is a header."""
    moments = []
    for number, line in enumerate(text_lines(meta), start=1):
        found = STAMP.fullmatch(line.strip())
        try:
            moments += [datetime.fromisoformat(found[2]).replace(tzinfo=None)] if found else []
        except ValueError:
            found = None
        if found is None and line.strip() and number > 1:
            raise BadInput(meta, f"{line.strip()[:30]!r} in line {number}", "a frame's number, date and time")
    if not moments:
        raise BadInput(meta, "no time stamp", "a frame's number, date and time in each line")
    return np.array([(moment - moments[0]).total_seconds() for moment in moments])


def _pulse(path: Path, times_s: FloatArray) -> tuple[PulseTrace | None, tuple[str, ...]]:
    """The contact wave, one row a frame: value, and how far (s) its sample was from the frame, which is no step of time."""
    if not path.is_file():
        return None, (f"no ppg_sync/{path.name}",)
    try:
        rows = [[float(cell) for cell in line.split()] for line in text_lines(path) if line.strip()]
        table = np.array(rows, dtype=np.float64).reshape(len(rows), -1)
    except ValueError:
        return None, (f"ppg_sync/{path.name} is no table of numbers: no pulse",)
    if abs(len(table) - len(times_s)) > 0.02 * len(times_s) + 1:
        return None, (f"ppg_sync has {len(table)} rows for {len(times_s)} frames: no pulse",)
    n = min(len(table), len(times_s))
    wave = table[:n, 0].copy()
    if not np.ptp(wave):
        return None, ("ppg_sync does not move: no pulse",)
    far = np.abs(table[:n, 1]) > MAX_OFFSET_S if table.shape[1] > 1 else np.zeros(n, dtype=bool)
    wave[far] = np.nan
    notes = (f"{int(far.sum())} of {n} samples of ppg_sync are more than {MAX_OFFSET_S:g} s off: masked",) if far.any() else ()
    return PulseTrace(times_s[:n], wave), notes
