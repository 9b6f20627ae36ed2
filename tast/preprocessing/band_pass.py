"""Temporal band-pass filters of (T, N) signals: zero-phase Butterworth, ideal (FFT), and causal (IIR)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft, rfftfreq
from scipy.linalg import solveh_banded
from scipy.signal import butter, sosfiltfilt

TREND_CUTOFF = 0.6  # of low_hz; slower than that is taken away before the ends are mirrored, where it would make a kink
SECOND_DIFFERENCE = (1.0, -2.0, 1.0)
SETTLE_PERIODS = 6.0  # periods of low_hz after which the filter's response has died away to 1e-6
EDGE_TOLERANCE = 1e-9  # of a frequency, so that rounding does not decide whether it lies on the edge

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """Which frequencies pass, and how.

    filter: one of FILTERS. order: of the Butterworth's low-pass prototype; the zero-phase one runs forth and back, so at 4 each
    edge falls by 48 dB per octave. settled: the causal one starts as if the first frame had stood for ever, else from rest.
    """

    low_hz: float
    high_hz: float
    filter: str = "butterworth"
    order: int = 4
    settled: bool = True


def band_pass(signals: Float32Array, fps_hz: float, band: Band) -> Float32Array:
    """(T, N) float32 signals along time -> what passes the band. Raises ValueError as check_band does."""
    check_band(fps_hz, band)
    return FILTERS[band.filter](signals, fps_hz, band)


def check_band(fps_hz: float, band: Band) -> None:
    """Raises ValueError where the filter is not known or the rate cannot carry the band."""
    if band.filter not in FILTERS:
        raise ValueError(f"no filter {band.filter!r}; known are {', '.join(FILTERS)}")
    if not 0 < band.low_hz < band.high_hz < fps_hz / 2:
        raise ValueError(f"{fps_hz:g} frames per second cannot carry {band.low_hz:g} to {band.high_hz:g} Hz")


def butterworth(signals: Float32Array, fps_hz: float, band: Band) -> Float32Array:
    """Zero-phase Butterworth.

    A linear filter of a given length is a T x T matrix, and a matrix product is several times faster than running the filter.
    Long signals are filtered in blocks with margins in which the filter's memory dies away, so memory stays bounded.

    Known weakness: less than one period is too little to tell a drift from the band. Of a wave at 0.1 Hz in 8 s, 2.4 % passes in
    its worst phase (rms; 9 % at the very ends), of one at 0.2 Hz 10 %; in longer videos next to nothing but at the ends.
    """
    mean = signals.mean(axis=0, dtype=np.float64).astype(np.float32)  # not passed anyway; without it float32 keeps its digits
    filtered = np.empty_like(signals)
    for whole, kept, inner in _blocks(len(signals), margin=int(np.ceil(SETTLE_PERIODS / band.low_hz * fps_hz))):
        filter_window(signals[whole] - mean, inner, fps_hz, band, out=filtered[kept])
    return filtered


def filter_window(signals: Float32Array, rows: slice, fps_hz: float, band: Band, out: Float32Array | None = None) -> Float32Array:
    """Zero-phase Butterworth of (T, N) signals without their mean, some rows of it only."""
    matrix = _filter_matrix(len(signals), fps_hz, band.low_hz, band.high_hz, band.order)
    return np.matmul(matrix[rows], signals, out=out)


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
def _filter_matrix(n_samples: int, fps_hz: float, low_hz: float, high_hz: float, order: int) -> Float32Array:
    return filter_forth_and_back(np.eye(n_samples), fps_hz, low_hz, high_hz, order).astype(np.float32)


def filter_forth_and_back(signals: Float64Array, fps_hz: float, low_hz: float, high_hz: float, order: int = 4) -> Float64Array:
    """The filter itself, on (T, N) signals along time: without their slow trend, mirrored beyond both ends, forth and back.

    Of the continuations tried (odd, even, with and without trend) this one disturbs the first and the last second least.
    """
    sections = butter(order, (low_hz, high_hz), btype="bandpass", fs=fps_hz, output="sos")
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


def ideal(signals: Float32Array, fps_hz: float, band: Band) -> Float32Array:
    """Fourier bins strictly between the edges pass whole, all others not at all (Wu et al. 2012, section 4, for colour).

    The signal is taken as periodic: what does not close on itself over the video rings at both ends.
    """
    spectrum = rfft(signals - signals[0], axis=0)
    spectrum[~_passes(len(signals), fps_hz, band)] = 0
    return np.asarray(irfft(spectrum, len(signals), axis=0))


class PassingWaves:
    """The ideal filter of signals of one length as products with the few waves that pass, faster than a transform of all.

    With W the cosines and sines of the bins that pass, it is W W' x. About the first sample cosines are even and sines odd, so
    the former see the sum of two mirrored samples alone and the latter their difference: half the products.
    """

    def __init__(self, n_samples: int, fps_hz: float, band: Band) -> None:
        bins = np.flatnonzero(_passes(n_samples, fps_hz, band))
        phase = 2 * np.pi * np.outer(np.arange(n_samples // 2 + 1), bins) / n_samples
        scale = np.sqrt(2 / n_samples)
        self._pairs = (n_samples - 1) // 2
        self._cosines = np.asarray(scale * np.cos(phase), dtype=np.float32)
        self._sines = np.asarray(scale * np.sin(phase[1 : 1 + self._pairs]), dtype=np.float32)

    def filter_in_place(self, signals: Float32Array) -> None:
        """(T, N) float32 replaced by what passes; fastest where a copy of it fits the second-level cache."""
        paired = slice(1, 1 + self._pairs)
        early, late = signals[paired], signals[: -1 - self._pairs : -1]  # samples t and T - t
        level = signals[0]  # does not pass; without it float32 keeps its digits
        even = signals[: len(self._cosines)] - level
        odd = early - late
        even[paired] += late - level
        even = self._cosines @ (self._cosines.T @ even)
        odd = self._sines @ (self._sines.T @ odd)
        signals[: len(even)] = even
        early += odd
        np.subtract(even[paired], odd, out=late)


def _passes(n_samples: int, fps_hz: float, band: Band) -> npt.NDArray[np.bool_]:
    frequency_hz = rfftfreq(n_samples, 1 / fps_hz)
    return (frequency_hz > band.low_hz * (1 + EDGE_TOLERANCE)) & (frequency_hz < band.high_hz * (1 - EDGE_TOLERANCE))


def causal(signals: Float32Array, fps_hz: float, band: Band) -> Float32Array:
    """Butterworth that sees the past alone, as a stream needs it; what passes lags (Wu et al. 2012, section 4, for motion)."""
    from tast.preprocessing.causal import CausalBandPass  # its compiler takes seconds to import, and only this filter needs it

    filtered = np.array(signals, dtype=np.float32, order="C")
    CausalBandPass(fps_hz, band.low_hz, band.high_hz, order=band.order, settled=band.settled).filter_in_place(filtered)
    return filtered


FILTERS: dict[str, Callable[[Float32Array, float, Band], Float32Array]] = {
    "butterworth": butterworth,
    "ideal": ideal,
    "iir": causal,
}
