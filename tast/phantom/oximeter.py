"""The contact pulse oximeter beside the camera: what it displays of the truth, late and rounded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tast.phantom.pulse import PulseTrain
from tast.phantom.spo2 import Spo2Course
from tast.records import FloatArray

# The reading is a mean over the last seconds and changes on the second: it lags by AVERAGING_S / 2 plus half a second of hold.
AVERAGING_S = 2.0
UPDATE_S = 1.0
MEAN_DELAY_S = AVERAGING_S / 2 + UPDATE_S / 2

FINGER_DELAY_S = 0.15  # the pulse reaches the finger that much later than the face
WAVE_STEPS = 100


def displayed_spo2(course: Spo2Course, times_s: FloatArray) -> FloatArray:
    """SpO2 readings (N,) at times_s (N,): whole percents that change once a second."""
    return _trailing_mean(course.at, times_s)


def displayed_pulse_rate(pulse: PulseTrain, times_s: FloatArray) -> FloatArray:
    """Pulse-rate readings (N,) at times_s (N,): whole beats per minute that change once a second."""
    return _trailing_mean(lambda t: 60 * pulse.rate_at(t), times_s)


def displayed_wave(pulse: PulseTrain, times_s: FloatArray) -> FloatArray:
    """The plethysmogram (N,): whole numbers from 0 to WAVE_STEPS."""
    beat = pulse.beat_at(times_s - FINGER_DELAY_S) - pulse.beat.min()
    return np.rint(WAVE_STEPS * np.clip(beat, 0, 1))


def _trailing_mean(signal: Callable[[FloatArray], FloatArray], times_s: FloatArray) -> FloatArray:
    updates_s = np.floor(times_s / UPDATE_S) * UPDATE_S
    window_s = np.linspace(-AVERAGING_S, 0, 21)
    unique_s, index = np.unique(updates_s, return_inverse=True)
    means = np.array([signal(update_s + window_s).mean() for update_s in unique_s])
    return np.rint(means)[index]
