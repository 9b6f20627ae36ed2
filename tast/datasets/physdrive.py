"""PhysDrive: 48 drivers in three kinds of car on three kinds of road, as face-aligned PNGs (or a video) beside MATLAB labels.

J. Wang, X. Yang et al., "PhysDrive: a multimodal remote physiological measurement dataset for in-vehicle driver monitoring",
2025; layout by the repository WJULYW/PhysDrive-Dataset and the loader of rPPG-Toolbox. Neither frames nor labels are stamped:
both begin and end together, at 30 Hz nominal, unless Recording_Physiological_Data.csv says how long the recording was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tast.clip_store import Reject
from tast.datasets.clocks import in_seconds
from tast.datasets.frame_times import require_rate
from tast.datasets.labels import FAULT_CODES_PERCENT, pulse_rate_trace, spo2_trace
from tast.datasets.layout import folder_holding, records_or_rejects, visible_folders
from tast.datasets.matlab import mat_series
from tast.datasets.stamped import TIME_COLUMN
from tast.datasets.tables import number_or_nan, read_columns
from tast.errors import BadInput
from tast.records import FloatArray, PulseTrace, VideoRecord, VideoSource
from tast.video.containers import container_frame_count

NOMINAL_RATE_HZ = 30.0
LAYOUT = (
    "PhysDrive's layout: <car><sex><hour><number>/<road><1|2>/ with Align/<number>.png (or RGB.mp4, or Video/RGB.mp4) and "
    "Label/SPO2.mat"
)
SUBJECT = re.compile(r"[ABC][MF][ZHWY]\d+")  # car, sex, noon|dusk|midnight|rain, number
SESSION = re.compile(r"[ABC][12ST]")  # road: free, congested, bumpy; 1 or S: silent, 2 or T: talking
IMAGE = re.compile(r"(?:.*\D)?(\d+)\.png", re.IGNORECASE)
VIDEOS = ("RGB.mp4", "Video/RGB.mp4")
TABLE = "Recording_Physiological_Data.csv"
CAMERA = "RGB"


def read_physdrive(
    root: Path, *, spo2_range_percent: tuple[float, float] = (50.0, 100.0), dataset: str = "physdrive"
) -> Iterator[VideoRecord | Reject]:
    """Yield a record per session below root, ordered by record_id ("AFH1_A1"); subject_id is the driver's folder.

    Frame times are estimated and say so: see the module. Readings are masked (NaN) where they are fault codes or outside
    spo2_range_percent. Raises BadInput where root holds no session in this layout.
    """
    root = Path(root)
    top = folder_holding(root, lambda folder: bool(_places(folder)), LAYOUT)
    read_one = partial(_read_session, spo2_range_percent=spo2_range_percent, dataset=dataset)
    yield from records_or_rejects(root, _places(top), read_one)


def _places(top: Path) -> list[tuple[str, Path]]:
    """Sessions of drivers: other folders beside them (`processed`, the radar's) are neither."""
    return [
        (f"{subject.name}_{session.name}", session)
        for subject in visible_folders(top)
        if SUBJECT.fullmatch(subject.name)
        for session in visible_folders(subject)
        if SESSION.fullmatch(session.name)
    ]


def _read_session(record_id: str, session: Path, *, spo2_range_percent: tuple[float, float], dataset: str) -> VideoRecord:
    subject_id, scenario = record_id.split("_")
    path, names, frames, numbering = _frames(session)
    n_frames = int(frames[-1]) + 1
    recorded_s, timing = _recorded_s(session / TABLE)
    rate_hz = NOMINAL_RATE_HZ
    if recorded_s is not None:
        rate_hz = require_rate(record_id, n_frames, recorded_s, f"by {TABLE}")
    duration_s = n_frames / rate_hz
    percent, scaled = _percent(session / "Label" / "SPO2.mat")
    spo2, masked = spo2_trace(
        record_id, _spread(len(percent), duration_s), percent, valid_range=spo2_range_percent, fault_codes=FAULT_CODES_PERCENT
    )
    rate, wave = (_optional(session / "Label" / name) for name in ("HR.mat", "BVP.mat"))
    how = "nominal" if recorded_s is None else f"by the {recorded_s:g} s of {TABLE}"
    assumed = f"no time stamps: {n_frames} frames at {rate_hz:.2f} Hz ({how}), {len(percent)} readings spread over them"
    return VideoRecord(
        dataset=dataset,
        subject_id=subject_id,
        scenario=scenario,
        record_id=record_id,
        video=VideoSource(path, frame_files=names, frame_times_s=frames / rate_hz, times_are_estimated=True),
        spo2=spo2,
        pulse=None if wave is None else PulseTrace(_spread(len(wave), duration_s), wave),
        pulse_rate=None if rate is None else pulse_rate_trace(_spread(len(rate), duration_s), rate),
        camera=CAMERA,
        notes=(assumed, *timing, *numbering, *scaled, *masked),
    )


def _frames(session: Path) -> tuple[Path, tuple[str, ...] | None, npt.NDArray[np.int64], tuple[str, ...]]:
    """The frames' folder with their names, or the video; each frame's place (T,) from 0 on; and a note where some are missing."""
    folder = session / "Align"
    if folder.is_dir():
        numbered = sorted((int(found[1]), path.name) for path in folder.iterdir() if (found := IMAGE.fullmatch(path.name)))
        if not numbered:
            raise BadInput(folder, "no image", "images named by their number")
        numbers = np.array([number for number, _ in numbered], dtype=np.int64)
        if np.any(np.diff(numbers) == 0):
            raise BadInput(folder, f"two images with the number {numbers[:-1][np.diff(numbers) == 0][0]}", "each number once")
        place = numbers - numbers[0]
        n_missing = int(place[-1]) + 1 - len(place)
        notes = (f"{n_missing} frames are missing between the images' numbers",) if n_missing else ()
        return folder, tuple(name for _, name in numbered), place, notes
    for name in VIDEOS:
        if (session / name).is_file():
            return session / name, None, np.arange(container_frame_count(session / name)), ()
    raise BadInput(session, "neither Align nor RGB.mp4", LAYOUT)


def _recorded_s(table: Path) -> tuple[float | None, tuple[str, ...]]:
    """How long the recording was by the stamps of its table; None where there is no such table or it has no stamps."""
    if not table.is_file():
        return None, ()
    rows = read_columns(table, ())
    found = [name for name in rows[0] if TIME_COLUMN.fullmatch(name.strip())] if rows else []
    if len(found) != 1:
        return None, (f"{TABLE} has {len(found)} columns of time stamps: not used",)
    try:
        stamps = [number_or_nan(table, line, row[found[0]] or "") for line, row in enumerate(rows, start=2)]
        times_s, unit = in_seconds(table, np.array(stamps))
    except BadInput as error:
        return None, (f"{TABLE} is not used: {error.found}",)
    return float(times_s.max() - times_s.min()), (f"{TABLE} counts in {unit}",) if unit != "s" else ()


def _percent(path: Path) -> tuple[FloatArray, tuple[str, ...]]:
    values, name = mat_series(path)
    notes = () if name.lower() == path.stem.lower() else (f"{path.name}: variable {name} is taken",)
    if np.all(values[np.isfinite(values)] <= 1):
        return 100 * values, (*notes, f"{path.name} holds fractions: taken as hundredths")
    return values, notes


def _optional(path: Path) -> FloatArray | None:
    return mat_series(path)[0] if path.is_file() else None


def _spread(n: int, duration_s: float) -> FloatArray:
    """(n,) times of values that are evenly spread over the recording, each at the start of its share."""
    return np.arange(n) * (duration_s / n)
