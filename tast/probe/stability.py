"""How still a face stands in its region of interest, and how well one mask fits every frame."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

from tast.preprocessing.flow import detail, flow_between, textured_points
from tast.records import FloatArray

JITTER_ABOVE_HZ = 0.6  # the alignment's smoothing passes half of a motion at 0.19 / smooth_s Hz, about this
BLOCK_S = 4.0  # motion is measured from the middle of each block: a head that turns looks too different after longer


def jitter_px(frames: npt.NDArray[np.uint8], times_s: FloatArray) -> float:
    """Root mean square of what of the face's motion in the frames (T, H, W, 3) is faster than JITTER_ABOVE_HZ; NaN where lost.

    By optical flow from the middle frame of each block to its others, at the middle of the picture.
    """
    fps_hz = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    n_blocks = max(1, int((times_s[-1] - times_s[0]) / BLOCK_S))
    squares = [_fast_motion_px(block, fps_hz) ** 2 for block in np.array_split(frames, n_blocks)]
    seen = [square for square in squares if np.isfinite(square).all()]
    return float(np.sqrt(np.mean(np.concatenate(seen)))) if len(seen) > n_blocks / 2 else float("nan")


def _fast_motion_px(frames: npt.NDArray[np.uint8], fps_hz: float) -> FloatArray:
    """(T,) distance from the slow course of the face's place; NaN where more than a tenth of the frames show no flow."""
    details = [detail(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)) for frame in frames]
    reference = details[len(details) // 2]
    points = textured_points(reference)
    moves = [flow_between(reference, now, points) for now in details]
    middle = 0.5 * (len(reference) - 1) * (1 + 1j)
    places = np.array([np.nan if move is None else move.turn * middle + move.centre_px for move in moves])
    known, at = np.isfinite(places), np.arange(len(places))
    if known.mean() < 0.9:
        return np.full(len(places), np.nan)
    places = np.interp(at, at[known], places[known])
    sections = butter(2, JITTER_ABOVE_HZ, "highpass", fs=fps_hz, output="sos")
    return np.abs(sosfiltfilt(sections, places.real) + 1j * sosfiltfilt(sections, places.imag))


def share_inside(inside: npt.NDArray[np.bool_], faces: Iterable[npt.NDArray[np.bool_]]) -> float:
    """Share of the mask's pixels (H, W) that lie inside a frame's own face (H, W); the mean over all frames."""
    return float(np.mean([face[inside].mean() for face in faces]))
