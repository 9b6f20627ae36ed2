"""VIPL-HR: 107 subjects, nine scenarios, four cameras, as face-cropped videos beside a finger oximeter.

X. Niu, H. Han, S. Shan, X. Chen, "VIPL-HR: a multi-modal database for pulse estimation from less-constrained face video",
ACCV 2018. The frame rate that the containers announce (25 Hz) is wrong for every file and never used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tast.clip_store import Reject
from tast.datasets.frame_times import FRAME_RATE_RANGE_HZ, stamped_source
from tast.datasets.labels import pulse_rate_trace, require_overlap, spo2_trace
from tast.datasets.layout import folder_holding, records_or_rejects, visible_folders
from tast.datasets.matlab import mat_arrays
from tast.datasets.tables import read_numbers
from tast.errors import BadInput, VideoRejected
from tast.records import FloatArray, PulseTrace, VideoRecord, VideoSource
from tast.video.containers import container_frame_count

SCENARIOS = {
    "v1": "stable",
    "v2": "motion",
    "v3": "talking",
    "v4": "bright",  # the data set's ReadMe has v4 and v5 swapped
    "v5": "dark",
    "v6": "long_distance",
    "v7": "exercise",
    "v8": "phone_stable",
    "v9": "phone_motion",
}
LAYOUT = (
    "VIPL-HR's layout: data/p<subject>/v<scenario>/source<camera>/ with video.avi, gt_SpO2.csv, gt_HR.csv, wave.csv, time.txt"
)
FOLD_LAYOUT = "VIPL-HR's official folds: fold/fold1.mat to fold5.mat"
SUBJECT, SCENARIO, CAMERA = re.compile(r"p\d+"), re.compile(r"v\d+(-\d+)?"), re.compile(r"source[1-4]")
MOST_SUBJECTS = 100_000  # what is beyond is no number of a person
FOLD = re.compile(r"fold\d+\.mat")
VIDEO, STAMPS = "video.avi", "time.txt"  # of one camera
NIR_CAMERA = "source4"  # near infrared: it has no colour

FAULT_CODES_PERCENT = (44.0, 127.0)
WAVE_RATE_HZ, WAVE_RATE_RANGE_HZ = 60.0, (54.0, 66.0)
CLOCK_TICK_MS = 1.0


def read_vipl_hr(
    root: Path,
    *,
    spo2_range_percent: tuple[float, float] = (50.0, 100.0),
    dataset: str = "vipl_hr",
    include_nir: bool = False,
) -> Iterator[VideoRecord | Reject]:
    """Yield a record per video below root, ordered by record_id ("p1_v1_source1", a retake "p1_v1-2_source1").

    Times are seconds since the first frame, by time.txt; where it is missing (every source2) the frames are spread evenly over
    the oximeter's duration and flagged as estimated. The oximeter starts with the video and gives one reading a second. Readings
    are masked (NaN) where they are fault codes or outside spo2_range_percent. Near infrared is left out unless include_nir.
    Only metadata is read. Raises BadInput where root holds no video in this layout.
    """
    root = Path(root)
    top = folder_holding(root, lambda folder: bool(_places(folder, include_nir=True)), LAYOUT)
    read_one = partial(_read_video, spo2_range_percent=spo2_range_percent, dataset=dataset)
    yield from records_or_rejects(root, _places(top, include_nir), read_one)


def official_folds(root: Path) -> tuple[tuple[str, ...], ...]:
    """The data set's own subject-exclusive folds: subject ids ("p1") of each, in the order of the files' numbers.

    Raises BadInput where they are missing, unreadable, or share a subject.
    """
    folder = folder_holding(Path(root), lambda folder: bool(_fold_files(folder)), FOLD_LAYOUT)
    folds = tuple(_read_fold(path) for path in _fold_files(folder))
    subjects = [subject for fold in folds for subject in fold]
    if len(subjects) != len(set(subjects)):
        twice = sorted({subject for subject in subjects if subjects.count(subject) > 1})
        raise BadInput(folder, f"subject {', '.join(twice[:3])} is in two folds", "folds that share no subject")
    return folds


def stamped_video(path: Path) -> tuple[VideoSource, tuple[str, ...]]:
    """One camera's video alone, without its readings, and what was mended: timed by the time.txt beside it.

    Raises BadInput or VideoRejected where the two do not fit each other.
    """
    return _with_stamps(path.stem, path, path.with_name(STAMPS))


def _places(top: Path, include_nir: bool) -> list[tuple[str, Path]]:
    """(record_id, folder) of every camera's video."""
    return [
        (f"{subject.name}_{scenario.name}_{camera.name}", camera)
        for subject in visible_folders(top)
        if SUBJECT.fullmatch(subject.name)
        for scenario in visible_folders(subject)
        if SCENARIO.fullmatch(scenario.name)
        for camera in visible_folders(scenario)
        if CAMERA.fullmatch(camera.name) and (include_nir or camera.name != NIR_CAMERA)
    ]


