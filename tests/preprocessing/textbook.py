"""Eulerian magnification as the paper's figure 2 has it, in float64: pyramid, filter on each level, factor, collapse, sum."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from scipy.signal import butter, lfilter, lfilter_zi

from tast.preprocessing.band_pass import Band, filter_forth_and_back

Float64Array = npt.NDArray[np.float64]
RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def textbook(
    frames: npt.NDArray[np.generic], fps_hz: float, factors: Sequence[float], band: Band, chroma_attenuation: float = 1.0
) -> Float64Array:
    """(T, H, W, 3) RGB; factors of each level of the Laplacian pyramid and of its residual, alpha included."""
    amplified = [
        factor * FILTERS[band.filter](level, fps_hz, band)
        for factor, level in zip(factors, pyramid_of(frames.astype(np.float64), len(factors) - 1), strict=True)
    ]
    collapsed = amplified[-1]
    for level in reversed(amplified[:-1]):
        size = level.shape[2:0:-1]
        collapsed = np.stack([cv2.pyrUp(image, dstsize=size) for image in collapsed]) + level
    there = RGB_TO_YIQ
    yiq = collapsed @ there.T * (1, chroma_attenuation, chroma_attenuation)
    return frames + yiq @ np.linalg.inv(there).T


def noisy_scene(n_frames: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """A still picture with noise of every scale and frequency."""
    random = np.random.default_rng(3)
    still = 120 + 20 * random.normal(size=(height, width, 3))
    return np.clip(np.rint(still + 5 * random.normal(size=(n_frames, height, width, 3))), 0, 255).astype(np.uint8)


def pyramid_of(frames: Float64Array, levels: int) -> list[Float64Array]:
    pyramid = []
    for _ in range(levels):
        smaller = np.stack([cv2.pyrDown(frame) for frame in frames])
        size = frames.shape[2:0:-1]
        pyramid.append(frames - np.stack([cv2.pyrUp(frame, dstsize=size) for frame in smaller]))
        frames = smaller
    return [*pyramid, frames]


def zero_phase(signals: Float64Array, fps_hz: float, band: Band) -> Float64Array:
    return filter_forth_and_back(signals, fps_hz, band.low_hz, band.high_hz, band.order)


def ideal(signals: Float64Array, fps_hz: float, band: Band) -> Float64Array:
    """By the sum of cosines and sines that pass, no transform."""
    n_samples = len(signals)
    times_s = np.arange(n_samples) / fps_hz
    passed = np.zeros_like(signals)
    for bin_ in range(1, n_samples // 2):
        hz = bin_ * fps_hz / n_samples
        if band.low_hz < hz < band.high_hz:
            for wave in (np.cos(2 * np.pi * hz * times_s), np.sin(2 * np.pi * hz * times_s)):
                passed += np.multiply.outer(wave, 2 / n_samples * np.tensordot(wave, signals, axes=1))
    return passed


def one_way(signals: Float64Array, fps_hz: float, band: Band) -> Float64Array:
    """The difference equation of the whole Butterworth, in float64; settled: as if the first sample had stood for ever."""
    numerator, denominator = butter(band.order, (band.low_hz, band.high_hz), btype="bandpass", fs=fps_hz)
    start = np.multiply.outer(lfilter_zi(numerator, denominator), signals[0] if band.settled else 0 * signals[0])
    return np.asarray(lfilter(numerator, denominator, signals, axis=0, zi=start)[0])


FILTERS = {"butterworth": zero_phase, "ideal": ideal, "iir": one_way}
