"""The second of a recording, and the mean of what overlapping clips give for it: what is delivered, and so what is scored.

A face is cut into windows that begin with each of its whole seconds (of every hop_s-th), counted from its first frame, and most
seconds lie in several of them. `predict` gives a second the mean over its windows; intervals, baselines and scores rest on the
same mean, so that a second counts once, however many clips show it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.people import RECORDING_COLUMNS

FloatArray = npt.NDArray[np.floating]

KEY = [*RECORDING_COLUMNS, "second"]  # of a table with one row per second
CLIP_COLUMNS = ["dataset", "subject_id", "record_id", "scenario", "clip_id", "first_frame", "fps_hz", "start_s"]  # of a manifest
SPOT = "spot_sd_percent"  # column of a manifest and of predictions: see is_spot
BRIGHTNESS = "brightness"  # column of predictions: logarithm of the light behind the face; only its changes mean something
SOURCE_COLUMNS = ["codec", "bits_per_pixel"]  # of a manifest and of predictions: what the video is made of
CLOCK_NOISE_S = 1e-6  # times are sums of floats: 2.9999999 s is 3 s


def window_starts(n_frames: int, fps_hz: float, window_frames: int) -> list[int]:
    """First frames of the windows that lie whole in n_frames frames and begin with every second, as `predict` reads a face."""
    n_windows = int((n_frames - window_frames) // fps_hz) + 1
    return [round(k * fps_hz) for k in range(n_windows)]


def mean_of_each(values: FloatArray, number: npt.NDArray[np.integer], n: int | None = None) -> npt.NDArray[np.float64]:
    """(n,) mean of those of values (N,) that have the number 0, 1, ... n - 1; NaN where none has. n: the largest number + 1."""
    count = np.bincount(number, minlength=n or 0)
    total = np.bincount(number, weights=values, minlength=n or 0)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def overlap_mean(values: FloatArray) -> npt.NDArray[np.float64]:
    """Values (N, S) of N windows, each beginning a second after the last -> (N + S - 1,) mean of those that show a second."""
    n_windows, seconds = values.shape
    return mean_of_each(values.ravel(), (np.arange(n_windows)[:, None] + np.arange(seconds)).ravel())


def per_second(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """One row per second of a recording, in the order of KEY, from one row per clip and second of it.

    rows: CLIP_COLUMNS of a clip manifest, `second` within the clip (0 to S - 1), and the columns to be averaged; a value that is
    not finite is left out of its mean, and NaN stands where no clip has one. The answer has KEY, scenario, start_s, the columns,
    and n_clips, how many clips show the second. start_s: when it begins, on the recording's clock, as in a predicted trace;
    `second` is the whole second that start_s lies in, so that it does not depend on which clips of the recording there are.
    """
    face_begins_s = rows["start_s"] - rows["first_frame"] / rows["fps_hz"]
    begin_s = face_begins_s.groupby([rows[name] for name in RECORDING_COLUMNS]).transform("min").to_numpy(dtype=np.float64)
    # a clip begins at a frame, which at a rate like 12.5 Hz is up to half a frame off its whole second
    place = np.rint(rows["first_frame"] / rows["fps_hz"]).to_numpy(dtype=np.int64) + rows["second"].to_numpy(dtype=np.int64)
    seconds = rows[[*RECORDING_COLUMNS, "scenario"]].assign(
        second=np.floor(begin_s + CLOCK_NOISE_S).astype(np.int64) + place, start_s=begin_s + place
    )
    number = seconds.groupby(KEY, sort=True).ngroup().to_numpy()
    first = np.unique(number, return_index=True)[1]
    table = seconds.iloc[first][[*RECORDING_COLUMNS, "scenario", "second", "start_s"]].reset_index(drop=True)
    for name in columns:
        values = rows[name].to_numpy(dtype=np.float64)
        known = np.isfinite(values)
        table[name] = mean_of_each(values[known], number[known], len(table))
    return table.assign(n_clips=np.bincount(number, minlength=len(table)))


def is_spot(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """(N,) whether the label of a row is a spot reading, one for its whole recording: it counts for the level of SpO2, and for no
    trend. A table without the column SPOT has none.
    """
    if SPOT not in table:
        return np.zeros(len(table), dtype=bool)
    return table[SPOT].notna().to_numpy(dtype=bool)


def clip_seconds(clips: pd.DataFrame) -> pd.DataFrame:
    """One row per clip and second of it, from rows of a clip manifest: CLIP_COLUMNS, second, true_percent."""
    labels = [np.asarray(one, dtype=np.float64) for one in clips["spo2_percent"]]
    rows = clips[CLIP_COLUMNS].reset_index(drop=True)
    rows = rows.loc[rows.index.repeat([len(one) for one in labels])].reset_index(drop=True)
    second = [np.arange(len(one)) for one in labels]
    empty = np.empty(0)
    return rows.assign(second=np.concatenate([empty.astype(int), *second]), true_percent=np.concatenate([empty, *labels]))


def labels_per_second(clips: pd.DataFrame) -> pd.DataFrame:
    """One row per second of the recordings that these rows of a clip manifest show, with true_percent; see per_second."""
    return per_second(clip_seconds(clips), ["true_percent"])
