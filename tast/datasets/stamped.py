"""One session's folder as SUMS and LADH write it: a video beside a table for each signal, every row stamped, all on one clock.

The published loaders draw a line through the readings and follow it beyond their ends; here a second without a reading has no
label. In which unit the clock counts is written nowhere: see tast.datasets.clocks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tast.datasets.clocks import in_seconds
from tast.datasets.frame_times import increasing_times, require_rate, stamped_source
from tast.datasets.labels import FAULT_CODES_PERCENT, pulse_rate_trace, require_overlap, spo2_trace
from tast.datasets.tables import number_or_nan, read_columns
from tast.errors import BadInput
from tast.records import FloatArray, PulseTrace, VideoRecord, VideoSource

TIME_COLUMN = re.compile(r".*(time|stamp).*|t(_?(s|ms|us|ns))?", re.IGNORECASE)
SPO2_COLUMN = re.compile(r".*(spo2|sao2|satur|oxygen).*", re.IGNORECASE)
RATE_COLUMN = re.compile(r".*(hr|heart|pulse|pr|bpm).*", re.IGNORECASE)
WAVE_COLUMN = re.compile(r".*(bvp|ppg|pleth|wave).*", re.IGNORECASE)
VIDEO_NAME = re.compile(r"video_(?:ZIP_)?([A-Za-z0-9]+)(?:_.*)?\.avi")
UNCOVERED_S = 2.0  # of the video at either end without readings, before it is worth a note


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """times_s (N,) increasing, in seconds of the files' clock; value (N,), NaN where a cell is empty; unit: of the stamps."""

    times_s: FloatArray
    value: FloatArray
    unit: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Take:
    """One camera's video of a session: where its frames, their time stamps and the tables of readings lie, and whose it is."""

    subject_id: str
    scenario: str
    camera: str
    video: Path
    stamps: Path
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.video.parent


def read_take(record_id: str, take: Take, *, spo2_range_percent: tuple[float, float], dataset: str) -> VideoRecord:
    """The record of one video. SpO2.csv beside it is needed; HR.csv and BVP.csv are read where they are.

    Times are seconds since the first frame. Raises BadInput and VideoRejected.
    """
    frames_s, frames_unit = _frame_stamps(take.stamps)
    times_s, mended = increasing_times(take.stamps, frames_s)
    video, unmatched = stamped_source(record_id, take.video, times_s, take.stamps.name)
    require_rate(record_id, len(times_s) - 1, float(times_s[-1]), f"by {take.stamps.name}")
    readings = stamped_series(take.folder / "SpO2.csv", SPO2_COLUMN)
    rate = _optional(take.folder / "HR.csv", RATE_COLUMN)
    wave = _optional(take.folder / "BVP.csv", WAVE_COLUMN)
    there = {"SpO2.csv": readings, "HR.csv": rate, "BVP.csv": wave}
    reading_s = readings.times_s - frames_s[0]
    require_overlap(record_id, times_s, reading_s)
    spo2, masked = spo2_trace(
        record_id, reading_s, readings.value, valid_range=spo2_range_percent, fault_codes=FAULT_CODES_PERCENT
    )  # fmt: skip
    units = {take.stamps.name: frames_unit} | {name: one.unit for name, one in there.items() if one}
    notes = take.notes + _said_units(units) + mended + unmatched + masked + _uncovered(reading_s, float(times_s[-1]))
    return VideoRecord(
        dataset=dataset,
        subject_id=take.subject_id,
        scenario=take.scenario,
        record_id=record_id,
        video=video,
        spo2=spo2,
        pulse=None if wave is None else PulseTrace(wave.times_s - frames_s[0], wave.value),
        pulse_rate=None if rate is None else pulse_rate_trace(rate.times_s - frames_s[0], rate.value),
        camera=take.camera,
        notes=notes
        + tuple(note for one in there.values() if one for note in one.notes)
        + tuple(f"no {name}" for name, one in there.items() if one is None),
    )


