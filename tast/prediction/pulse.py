"""How clear the pulse is in a masked face: the share of the band's power that lies at the pulse rate and its first harmonic.

The signal-to-noise ratio of de Haan & Jeanne ("Robust pulse rate from chrominance-based rPPG", IEEE TBME 2013) on the wave of
Huelsbusch (thesis, RWTH Aachen 2008): green less red. Deviations: there is no contact pulse beside a video to be predicted, so
that the rate is the highest peak; and the ratio is told as signal / (signal + noise), 0 to 1. Noise alone gives about 0.3.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import periodogram

FloatArray = npt.NDArray[np.floating]

BAND_HZ = (0.5, 4.0)
RATE_BAND_HZ = (0.7, 3.0)  # 42 to 180 a minute
HALF_WIDTH_HZ = 0.2  # of a peak: what a Hann window of 8 s spreads it to
STEP_HZ = 0.01


def pulse_wave(signals: FloatArray) -> FloatArray:
    """AC over DC (T, 3) in R, G, B -> (T,): green, where blood absorbs most, less red, where it absorbs least."""
    return signals[:, 1] - signals[:, 0]


def pulse_clarity(wave: FloatArray, fps_hz: float) -> tuple[float, float]:
    """Wave (T,) at fps_hz -> share of the band's power at the pulse, 0 to 1, pulse rate per minute; (0, NaN) if it is flat."""
    n_points = max(len(wave), round(fps_hz / STEP_HZ))
    frequency_hz, power = periodogram(wave, fps_hz, window="hann", nfft=n_points)
    band = (frequency_hz >= BAND_HZ[0]) & (frequency_hz <= BAND_HZ[1])
    frequency_hz, power = frequency_hz[band], power[band]
    if not power.sum() > 0:
        return 0.0, float("nan")
    possible = (frequency_hz >= RATE_BAND_HZ[0]) & (frequency_hz <= RATE_BAND_HZ[1])
    rate_hz = float(frequency_hz[possible][np.argmax(power[possible])])
    at_pulse = np.minimum(abs(frequency_hz - rate_hz), abs(frequency_hz - 2 * rate_hz)) <= HALF_WIDTH_HZ
    return float(power[at_pulse].sum() / power.sum()), 60 * rate_hz


def decibel(share: FloatArray) -> FloatArray:
    """Share of the power -> signal-to-noise ratio in dB, within +-40."""
    held = np.clip(share, 1e-4, 1 - 1e-4)
    return 10 * np.log10(held / (1 - held))