def _read_video(record_id: str, folder: Path, *, spo2_range_percent: tuple[float, float], dataset: str) -> VideoRecord:
    subject_id, scenario, camera = record_id.split("_")
    percent = read_numbers(folder / "gt_SpO2.csv", "SpO2")
    rate = _optional_numbers(folder / "gt_HR.csv", "HR")
    wave = _optional_numbers(folder / "wave.csv", "Wave")
    duration_s = _oximeter_duration_s(percent, rate, wave)
    video, timing_notes = _video(record_id, folder / VIDEO, folder / STAMPS, duration_s)
    seconds = np.arange(len(percent), dtype=np.float64)
    spo2, masked = spo2_trace(
        record_id, seconds, percent, valid_range=spo2_range_percent, fault_codes=FAULT_CODES_PERCENT
    )  # fmt: skip
    if video.frame_times_s is not None:
        require_overlap(record_id, video.frame_times_s, seconds)
    pulse, pulse_notes = _pulse(wave, duration_s)
    absent = tuple(f"no {name}" for name, values in (("gt_HR.csv", rate), ("wave.csv", wave)) if values is None)
    return VideoRecord(
        dataset=dataset,
        subject_id=subject_id,
        scenario=SCENARIOS.get(scenario.split("-")[0], scenario),
        record_id=record_id,
        video=video,
        spo2=spo2,
        pulse=pulse,
        pulse_rate=None if rate is None else pulse_rate_trace(np.arange(len(rate), dtype=np.float64), rate),
        camera=camera,
        notes=timing_notes + masked + pulse_notes + absent,
    )


def _optional_numbers(path: Path, header: str) -> FloatArray | None:
    return read_numbers(path, header) if path.exists() else None


def _oximeter_duration_s(percent: FloatArray, rate: FloatArray | None, wave: FloatArray | None) -> float:
    """Seconds that the oximeter recorded: the median of what its three files say, so that one cut short does not decide."""
    durations_s = [float(len(percent))]
    durations_s += [] if rate is None else [float(len(rate))]
    durations_s += [] if wave is None else [len(wave) / WAVE_RATE_HZ]
    return float(np.median(durations_s))


def _pulse(wave: FloatArray | None, duration_s: float) -> tuple[PulseTrace | None, tuple[str, ...]]:
    """The wave has no time stamps: it is spread over the oximeter's duration if that gives about 60 Hz."""
    if wave is None or not len(wave):
        return None, ()
    low_hz, high_hz = WAVE_RATE_RANGE_HZ
    rate_hz = len(wave) / duration_s if duration_s else WAVE_RATE_HZ
    if low_hz <= rate_hz <= high_hz:
        return PulseTrace(np.arange(len(wave)) / rate_hz, wave), ()
    note = f"wave.csv holds {len(wave)} samples for {duration_s:g} s: taken as {WAVE_RATE_HZ:g} Hz"
    return PulseTrace(np.arange(len(wave)) / WAVE_RATE_HZ, wave), (note,)


def _video(record_id: str, path: Path, stamps: Path, duration_s: float) -> tuple[VideoSource, tuple[str, ...]]:
    if not stamps.exists():
        return _with_estimated_times(record_id, path, container_frame_count(path), duration_s)
    return _with_stamps(record_id, path, stamps)


def _with_stamps(record_id: str, path: Path, stamps: Path) -> tuple[VideoSource, tuple[str, ...]]:
    times_s, notes = _times_s(stamps)
    video, unmatched = stamped_source(record_id, path, times_s, stamps.name)
    return video, notes + unmatched


def _with_estimated_times(record_id: str, path: Path, n_frames: int, duration_s: float) -> tuple[VideoSource, tuple[str, ...]]:
    rate_hz = n_frames / duration_s if duration_s else 0.0
    low_hz, high_hz = FRAME_RATE_RANGE_HZ
    if not low_hz <= rate_hz <= high_hz:
        found = f"{n_frames} frames in the {duration_s:g} s of the oximeter are {rate_hz:.1f} Hz"
        raise VideoRejected(record_id, f"no time.txt, and {found}: no camera's rate ({low_hz:g}-{high_hz:g} Hz)")
    note = f"no time.txt: {rate_hz:.2f} Hz estimated from {n_frames} frames in {duration_s:g} s of the oximeter"
    return VideoSource(path, frame_times_s=np.arange(n_frames) / rate_hz, times_are_estimated=True), (note,)


def _times_s(stamps: Path) -> tuple[FloatArray, tuple[str, ...]]:
    """(T,) seconds since the first frame. Frames within one tick of the clock are spread over it; a step back is an error."""
    ticks_ms = read_numbers(stamps, header=None)
    if not len(ticks_ms):
        raise BadInput(stamps, "an empty file", "a time stamp in ms for each frame")
    steps_ms = np.diff(ticks_ms)
    if np.any(steps_ms < 0) or not np.isfinite(ticks_ms).all():
        line = int(np.argmin(steps_ms)) + 2
        raise BadInput(stamps, f"time goes back at line {line}", "increasing time stamps in ms")
    times_s = (ticks_ms - ticks_ms[0]) / 1000
    if np.all(steps_ms > 0):
        return times_s, ()
    _, start, count = np.unique(ticks_ms, return_index=True, return_counts=True)
    rank = np.arange(len(ticks_ms)) - np.repeat(start, count)
    shift_ms = CLOCK_TICK_MS * rank / np.repeat(count, count)
    return times_s + shift_ms / 1000, (
        f"{int(np.sum(steps_ms == 0))} frames share a time stamp with the one before: spread over 1 ms",
    )


def _fold_files(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if FOLD.fullmatch(path.name)]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _read_fold(path: Path) -> tuple[str, ...]:
    """Subjects of one fold: the file's one array of whole numbers."""
    arrays = list(mat_arrays(path, "the subjects' numbers of one fold").values())
    if len(arrays) != 1 or arrays[0].dtype.kind not in "iuf" or not arrays[0].size:
        raise BadInput(path, f"{len(arrays)} variables", "one array of the subjects' numbers")
    numbers = sorted(arrays[0].ravel())
    if not all(number >= 1 and number == int(number) < MOST_SUBJECTS for number in numbers):
        raise BadInput(path, f"subjects {numbers[0]:g} to {numbers[-1]:g}", "whole numbers from 1 on")
    return tuple(f"p{int(number)}" for number in numbers)
