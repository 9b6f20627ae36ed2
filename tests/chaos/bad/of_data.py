"""Data sets: in each layout two recordings, of which one is damaged; the other must come out as it was, and none be missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from tast.clip_store import Reject
from tast.datasets import oximetry_phone_cam, traces
from tast.datasets.finger_series import FingerSeries
from tast.datasets.matlab import mat_series
from tast.datasets.readers import read_dataset
from tast.datasets.vipl_hr import official_folds
from tast.datasets.waves import read_waves
from tast.records import VideoRecord
from tests.chaos.bad.mutators import OF_ARRAYS, OF_BYTES, OF_JSON, OF_TEXT
from tests.chaos.bad.trial import Parser, unclear
from tests.datasets.layouts import write_pure_session, write_recording, write_vipl_hr_video
from tests.datasets.more_layouts import (
    mcd_row,
    write_ladh_station,
    write_mcd_table,
    write_mcd_video,
    write_mths_person,
    write_physdrive_session,
    write_sums_state,
)
from tests.datasets.test_oximetry_phone_cam import write_set
from tests.datasets.test_waves import write_traces

Read = tuple[list[Any], list[Reject]]
LONGEST_RECORDING_S = 86_400.0  # a day: what lies apart further is a wrong stamp


def _other_as_it_was(result: Read, valid: Read, how: str, *, all_there: bool = True) -> str:
    """What is wrong with recordings of which one was damaged. all_there: whether their list itself was left alone."""
    (items, rejects), (sound, _) = result, valid
    if all_there and len(items) + len(rejects) != len(sound):
        return f"{len(items)} recordings and {len(rejects)} rejects of {len(sound)}"
    for reject in rejects:
        if fault := unclear(f"{reject.record_id}: {reject.reason}", {reject.record_id}):
            return fault
    if items and all_there and not any(_alike(one, other) for one in items for other in sound):
        return "the recording beside the damaged one is another than it was"
    return next((fault for one in items if (fault := _fault_of(one))), "")


def _fault_of(one: VideoRecord | FingerSeries) -> str:
    percent = one.spo2.percent if isinstance(one, VideoRecord) else one.spo2_percent
    times_s = one.spo2.times_s if isinstance(one, VideoRecord) else one.reading_times_s
    known = percent[~np.isnan(percent)]
    if not len(known) or known.min() < 50 or known.max() > 100:
        return f"SpO2 {percent}"
    if not np.isfinite(times_s).all():
        return f"times of readings {times_s}"
    frames_s = one.video.frame_times_s if isinstance(one, VideoRecord) else one.times_s
    if frames_s is not None and (not np.isfinite(frames_s).all() or np.ptp(frames_s) > LONGEST_RECORDING_S):
        return f"times of frames up to {frames_s.max()}"
    if isinstance(one, FingerSeries) and not np.isfinite(one.rgb).all():
        return "colours that are no numbers"
    notes = [note for note in one.notes if unclear(note, {note})]
    return f"note {notes[0][:80]!r}" if notes else ""


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, VideoRecord):
        return one.record_id == other.record_id and np.array_equal(one.spo2.percent, other.spo2.percent, equal_nan=True)
    return one.path.name == other.path.name and np.array_equal(one.spo2_percent, other.spo2_percent, equal_nan=True)


listed_elsewhere = partial(_other_as_it_was, all_there=False)


def _two(write: Callable[..., object], one: Any, other: Any, **more: Any) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        write(folder, one, **more)
        write(folder, other, **more)

    return make


def _mcd(folder: Path) -> None:
    names = ("1020_FullHDwebcam_before", "1021_FullHDwebcam_before")
    for name in names:
        write_mcd_video(folder, name)
    write_mcd_table(folder, [mcd_row(name, 97) for name in names])


def _own(folder: Path) -> None:
    write_recording(folder, "anna_1")
    write_recording(folder, "bert_1", subject_id="bert")


def _physdrive(folder: Path) -> None:
    for place in ("AFH1/A1", "AFH2/A1"):
        write_physdrive_session(folder, place, images=[np.full((4, 4, 3), 90, np.uint8)] * 60, recorded_s=[0.0, 1.0, 2.0])


def _mths(folder: Path) -> None:
    write_mths_person(folder, 1, seconds=4)
    write_mths_person(folder, 2, seconds=4)


def _folds(folder: Path) -> None:
    (folder / "fold").mkdir()
    for number in range(1, 4):
        scipy.io.savemat(folder / "fold" / f"fold{number}.mat", {"fold": np.arange(number * 10, number * 10 + 5)[None]})


def _folds_wrong(result: Any, valid: Any, how: str) -> str:
    names = [name for fold in result for name in fold]
    return (
        "" if all(name[1:].isdigit() and int(name[1:]) >= 0 for name in names) and len(set(names)) == len(names) else f"{names}"
    )


def _hands(folder: Path) -> Read:
    return list(oximetry_phone_cam.read_oximetry_phone_cam(folder)), []


def _read(layout: str) -> Callable[[Path], Read]:
    return lambda folder: read_dataset(layout, folder)


def _mat(**kind: Any) -> Callable[[Path], None]:
    """A series of whole percents and one of fractions beside it; of both orders of bytes one, compressed or not."""

    def make(folder: Path) -> None:
        arrays = {"SPO2": np.arange(90, 100)[:, None], "rest": np.linspace(0, 1, 30).reshape(3, 10)}
        scipy.io.savemat(folder / "SPO2.mat", arrays, **kind)

    return make


def _mat_of_big_endian(folder: Path) -> None:
    """By hand, as SciPy writes this machine's order alone: header, then a matrix of flags, size, name and values."""
    values = np.arange(90, 100).astype(">f8")
    parts = [(6, np.array([6, 0], ">u4")), (5, np.array([10, 1], ">i4")), (1, b"SPO2"), (9, values)]
    body = b"".join(_element(kind, bytes(content)) for kind, content in parts)
    (folder / "SPO2.mat").write_bytes(b"MATLAB 5.0".ljust(124) + b"\x01\x00MI" + _element(14, body))


