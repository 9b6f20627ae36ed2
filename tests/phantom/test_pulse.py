"""The beat train: rate, variability, shape and respiration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import find_peaks

from tast.phantom.pulse import GRID_HZ, PulseTrain, beat_shape, pulse_train
from tast.phantom.randomness import stream


@pytest.fixture(scope="module")
def train() -> PulseTrain:
    return pulse_train(stream(3, "pulse"), 1.2, 0.25, 0.3, 0.0, 120.0)


def test_rate_is_the_derivative_of_the_phase_and_near_its_mean(train: PulseTrain) -> None:
    np.testing.assert_allclose(np.diff(train.phase) * GRID_HZ, train.rate_hz[1:], rtol=2e-3)
    assert abs(train.rate_hz.mean() - 1.2) < 0.03


def test_heart_rate_varies_as_in_resting_adults(train: PulseTrain) -> None:
    beats_s = np.interp(np.arange(np.ceil(train.phase[0]), train.phase[-1]), train.phase, train.times_s)
    sdnn_s = np.diff(beats_s).std()
    assert 0.015 < sdnn_s < 0.08
    assert np.all(np.diff(beats_s) > 0)


def test_a_beat_has_a_systolic_and_a_dicrotic_wave_with_a_notch_between() -> None:
    beat = beat_shape(0.35)
    assert np.isclose(np.ptp(beat), 1) and abs(beat.mean()) < 1e-12
    peaks, _ = find_peaks(np.tile(beat, 2), prominence=0.02)
    assert len(peaks) == 4, "two waves in each of two beats"


def test_peaks_come_once_a_beat(train: PulseTrain) -> None:
    times_s = np.arange(0, 120, 0.005)
    peaks, _ = find_peaks(train.beat_at(times_s), height=0.4)
    assert abs(len(peaks) - (train.phase[-1] - train.phase[0])) <= 1


def test_respiration_sways_the_volume_below_the_pulse_band(train: PulseTrain) -> None:
    times_s = np.arange(0, 120, 0.05)
    spectrum = np.abs(np.fft.rfft(train.volume_at(times_s) * np.hanning(len(times_s))))
    frequency_hz = np.fft.rfftfreq(len(times_s), 0.05)
    below = frequency_hz < 0.45
    assert 0.2 < frequency_hz[below][np.argmax(spectrum[below])] < 0.3
    assert abs(frequency_hz[np.argmax(np.where(below, 0, spectrum))] - 1.2) < 0.1
