"""Overlapping windows of a face video, each with one SpO2 label per second, aligned by time stamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.records import FloatArray, Spo2Trace


@dataclass(frozen=True)
class Window:
    """Window `number` of its video: n_frames frames from first_frame on.

    spo2_percent: one label per second, NaN where unknown. quality: share of its frames in which the face was seen.
    """

    number: int
    first_frame: int
    n_frames: int
    start_s: float
    spo2_percent: tuple[float, ...]
    quality: float


@dataclass(frozen=True)
class Cut:
    """The windows of one video, how many more were left out since too many of their labels are missing, and which pieces of the
    face are too short for a window, in words."""

    windows: tuple[Window, ...]
    n_unlabelled: int
    too_short: tuple[str, ...] = ()


def cut(
    record_id: str,
    times_s: FloatArray,
    fps_hz: float,
    quality: FloatArray,
    spo2: Spo2Trace,
    *,
    length_s: int,
    hop_s: int,
    label_delay_s: float,
    max_missing_labels: float,
) -> Cut:
    """Windows of length_s seconds that begin every hop_s seconds.

    times_s, quality: (T,) of frames on a uniform grid of fps_hz; spo2 on the same clock. No window holds a frame whose quality is
    NaN: there a piece of a long video ends. label_delay_s: how much later than the face the oximeter shows a change. Windows with
    more than the fraction max_missing_labels of their labels unknown are left out.
    Raises VideoRejected where the video is too short or no window is left.
    """
    n_frames = round(length_s * fps_hz)
    starts = [
        first
        for first in (round(k * hop_s * fps_hz) for k in range(int((len(times_s) - n_frames) // (hop_s * fps_hz)) + 1))
        if not np.isnan(quality[first : first + n_frames]).any()
    ]
    too_short = []
    for first, end in _pieces(quality):
        if not any(first <= start < end for start in starts):
            said = f"{(end - first) / fps_hz:.2f} s of face are shorter than a clip of {length_s} s"
            too_short.append(f"{times_s[first]:g} to {times_s[end - 1]:g} s are left out: {said}")
    if not starts:
        raise VideoRejected(record_id, said)
    windows = []
    for number, first in enumerate(starts):
        labels = labels_per_second(spo2, float(times_s[first]) + label_delay_s, length_s)
        if np.isnan(labels).mean() <= max_missing_labels:
            seen = float(np.mean(quality[first : first + n_frames]))
            windows.append(Window(number, first, n_frames, float(times_s[first]), tuple(labels.tolist()), seen))
    if not windows:
        raise VideoRejected(record_id, f"no valid label: too few SpO2 readings in each of {len(starts)} clips")
    return Cut(tuple(windows), len(starts) - len(windows), tuple(too_short))


def _pieces(quality: FloatArray) -> list[tuple[int, int]]:
    """(first frame, frame after the last) of each run of frames that show something."""
    known = np.concatenate([[0], ~np.isnan(quality), [0]]).astype(np.int8)
    return list(zip(np.flatnonzero(np.diff(known) == 1), np.flatnonzero(np.diff(known) == -1), strict=True))


def labels_per_second(spo2: Spo2Trace, start_s: float, n_seconds: int) -> npt.NDArray[np.float64]:
    """(n_seconds,) mean of the valid readings in [start_s + k, start_s + k + 1) for each second k; NaN where there is none.

    A spot reading is the label of every second.
    """
    if spo2.spot_sd_percent is not None:
        return np.full(n_seconds, spo2.percent[0], dtype=np.float64)
    second = np.floor(spo2.times_s - start_s)
    valid = (second >= 0) & (second < n_seconds) & ~np.isnan(spo2.percent)
    index = second[valid].astype(np.int64)
    count = np.bincount(index, minlength=n_seconds)
    total = np.bincount(index, weights=spo2.percent[valid], minlength=n_seconds)
    return np.divide(total, count, out=np.full(n_seconds, np.nan), where=count > 0)