def stamps_of(video: Path) -> Path | None:
    """The table of time stamps beside a video of such a session: frames_timestamp_RGB.csv of video_RGB_H264.avi, or the
    session's frames_timestamp.csv; None where there is none.
    """
    camera = VIDEO_NAME.fullmatch(video.name)
    names = [f"frames_timestamp_{camera[1]}.csv", "frames_timestamp.csv"] if camera else []
    return next((video.with_name(name) for name in names if video.with_name(name).is_file()), None)


def video_by_table(video: Path, stamps: Path) -> tuple[VideoSource, tuple[str, ...]]:
    """One video alone, without its readings, timed by the table beside it, and what was mended."""
    frames_s, _ = _frame_stamps(stamps)
    times_s, mended = increasing_times(stamps, frames_s)
    source, unmatched = stamped_source(video.stem, video, times_s, stamps.name)
    return source, mended + unmatched


def stamped_series(path: Path, column: re.Pattern[str]) -> Series:
    """A table's stamps and its column of that name; where no name fits, the one column beside the stamps, which is noted.

    Rows are put in order of time; of repeated stamps the first counts.
    """
    rows = read_columns(path, ())
    time, others = _time_column(path, rows)
    named = [name for name in others if column.fullmatch(name.strip())]
    chosen = named or others
    if len(chosen) != 1:
        raise BadInput(path, f"columns {', '.join(rows[0])}", f"one column of stamps and one named like {column.pattern}")
    stamps, unit = in_seconds(path, _cells(path, rows, time))
    order = np.argsort(stamps, kind="stable")
    first = np.concatenate([[True], np.diff(stamps[order]) > 0])
    notes: tuple[str, ...] = () if named else (f"{path.name}: column {chosen[0]!r} is taken",)
    if n_back := int(np.sum(np.diff(stamps) < 0)):
        notes += (f"{path.name}: time goes back {n_back} times, rows put in order",)
    if n_repeated := int(np.sum(~first)):
        notes += (f"{path.name}: {n_repeated} rows with a repeated time stamp left out",)
    return Series(stamps[order][first], _cells(path, rows, chosen[0])[order][first], unit, notes)


def _optional(path: Path, column: re.Pattern[str]) -> Series | None:
    return stamped_series(path, column) if path.exists() else None


def _frame_stamps(path: Path) -> tuple[FloatArray, str]:
    """(T,) seconds in the order of the rows, one a frame."""
    rows = read_columns(path, ())
    time, _ = _time_column(path, rows)
    return in_seconds(path, _cells(path, rows, time))


def _time_column(path: Path, rows: list[dict[str, str]]) -> tuple[str, list[str]]:
    """The column of stamps, and the others."""
    if not rows:
        raise BadInput(path, "no row", "a table with a column of time stamps")
    found = [name for name in rows[0] if TIME_COLUMN.fullmatch(name.strip())]
    if len(found) != 1:
        raise BadInput(path, f"{len(found)} columns of time stamps among {', '.join(rows[0])}", "one, named like timestamp")
    return found[0], [name for name in rows[0] if name != found[0]]


def _cells(path: Path, rows: list[dict[str, str]], name: str) -> FloatArray:
    return np.array([number_or_nan(path, line, row[name] or "") for line, row in enumerate(rows, start=2)], dtype=np.float64)


def _said_units(units: dict[str, str]) -> tuple[str, ...]:
    """Nothing where all files count in seconds."""
    if set(units.values()) == {"s"}:
        return ()
    if len(set(units.values())) == 1:
        return (f"time stamps in {next(iter(units.values()))}, by their size",)
    return (f"clocks in mixed units, by their size: {', '.join(f'{name} {unit}' for name, unit in units.items())}",)


def _uncovered(reading_s: FloatArray, end_s: float) -> tuple[str, ...]:
    if reading_s[0] <= UNCOVERED_S and reading_s[-1] >= end_s - UNCOVERED_S:
        return ()
    return (f"SpO2.csv spans {reading_s[0]:.1f} to {reading_s[-1]:.1f} s of a video of {end_s:.1f} s: no label beyond",)