def _element(kind: int, content: bytes) -> bytes:
    return np.array([kind, len(content)], ">u4").tobytes() + content + bytes(-len(content) % 8)


def _series(folder: Path) -> tuple[list[float], str]:
    values, name = mat_series(folder / "SPO2.mat")
    return values.tolist(), name


def _same_series(result: Any, valid: Any, how: str) -> str:
    """What was compressed has a check sum."""
    return "" if result == valid or result[1] == "rest" else f"{result}"[:120]


def _some_series(result: Any, valid: Any, how: str) -> str:
    """Plain numbers have none: a changed one is a number like any other."""
    return "" if all(isinstance(one, float) for one in result[0]) and result[1].isprintable() else f"{result}"[:120]


PARSERS = (
    Parser("MATLAB: compressed", _mat(do_compression=True), ("SPO2.mat",), _series, OF_ARRAYS, _same_series, 250),
    Parser("MATLAB: plain", _mat(), ("SPO2.mat",), _series, OF_ARRAYS, _some_series, 250),
    Parser("MATLAB: plain, big-endian", _mat_of_big_endian, ("SPO2.mat",), _series, OF_ARRAYS, _some_series, 150),
    Parser(
        "PURE: readings",
        _two(write_pure_session, "01-01", "02-01"),
        ("01-01/*.json",),
        _read("pure"),
        OF_JSON,
        _other_as_it_was,
        500,
    ),
    Parser(
        "VIPL-HR: tables",
        _two(write_vipl_hr_video, "p1/v1/source1", "p2/v1/source1"),
        ("**/p1/**/*.csv", "**/p1/**/*.txt"),
        _read("vipl_hr"),
        OF_TEXT,
        _other_as_it_was,
        350,
    ),
    Parser(
        "VIPL-HR: video",
        _two(write_vipl_hr_video, "p1/v1/source2", "p2/v1/source1"),
        ("**/p1/**/*.avi",),
        _read("vipl_hr"),
        OF_BYTES,
        _other_as_it_was,
        150,
    ),
    Parser("VIPL-HR: folds", _folds, ("fold/fold2.mat",), official_folds, OF_ARRAYS, _folds_wrong, 300),
    Parser("own recordings: list", _own, ("recordings.csv",), _read("csv"), OF_TEXT, listed_elsewhere, 350),
    Parser("own recordings: readings and video", _own, ("anna_1.*",), _read("csv"), OF_TEXT, _other_as_it_was, 350),
    Parser("MCD-rPPG: list", _mcd, ("db.csv",), _read("mcd_rppg"), OF_TEXT, listed_elsewhere, 200),
    Parser(
        "MCD-rPPG: stamps and waves", _mcd, ("meta/1020*", "ppg_sync/1020*"), _read("mcd_rppg"), OF_TEXT, _other_as_it_was, 200
    ),
    Parser(
        "SUMS: tables",
        _two(write_sums_state, "060203/v01", "060204/v01", finger=False),
        ("060203/v01/*.csv",),
        _read("sums"),
        OF_TEXT,
        _other_as_it_was,
        250,
    ),
    Parser(
        "LADH: tables",
        _two(write_ladh_station, "12_05/p_12_05_a/v01", "12_05/p_12_05_b/v01", infrared=False),
        ("12_05/p_12_05_a/v01/*.csv",),
        _read("ladh"),
        OF_TEXT,
        _other_as_it_was,
        150,
    ),
    Parser("PhysDrive: labels", _physdrive, ("AFH1/A1/Label/*.mat",), _read("physdrive"), OF_ARRAYS, _other_as_it_was, 350),
    Parser("PhysDrive: duration", _physdrive, ("AFH1/A1/*.csv",), _read("physdrive"), OF_TEXT, _other_as_it_was, 100),
    Parser("MTHS: arrays", _mths, ("MTHS/Data/*_1.npy",), read_waves, OF_ARRAYS, _other_as_it_was, 350),
    Parser(
        "traces: tables",
        write_traces,
        ("trace.csv", "spo2.csv", traces.TABLE),
        traces.read_traces,
        OF_TEXT,
        listed_elsewhere,
        200,
    ),
    Parser("oximetry-phone-cam: tables", write_set, ("gt/*.csv", "ppg-csv/Left/*.csv"), _hands, OF_TEXT, listed_elsewhere, 250),
)
