"""How well the light of a face tells pulse and ratio of ratios, against the truth.

Pulse rate by the highest peak of the spectrum; signal-to-noise ratio as in de Haan & Jeanne 2013 (IEEE Trans. Biomed. Eng.
60(10), section III): power around the true rate and its first harmonic over the rest of the band; ratio of ratios by standard
deviations and by projection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfiltfilt

from tast.ratio_of_ratios import projection_ratio
from tast.records import FloatArray

BAND_HZ = (0.5, 4.0)
RATE_HZ = (0.7, 3.5)  # where a pulse is looked for
HALF_WIDTH_HZ = 0.15  # of what counts as signal around the rate and its harmonic: arrhythmia and the window's own width
EDGE_S = 0.5  # left out at either end, where the band-pass has half of its data
LEAST_RATIO = 0.1  # a ratio below, which no blood has, counts as this: its logarithm would be without bound
SPECTRUM_BINS = 8192


@dataclass(frozen=True)
class SignalErrors:
    """rate_error_per_min: absolute. snr_db: of green.

    log_std, log_proj: log of the estimated over the true ratio of ratios; log_blue: the same of blue over green, by projection.
    """

    rate_error_per_min: float
    snr_db: float
    log_std: float
    log_proj: float
    log_blue: float


def signal_errors(
    pulse: FloatArray, times_s: FloatArray, true_rate_hz: float, true_ratio: float, true_blue: float
) -> SignalErrors:
    """pulse (T, 3): AC over DC in R, G, B at times_s (T,), increasing; the truth is the mean over that time."""
    fps_hz = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    even_s = times_s[0] + np.arange(len(times_s)) / fps_hz
    even = np.stack([np.interp(even_s, times_s, channel) for channel in pulse.T], axis=1)
    passed = sosfiltfilt(butter(2, BAND_HZ, "bandpass", fs=fps_hz, output="sos"), even, axis=0)
    edge = round(EDGE_S * fps_hz)
    passed = passed[edge : len(passed) - edge]
    frequencies_hz, power = _spectrum(passed[:, 1], fps_hz)
    deviations = passed.std(axis=0)
    return SignalErrors(
        rate_error_per_min=60 * abs(_peak_hz(frequencies_hz, power) - true_rate_hz),
        snr_db=_snr_db(frequencies_hz, power, true_rate_hz),
        log_std=_log_error(float(deviations[0] / deviations[1]), true_ratio),
        log_proj=_log_error(projection_ratio(passed), true_ratio),
        log_blue=_log_error(projection_ratio(passed[:, ::-1]), true_blue),
    )


def _spectrum(signal: FloatArray, fps_hz: float) -> tuple[FloatArray, FloatArray]:
    power = np.abs(np.fft.rfft(signal * np.hanning(len(signal)), SPECTRUM_BINS)) ** 2
    return np.fft.rfftfreq(SPECTRUM_BINS, 1 / fps_hz), np.asarray(power, dtype=np.float64)


def _peak_hz(frequencies_hz: FloatArray, power: FloatArray) -> float:
    plausible = (frequencies_hz >= RATE_HZ[0]) & (frequencies_hz <= RATE_HZ[1])
    return float(frequencies_hz[plausible][np.argmax(power[plausible])])


def _snr_db(frequencies_hz: FloatArray, power: FloatArray, rate_hz: float) -> float:
    in_band = (frequencies_hz >= BAND_HZ[0]) & (frequencies_hz <= BAND_HZ[1])
    near = np.minimum(np.abs(frequencies_hz - rate_hz), np.abs(frequencies_hz - 2 * rate_hz)) <= HALF_WIDTH_HZ
    return float(10 * np.log10(power[in_band & near].sum() / power[in_band & ~near].sum()))


def _log_error(ratio: float, true_ratio: float) -> float:
    return float(np.log(max(ratio, LEAST_RATIO) / true_ratio))
