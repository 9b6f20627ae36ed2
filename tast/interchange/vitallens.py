"""Files of vitallens-python (github.com/Rouast-Labs/vitallens-python) as tables to anchor by, to label with and to compare with.

its CSV     a row a frame, without times: ppg, spo2, hr_ppg, ... of the devices beside its sample videos
its JSON    a list of faces: fps, time, waveforms.ppg_waveform, rolling_vitals.heart_rate, ...; no SpO2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, TypeAdapter, ValidationError

from tast.anchors import SPAN_S
from tast.datasets.labels import FAULT_CODES_PERCENT, mask_faults
from tast.datasets.recordings import numbers_of
from tast.datasets.tables import read_columns
from tast.errors import BadInput
from tast.records import FloatArray
from tast.seconds import mean_of_each
from tast.texts import read_text

MOST_BYTES = 200_000_000  # of a file: ten minutes at 30 Hz are 10 MB
EXPECTED = "the JSON that vitallens-python writes, or a CSV of its samples (columns spo2, hr_ppg, ppg)"
SPO2, PULSE, WAVE = "spo2", ("hr_ppg", "hr_ecg"), "ppg"
VALID_PERCENT = (50.0, 100.0)
WAVES = ("ppg_waveform", "respiratory_waveform")


class Series(BaseModel):
    data: list[float | None]
    confidence: list[float | None] | float | None = None


class Face(BaseModel):
    """Of one face; keys that are not asked for are left alone."""

    fps: float
    time: list[float]
    waveforms: dict[str, Series] = {}
    rolling_vitals: dict[str, Series] = {}


FACES = TypeAdapter(list[Face])


@dataclass(frozen=True)
class Imported:
    """tables: what to call each -> itself. said: what they are, and what is not in them."""

    tables: Mapping[str, pd.DataFrame]
    said: tuple[str, ...]


def read_vitallens(path: Path, fps_hz: float | None = None) -> Imported:
    """readings (times_s, percent, pulse_per_min; a row a second), anchor (second, spo2_percent), wave (times_s, ppg, ...).

    fps_hz: of the CSV's rows, which have no times. Raises BadInput for anything else, several faces, and a CSV without fps_hz.
    """
    return _of_json(path) if path.suffix.lower() == ".json" else _of_csv(path, fps_hz)


def _of_csv(path: Path, fps_hz: float | None) -> Imported:
    rows = read_columns(path, (SPO2,))
    if fps_hz is None:
        raise BadInput(path, "rows without times", "--fps, the rate of the video beside it")
    times_s = np.arange(len(rows)) / fps_hz
    given = numbers_of(path, rows, SPO2)
    spo2 = mask_faults(given, valid_range=VALID_PERCENT, fault_codes=FAULT_CODES_PERCENT)
    if not np.isfinite(spo2).any():
        raise BadInput(path, "no valid SpO2 in any row", f"{VALID_PERCENT[0]:g} to {VALID_PERCENT[1]:g} in the column spo2")
    pulse = next((numbers_of(path, rows, name) for name in PULSE if name in rows[0]), np.full(len(rows), np.nan))
    tables = {"readings": _per_second(times_s, spo2, pulse)}
    first = spo2[times_s < SPAN_S]
    if np.isfinite(first).any():
        tables["anchor"] = pd.DataFrame({"second": [SPAN_S / 2], "spo2_percent": [round(float(np.nanmean(first)), 2)]})
    if WAVE in rows[0]:
        tables["wave"] = pd.DataFrame({"times_s": times_s.round(6), "ppg": numbers_of(path, rows, WAVE)})
    said = f"{len(tables['readings'])} s of SpO2, {np.nanmin(spo2):g} to {np.nanmax(spo2):g} %"
    n_masked = int(np.isnan(spo2).sum())
    return Imported(tables, (f"{said}; {n_masked} of {len(spo2)} rows have none that is valid" if n_masked else said,))


def _of_json(path: Path) -> Imported:
    try:
        faces = FACES.validate_json(read_text(path, EXPECTED, MOST_BYTES))
    except ValidationError as error:
        mistake = error.errors()[0]
        place = ".".join(str(part) for part in mistake["loc"])
        raise BadInput(path, f"{place}: {mistake['msg']}", EXPECTED) from None
    if len(faces) != 1:
        raise BadInput(path, f"{len(faces)} faces", "one, as a prediction here has")
    (face,) = faces
    times_s = np.array(face.time)
    series = {name: face.waveforms[name] for name in WAVES if name in face.waveforms}
    if not len(times_s) or any(len(one.data) != len(times_s) for one in series.values()):
        raise BadInput(
            path, f"{len(times_s)} times beside {[len(one.data) for one in series.values()]} values", "one for each frame"
        )
    tables: dict[str, pd.DataFrame] = {}
    if series:
        tables["wave"] = pd.DataFrame({"times_s": times_s.round(6), **_columns(series, len(times_s))})
    rolling = face.rolling_vitals.get("heart_rate")
    if rolling is not None and len(rolling.data) == len(times_s):
        tables["readings"] = _per_second(times_s, np.full(len(times_s), np.nan), _numbers(rolling.data))
    if not tables:
        raise BadInput(path, "neither a wave nor a pulse rate of each frame", EXPECTED)
    return Imported(tables, ("no SpO2 in it: to compare a pulse with, and no anchor",))


def _columns(series: Mapping[str, Series], n_frames: int) -> dict[str, FloatArray]:
    """ppg, respiratory, and the confidence of each where it is told frame by frame."""
    columns: dict[str, FloatArray] = {}
    for name, one in series.items():
        columns[name.removesuffix("_waveform")] = _numbers(one.data)
        if isinstance(one.confidence, list) and len(one.confidence) == n_frames:
            columns[f"{name.removesuffix('_waveform')}_confidence"] = _numbers(one.confidence)
    return columns


def _numbers(values: list[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _per_second(times_s: FloatArray, spo2: FloatArray, pulse: FloatArray) -> pd.DataFrame:
    """Means of each second, in the columns of an own recording's table of readings."""
    second = np.floor(times_s + 1e-6).astype(np.int64)
    columns = {}
    for name, values in (("percent", spo2), ("pulse_per_min", pulse)):
        known = np.isfinite(values)
        columns[name] = mean_of_each(values[known], second[known], int(second[-1]) + 1).round(2)
    return pd.DataFrame({"times_s": np.arange(int(second[-1]) + 1), **columns})
