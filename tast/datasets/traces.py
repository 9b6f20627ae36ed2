"""Any camera's colour traces beside SpO2, in plain tables: real waves of one's own, for a phantom to be driven by.

traces.csv   subject_id,trace,spo2[,record_id]     paths relative to this table; subject_id a whole number
<trace>      times_s,r,g,b                         mean red, green, blue of the skin in each frame
<spo2>       times_s,percent[,pulse_per_min]       on the same clock
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tast.clip_store import Reject
from tast.datasets.finger_series import FingerSeries
from tast.datasets.labels import FAULT_CODES_PERCENT, PULSE_RATE_RANGE_PER_MIN, mask_faults
from tast.datasets.layout import folder_holding, reason_below
from tast.datasets.recordings import numbers_of, readings_of
from tast.datasets.tables import read_columns
from tast.errors import BadInput, TastError
from tast.records import FloatArray

TABLE = "traces.csv"
LAYOUT = f"a folder with {TABLE}: columns subject_id, trace, spo2 (and record_id where a person has several)"
COLUMNS, TRACE_COLUMNS = ("subject_id", "trace", "spo2"), ("times_s", "r", "g", "b")
SPO2_RANGE_PERCENT = (50.0, 100.0)
EVEN = 0.05  # steps that differ by less from the usual one are even
LONGEST_GAP_S = 1.0


def read_traces(root: Path) -> tuple[list[FingerSeries], list[Reject]]:
    """A series per row of traces.csv, in its order, and the rows that cannot be read.

    Uneven steps are drawn onto an even grid, linearly, and noted. Readings are the means of each second of the trace; a second
    without any has none. Raises BadInput where root has no such table, or it lacks a column.
    """
    root = Path(root)
    top = folder_holding(root, holds_traces, LAYOUT)
    read: list[FingerSeries] = []
    rejects: list[Reject] = []
    for number, row in enumerate(read_columns(top / TABLE, COLUMNS), start=2):
        try:
            read.append(_read_row(top, number, row))
        except TastError as error:
            rejects.append(Reject(f"line {number}", reason_below(root, error)))
    return read, rejects


def holds_traces(folder: Path) -> bool:
    return (folder / TABLE).is_file()


def _read_row(top: Path, line: int, row: dict[str, str]) -> FingerSeries:
    subject_id = row["subject_id"].strip()
    if not subject_id.isdecimal():
        raise BadInput(top / TABLE, f"subject_id {subject_id!r} in line {line}", "a whole number, which is a phantom's subject")
    path = top / row["trace"].strip()
    times_s, rgb, notes = _trace(path)
    reading_s, percent, per_minute = readings_of(top / row["spo2"].strip())
    seconds = int(times_s[-1] - times_s[0]) + 1
    spo2 = mask_faults(percent, valid_range=SPO2_RANGE_PERCENT, fault_codes=FAULT_CODES_PERCENT)
    by_second = _by_second(reading_s - times_s[0], spo2, seconds)
    if np.isnan(by_second).all():
        raise BadInput(top / row["spo2"].strip(), "no valid SpO2 reading within the trace", "readings on the trace's clock")
    rate = np.full(seconds, np.nan)
    if per_minute is not None:
        rate = _by_second(reading_s - times_s[0], mask_faults(per_minute, valid_range=PULSE_RATE_RANGE_PER_MIN), seconds)
    return FingerSeries(
        subject_id=str(int(subject_id)),
        hand=(row.get("record_id") or "").strip(),
        path=path,
        times_s=times_s - times_s[0],
        rgb=rgb,
        reading_times_s=np.arange(seconds, dtype=np.float64),
        spo2_by_oximeter={"1": by_second},
        spo2_percent=by_second,
        pulse_per_min=rate,
        notes=notes,
    )


def _trace(path: Path) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """times_s (T,) evenly spaced, rgb (T, 3), and a note where the steps were not even."""
    rows = read_columns(path, TRACE_COLUMNS)
    times_s, *channels = (numbers_of(path, rows, name) for name in TRACE_COLUMNS)
    rgb = np.column_stack(channels)
    steps_s = np.diff(times_s)
    if not np.isfinite(rgb).all() or not np.isfinite(times_s).all() or not len(steps_s) or np.any(steps_s <= 0):
        raise BadInput(path, "a number is missing, or times_s does not increase", "a number each, and times that increase")
    step_s = float(np.median(steps_s))
    if steps_s.max() > LONGEST_GAP_S:
        raise BadInput(path, f"a gap of {steps_s.max():.2f} s", f"none longer than {LONGEST_GAP_S:g} s")
    if np.all(np.abs(steps_s - step_s) <= EVEN * step_s):
        return times_s, rgb, ()
    grid_s = np.arange(times_s[0], times_s[-1], step_s)
    even = np.column_stack([np.interp(grid_s, times_s, one) for one in rgb.T])
    return grid_s, even, (f"uneven steps of {steps_s.min():.4f} to {steps_s.max():.4f} s: drawn onto {1 / step_s:.2f} Hz",)


def _by_second(times_s: FloatArray, values: FloatArray, seconds: int) -> FloatArray:
    """(seconds,) mean of the known values of each, NaN where there is none."""
    second = np.floor(times_s)
    known = (second >= 0) & (second < seconds) & np.isfinite(values)
    index = second[known].astype(np.int64)
    count = np.bincount(index, minlength=seconds)
    total = np.bincount(index, weights=values[known], minlength=seconds)
    return np.divide(total, count, out=np.full(seconds, np.nan), where=count > 0)
