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


def jitter_px(frames: npt.NDArray[np.uint8], times_s: FloatArray) -> float:
    """Root mean square of what of the face's motion in the frames (T, H, W, 3) is faster than JITTER_ABOVE_HZ; NaN where lost.

    Measured by optical flow from the middle frame to each other one, at the middle of the picture.
    """
    details = [detail(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in frames]
    reference = details[len(details) // 2]
    points = textured_points(reference)
    moves = [flow_between(reference, now, points) for now in details]
    middle = 0.5 * (len(reference) - 1) * (1 + 1j)
    places = np.array([np.nan if move is None else move.turn * middle + move.centre_px for move in moves])
    known = np.isfinite(places)
    if known.mean() < 0.9:
        return float("nan")
    filled_in = np.interp(times_s, times_s[known], places[known])
    fps_hz = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    sections = butter(4, JITTER_ABOVE_HZ, "highpass", fs=fps_hz, output="sos")
    fast = np.stack([sosfiltfilt(sections, part) for part in (filled_in.real, filled_in.imag)])
    return float(np.sqrt(np.mean(np.sum(fast**2, axis=0))))


def share_inside(inside: npt.NDArray[np.bool_], faces: Iterable[npt.NDArray[np.bool_]]) -> float:
    """Share of the mask's pixels (H, W) that lie inside a frame's own face (H, W); the mean over all frames."""
    return float(np.mean([face[inside].mean() for face in faces]))
