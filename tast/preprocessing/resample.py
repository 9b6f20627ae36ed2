"""Changes of the sampling grid: in space by area averages, in time onto a uniform grid by true time stamps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.preprocessing.light import light_on_grid
from tast.preprocessing.track import LONGEST_HOLE_S
from tast.records import FaceVideo

FloatArray = npt.NDArray[np.float64]


def shrink(face: FaceVideo, *, size_px: int) -> FaceVideo:
    """Average areas of (T, H, W, 3) frames to (T, size_px, size_px, 3) float32: rounding would add noise.

    Where the mask was 0 all over an area, it stays exactly 0. Raises ValueError where size_px exceeds the frames'.
    """
    height, width = face.frames.shape[1:3]
    if size_px > min(height, width):
        raise ValueError(f"size_px ({size_px}) must not exceed the aligned frames' {width} x {height}")
    small = np.empty((len(face.frames), size_px, size_px, 3), dtype=np.float32)
    for target, frame in zip(small, face.frames, strict=True):
        cv2.resize(frame.astype(np.float32), (size_px, size_px), dst=target, interpolation=cv2.INTER_AREA)
    return replace(face, frames=small)


def own_pictures(face: FaceVideo, filled_in_s: FloatArray) -> FaceVideo:
    """Without the frames at the times (K,), which show no light of their own time but the picture before once more.

    What is between two pictures is then interpolated, as where a frame is lost. Those at the ends stay, so that the video is as
    long as it was; so do those in whose place a hole of more than LONGEST_HOLE_S would be: a picture that stands still.
    """
    own = ~np.isin(face.times_s, filled_in_s)
    own[[0, -1]] = True
    for first, last in pairwise(np.flatnonzero(own)):
        own[first:last] |= face.times_s[last] - face.times_s[first] > LONGEST_HOLE_S
    if own.all():
        return face
    return replace(face, frames=face.frames[own], times_s=face.times_s[own], quality=face.quality[own])


def resample(face: FaceVideo, *, multiple_of_hz: float, highest_hz: float, grid_from_s: float | None = None) -> FaceVideo:
    """Onto a uniform grid whose rate is the multiple of multiple_of_hz that is at least the camera's own (less a tenth).

    grid_from_s: the grid begins a whole number of steps of multiple_of_hz after it; None: with the first frame.
    Raises VideoRejected where the camera's rate cannot carry highest_hz.
    """
    if len(face.times_s) < 2:
        raise VideoRejected(face.record_id, "a single frame of face")
    camera_hz = mean_rate_hz(face.times_s)
    if camera_hz <= 2 * highest_hz:
        raise VideoRejected(face.record_id, f"{camera_hz:.1f} frames per second cannot carry {highest_hz:g} Hz")
    start_s = face.times_s[0]
    if grid_from_s is not None:
        start_s = grid_from_s + np.ceil((start_s - grid_from_s) * multiple_of_hz - 1e-6) / multiple_of_hz
        if start_s > face.times_s[-1]:
            raise VideoRejected(face.record_id, "less of a face than a step of the grid of time")
    return to_uniform_grid(face, multiple_of_hz * max(1, np.ceil(camera_hz / multiple_of_hz - 0.1)), start_s)


def to_uniform_grid(face: FaceVideo, fps_hz: float, start_s: float | None = None) -> FaceVideo:
    """Linear interpolation to start_s + k / fps_hz; float32. A sample next to a bridged frame counts as bridged.

    start_s: of the first sample; None: the first frame. Frames that are on that grid already, as float32, are not copied.
    """
    start_s = face.times_s[0] if start_s is None else start_s
    duration_s = face.times_s[-1] - start_s
    n_samples = int(np.floor(duration_s * fps_hz + 1e-6)) + 1
    times_s = start_s + np.arange(n_samples) / fps_hz
    right = np.clip(np.searchsorted(face.times_s, times_s), 1, len(face.times_s) - 1)
    weight = (times_s - face.times_s[right - 1]) / (face.times_s[right] - face.times_s[right - 1])
    weight = np.where(np.abs(weight - np.rint(weight)) < 1e-6, np.rint(weight), weight)  # a frame of the camera stays as it is
    as_it_is = n_samples == len(face.frames) and np.array_equal(right - 1 + weight, np.arange(n_samples))
    if as_it_is and face.frames.dtype == np.float32:
        return replace(face, times_s=times_s)
    frames = np.empty((n_samples, *face.frames.shape[1:]), dtype=np.float32)
    for k, (after, share) in enumerate(zip(right, weight, strict=True)):
        cv2.addWeighted(face.frames[after - 1], 1 - share, face.frames[after], share, 0, dst=frames[k], dtype=cv2.CV_32F)
    quality = np.minimum(np.where(weight < 1, face.quality[right - 1], 1), np.where(weight > 0, face.quality[right], 1))
    light = None if face.light is None else light_on_grid(face.light, face.times_s, times_s)
    return replace(face, frames=frames, times_s=times_s, quality=quality, light=light)


def decimate(face: FaceVideo, *, fps_hz: float) -> FaceVideo:
    """Every n-th frame of a band-limited video on a uniform grid, as float16, at times_s[0] + k / fps_hz.

    float16 loses nothing: it rounds values below 512 by at most 1/8 and below 4096 by at most 1, while a grey level of the camera
    is alpha by then. Raises ValueError where the grid is no multiple of fps_hz.
    """
    stride = grid_stride(face.times_s, fps_hz)
    times_s = face.times_s[0] + np.arange(len(face.times_s[::stride])) / fps_hz
    light = None if face.light is None else face.light[::stride]
    frames, quality = face.frames[::stride].astype(np.float16), face.quality[::stride]
    return replace(face, frames=frames, times_s=times_s, quality=quality, light=light)


def grid_stride(times_s: FloatArray, fps_hz: float) -> int:
    """How many steps of the uniform grid times_s make one of 1 / fps_hz."""
    steps = (len(times_s) - 1) / (times_s[-1] - times_s[0]) / fps_hz if len(times_s) > 1 else 1.0
    if abs(steps - round(steps)) > 1e-6 * steps or round(steps) < 1:
        raise ValueError(f"a grid of {steps * fps_hz:.6g} Hz is no multiple of {fps_hz:g} Hz")
    return round(steps)


def mean_rate_hz(times_s: FloatArray) -> float:
    """Frames per second over the whole video."""
    return float((len(times_s) - 1) / (times_s[-1] - times_s[0]))
