"""Tian, Wong, Ranadive & Wu 2022, "A Multi-Channel Ratio-of-Ratios Method for Noncontact Hand Video Based SpO2 Monitoring Using
Smartphone Cameras" (IEEE J. Sel. Top. Signal Process. 16:197; arXiv 2107.08528), on a face.

Published: six features, AC/DC of each channel in a band of .1 Hz to either side of the heart rate and the three ratios between
channels; a regression on them. Ours: a ridge in place of their support vectors; the heart rate is that of the chrominances
(colour_rate_hz); AC is the root of the power in the band, of which a clip of 8 s under a Hann window holds about two thirds, for
all channels alike.
"""

from __future__ import annotations

import numpy as np

from tast.methods.classical.pulse import colour_rate_hz
from tast.methods.classical.ratio import ratios_of
from tast.pulse_rate import FloatArray, spectrum
from tast.ratio_of_ratios import pulse_signals

HALF_WIDTH_HZ = 0.1


def tian_features(trace: FloatArray, fps_hz: float) -> FloatArray:
    """AC/DC of R, G, B round the heart rate, and R/B, R/G, G/B, (6,) of a trace (T, 3); NaN where there is no heart rate."""
    rate_hz = colour_rate_hz(trace, fps_hz)
    if not np.isfinite(rate_hz):
        return np.full(6, np.nan)
    strengths = np.empty(3)
    for channel, pulse in enumerate(pulse_signals(trace[:, None, None]).T):
        frequency_hz, power = spectrum(pulse, fps_hz)
        near = np.abs(frequency_hz - rate_hz) <= HALF_WIDTH_HZ
        strengths[channel] = np.sqrt(power[near].sum() * frequency_hz[1])
    return np.concatenate([strengths, ratios_of(strengths)])
