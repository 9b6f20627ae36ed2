"""The oximeter: whole numbers that change on the second and lag by the stated delay."""

from __future__ import annotations

import numpy as np

from tast.phantom.oximeter import MEAN_DELAY_S, displayed_pulse_rate, displayed_spo2, displayed_wave
from tast.phantom.pulse import pulse_train
from tast.phantom.randomness import stream
from tast.phantom.spo2 import Spo2Course

TIMES_S = np.arange(0, 20, 1 / 60)


def test_reading_is_whole_and_changes_only_on_the_second() -> None:
    course = Spo2Course(np.array([-5.0, 25.0]), np.array([100.0, 76.0]))
    reading = displayed_spo2(course, TIMES_S)
    assert np.array_equal(reading, np.rint(reading))
    changes_s = TIMES_S[1:][np.diff(reading) != 0]
    assert len(changes_s) > 10 and np.allclose(changes_s % 1, 0, atol=1 / 60)


def test_reading_of_a_ramp_lags_by_the_mean_delay() -> None:
    """A fall of 0.8 % a second, averaged over whole seconds, rounding averaging out: within 0.1 s."""
    course = Spo2Course(np.array([-5.0, 25.0]), np.array([100.0, 76.0]))
    error_percent = displayed_spo2(course, TIMES_S) - course.at(TIMES_S)
    assert abs(error_percent.mean() / 0.8 - MEAN_DELAY_S) < 0.1


def test_constant_saturation_reads_true() -> None:
    course = Spo2Course(np.array([-5.0, 25.0]), np.array([96.6, 96.6]))
    assert np.all(displayed_spo2(course, TIMES_S) == 97)


def test_pulse_rate_and_wave() -> None:
    pulse = pulse_train(stream(1, "pulse"), 1.25, 0.25, 0.3, -6, 26)
    assert np.all(np.abs(displayed_pulse_rate(pulse, TIMES_S) - 75) < 10)
    wave = displayed_wave(pulse, TIMES_S)
    assert wave.min() == 0 and wave.max() == 100 and np.array_equal(wave, np.rint(wave))


def test_the_finger_pulsates_after_the_face() -> None:
    """Of all shifts by half a second either way, the wave fits the face's beat best where it is 0.15 s late."""
    pulse = pulse_train(stream(1, "pulse"), 1.25, 0.25, 0.3, -6, 26)
    lags_s = np.arange(-0.5, 0.5, 0.01)
    fit = [np.corrcoef(displayed_wave(pulse, TIMES_S), pulse.beat_at(TIMES_S - lag_s))[0, 1] for lag_s in lags_s]
    assert abs(lags_s[np.argmax(fit)] - 0.15) < 0.02
