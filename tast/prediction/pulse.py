"""How clear the pulse is in a masked face: the share of the band's power that lies at the pulse rate and its first harmonic.

The signal-to-noise ratio of de Haan & Jeanne ("Robust pulse rate from chrominance-based rPPG", IEEE TBME 2013) on the wave of
Huelsbusch (thesis, RWTH Aachen 2008): green less red. Deviations: the rate is the highest peak (tast.pulse_rate); and the ratio
is given as signal / (signal + noise), 0 to 1. Noise alone gives about 0.3.
"""

from __future__ import annotations

import numpy as np

from tast.pulse_rate import FloatArray, clearest_rate

RESTING_PER_MINUTE = (45.0, 170.0)  # assumed; the search itself ends at 42 and 180, so that what lies beyond is found at its ends


def pulse_wave(signals: FloatArray) -> FloatArray:
    """AC over DC (T, 3) in R, G, B -> (T,): green, where blood absorbs most, less red, where it absorbs least."""
    return signals[:, 1] - signals[:, 0]


def pulse_clarity(wave: FloatArray, fps_hz: float) -> tuple[float, float]:
    """Wave (T,) at fps_hz -> share of the band's power at the pulse, 0 to 1, pulse rate per minute; (0, NaN) if it is flat."""
    share, rate_hz = clearest_rate(wave, fps_hz)
    return share, 60 * rate_hz


def hint_of_rate(pulse_per_minute: FloatArray, fps_hz: float) -> tuple[str, ...]:
    """A sentence where the pulse (S,) of a video at fps_hz is so slow or fast that its frame rate may be wrong; else nothing.

    The rate of a pulse is only as true as the times of the frames: a file that announces 25 Hz of 42 shows 72 a minute as 43.
    That is no proof: some people have such a pulse, after exercise above all.
    """
    known = pulse_per_minute[np.isfinite(pulse_per_minute)]
    low, high = RESTING_PER_MINUTE
    if not len(known) or low <= np.median(known) <= high:
        return ()
    return (
        f"a hint, no proof: at {fps_hz:.4g} frames a second its pulse is {np.median(known):.0f} per minute, at rest it is "
        f"{low:g} to {high:g}: the times of the frames may be wrong",
    )


def decibel(share: FloatArray) -> FloatArray:
    """Share of the power -> signal-to-noise ratio in dB, within +-40."""
    held = np.clip(share, 1e-4, 1 - 1e-4)
    return 10 * np.log10(held / (1 - held))
