"""SpO2 by the ratio of ratios, each channel's pulse read off as its gain on a pulse wave of tast.methods.classical.pulse.

Published: AC/DC of one channel over that of another is a line of SpO2 (Webster, "Design of Pulse Oximeters", 1997, chapter 4);
of faces, with a camera's red and blue, Tarassenko et al. 2014 (Physiol. Meas. 35:807). AC as the least-squares gain on a pulse
that CHROM or POS has freed of motion is one of the readings of the literature (shared/facts/comparators.md, section 7).

Ours: all three ratios R/B, R/G, G/B in one ridge (why: tast.methods.classical.ridge), and channels and wave are compared only at
the rate of the wave and its first harmonic.
"""

from __future__ import annotations

import numpy as np

from tast.methods.classical.pulse import PULSES, has_light, pulse_rate_hz
from tast.pulse_rate import FloatArray, at_rate
from tast.ratio_of_ratios import pulse_signals

PAIRS = ((0, 2), (0, 1), (1, 2))  # R/B, R/G, G/B
NO_GAIN = 1e-3  # of the strongest channel's: a ratio over less is noise over nothing


def channel_gains(trace: FloatArray, fps_hz: float, wave: FloatArray) -> FloatArray:
    """AC/DC of each channel (3,) of a trace (T, 3), in units of the pulse wave (T,); NaN where there is no wave."""
    rate_hz = pulse_rate_hz(wave, fps_hz)
    if not np.isfinite(rate_hz):
        return np.full(3, np.nan)
    pulses = pulse_signals(trace[:, None, None])
    channels, reference = at_rate(pulses, rate_hz, fps_hz), at_rate(wave, rate_hz, fps_hz)
    return np.asarray(reference @ channels / (reference @ reference))


def ratios_of(strengths: FloatArray) -> FloatArray:
    """Strength of each channel (3,) -> R/B, R/G, G/B (3,); NaN where one would be over next to nothing."""
    above, below = strengths[[pair[0] for pair in PAIRS]], strengths[[pair[1] for pair in PAIRS]]
    enough = np.abs(below) > NO_GAIN * np.max(np.abs(strengths))
    return np.divide(above, below, out=np.full(len(PAIRS), np.nan), where=enough)


def ratio_features(pulse: str, trace: FloatArray, fps_hz: float) -> FloatArray:
    """R/B, R/G, G/B (3,) of a trace (T, 3), with the pulse of one of PULSES."""
    if not has_light(trace, fps_hz):
        return np.full(len(PAIRS), np.nan)
    return ratios_of(channel_gains(trace, fps_hz, PULSES[pulse](trace, fps_hz)))
