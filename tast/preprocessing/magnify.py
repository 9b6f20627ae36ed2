"""Eulerian video magnification (Wu et al., "Eulerian Video Magnification for Revealing Subtle Changes", ACM TOG 31(4), 2012).

Each level of a Laplacian pyramid is band-passed in time, multiplied by alpha and added (section 3, figure 2). Pyramid and filter
are linear, so they commute: the levels to be amplified are collapsed first and filtered once. Deviations from the paper: the
filter is a zero-phase Butterworth instead of an ideal or first-order one; one factor alpha for all amplified levels (no spatial
cut-off lambda_c); RGB instead of YIQ (attenuated chroma would destroy the ratio of red to green); nothing is clipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.linalg import solveh_banded
from scipy.signal import butter, sosfiltfilt

from tast.errors import VideoRejected
from tast.preprocessing.resample import mean_rate_hz, to_uniform_grid
from tast.records import FaceVideo

MAGNIFY_VERSION = "1"  # change it with the pixels: cached videos of other versions are not used
ORDER = 4  # of the Butterworth; run forth and back, so each edge falls by 48 dB per octave
TREND_CUTOFF = 0.6  # of low_hz; slower than that is taken away before the ends are mirrored, where it would make a kink
SECOND_DIFFERENCE = (1.0, -2.0, 1.0)
SETTLE_PERIODS = 6.0  # periods of low_hz after which the filter's response has died away to 1e-6

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


def magnify(
    face: FaceVideo, *, levels: int, residual: bool, low_hz: float, high_hz: float, alpha: float, fps_hz: float | None = None
) -> FaceVideo:
    """Amplify what varies between low_hz and high_hz by 1 + alpha; the rest stays as it is.

    face.frames: (T, H, W, 3), any dtype; resampled by true time stamps to a uniform grid of fps_hz (None: the video's own mean
    rate). levels: band-pass levels of the Laplacian pyramid, all amplified; residual: amplify its low-pass residual as well.
    Returns frames (T', H, W, 3) float32, linear and unclipped; pixels that are 0 throughout stay exactly 0.
    Raises VideoRejected where the frame rate is too low for the band or the video is too short to filter.
    """
    fps_hz = mean_rate_hz(face.times_s) if fps_hz is None else fps_hz
    if fps_hz <= 2 * high_hz:
        raise VideoRejected(face.record_id, f"{fps_hz:.1f} frames per second cannot carry {high_hz:g} Hz")
    if face.times_s[-1] - face.times_s[0] < 1 / low_hz:
        raise VideoRejected(face.record_id, f"shorter than one period of {low_hz:g} Hz")
    uniform = to_uniform_grid(face, fps_hz)
    frames = uniform.frames.astype(np.float32, copy=False)
    inside = (frames != 0).any(axis=(0, 3))
    varying = amplified_part(frames, levels, residual)
    flat = np.ascontiguousarray(varying[:, inside].reshape(len(frames), -1))
    magnified = np.zeros_like(frames)
    magnified[:, inside] = frames[:, inside] + alpha * band_pass(flat, fps_hz, low_hz, high_hz).reshape(len(frames), -1, 3)
    return replace(uniform, frames=magnified)


def amplified_part(frames: Float32Array, levels: int, residual: bool) -> Float32Array:
    """(T, H, W, 3): the amplified levels of each frame's Laplacian pyramid, collapsed. With the residual, all of the frame."""
    return frames if residual else np.stack([frame - _blurred_by_pyramid(frame, levels) for frame in frames])


def _blurred_by_pyramid(frame: Float32Array, levels: int) -> Float32Array:
    """The pyramid's low-pass residual, collapsed to the frame's size: levels times down, then up again."""
    sizes = []
    for _ in range(levels):
        sizes.append(frame.shape[1::-1])
        frame = cv2.pyrDown(frame)
    for size in reversed(sizes):
        frame = cv2.pyrUp(frame, dstsize=size)
    return frame


def band_pass(signals: Float32Array, fps_hz: float, low_hz: float, high_hz: float) -> Float32Array:
    """Zero-phase Butterworth band-pass of (T, N) signals along time.

    A linear filter of a given length is a T x T matrix, and a matrix product is several times faster than running the filter.
    Long signals are filtered in blocks with margins in which the filter's memory dies away, so memory stays bounded.
    """
    mean = signals.mean(axis=0, dtype=np.float64).astype(np.float32)  # not passed anyway; without it float32 keeps its digits
    filtered = np.empty_like(signals)
    for whole, kept, inner in _blocks(len(signals), margin=int(np.ceil(SETTLE_PERIODS / low_hz * fps_hz))):
        matrix = _filter_matrix(whole.stop - whole.start, fps_hz, low_hz, high_hz)
        np.matmul(matrix[inner], signals[whole] - mean, out=filtered[kept])
    return filtered


def _blocks(n_samples: int, margin: int) -> Iterator[tuple[slice, slice, slice]]:
    """(rows to read, rows to write, rows to write as seen from those read) that cover n_samples."""
    block = 2 * margin
    if n_samples <= 2 * block:
        yield slice(0, n_samples), slice(0, n_samples), slice(0, n_samples)
        return
    for start in range(0, n_samples, block):
        stop = min(start + block, n_samples)
        first, last = max(start - margin, 0), min(stop + margin, n_samples)
        yield slice(first, last), slice(start, stop), slice(start - first, stop - first)


@lru_cache(maxsize=4)
def _filter_matrix(n_samples: int, fps_hz: float, low_hz: float, high_hz: float) -> Float32Array:
    return filter_forth_and_back(np.eye(n_samples), fps_hz, low_hz, high_hz).astype(np.float32)


def filter_forth_and_back(signals: Float64Array, fps_hz: float, low_hz: float, high_hz: float) -> Float64Array:
    """The filter itself, on (T, N) signals along time: without their slow trend, mirrored beyond both ends, forth and back.

    Of the continuations tried (odd, even, with and without trend) this one disturbs the first and the last second least.
    """
    sections = butter(ORDER, (low_hz, high_hz), btype="bandpass", fs=fps_hz, output="sos")
    padding = min(len(signals) - 1, int(np.ceil(SETTLE_PERIODS / low_hz * fps_hz)))
    swift = signals - slow_trend(signals, fps_hz, TREND_CUTOFF * low_hz)
    return np.asarray(sosfiltfilt(sections, swift, axis=0, padtype="even", padlen=padding))


def slow_trend(signals: Float64Array, fps_hz: float, cutoff_hz: float) -> Float64Array:
    """The smooth part of (T, N) signals along time, straight lines whole: a low-pass that needs no continuation beyond the ends.

    Smoothness priors (Tarvainen, Ranta-aho & Karjalainen, IEEE Trans. Biomed. Eng. 49(2), 2002, equation 8):
    (I + lambda^2 D'D)^-1 x with D the second differences; lambda^2 such that half passes at cutoff_hz.
    """
    n_samples = len(signals)
    weight = (fps_hz / (2 * np.pi * cutoff_hz)) ** 4
    bands = np.zeros((3, n_samples))
    for lag in range(3):  # of D'D, in the lower form that solveh_banded wants
        for row in range(3 - lag):
            bands[lag, row : n_samples - 2 + row] += SECOND_DIFFERENCE[row] * SECOND_DIFFERENCE[row + lag]
    bands *= weight
    bands[0] += 1
    return np.asarray(solveh_banded(bands, signals.reshape(n_samples, -1), lower=True)).reshape(signals.shape)
