"""The pulse of a face whose light varies in a known way."""

from __future__ import annotations

import numpy as np
import pytest

from tast.preview.pulse import pulse_of, telling_times_s
from tast.records import FaceVideo

PULSE_HZ, SWING = 1.2, 0.01
TIMES_S = np.arange(300) / 30


def face(gain: float = 1.0) -> FaceVideo:
    """Ten seconds of 8 x 8 pixels, the right half masked; green swings by `gain` per cent, red not at all."""
    frames = np.zeros((300, 8, 8, 3), np.float32)
    frames[:, :, :4] = 100
    frames[:, :, :4, 1] *= (1 + gain * SWING * np.sin(2 * np.pi * PULSE_HZ * TIMES_S))[:, None, None]
    return FaceVideo("a", frames, TIMES_S, np.ones(300))


def test_rate_and_swing_are_those_of_the_light() -> None:
    pulse = pulse_of(face(), low_hz=0.4, high_hz=4.0)
    assert pulse.peak_per_minute == pytest.approx(60 * PULSE_HZ, abs=0.5)  # the spectrum's step
    inner = slice(60, -60)
    expected = 100 * SWING * np.sin(2 * np.pi * PULSE_HZ * TIMES_S)
    np.testing.assert_allclose(pulse.wave_percent[inner], expected[inner], atol=0.02)  # of 1 per cent
    assert pulse.rate_per_minute[0] >= 24
    assert pulse.rate_per_minute[-1] <= 240


def test_a_magnified_face_tells_the_same_pulse() -> None:
    plain = pulse_of(face(), low_hz=0.4, high_hz=4.0)
    magnified = pulse_of(face(gain=121), low_hz=0.4, high_hz=4.0, amplification=121)
    np.testing.assert_allclose(magnified.wave_percent, plain.wave_percent, atol=0.01)


def test_telling_times_are_crests_and_troughs_in_turn_and_in_order() -> None:
    pulse = pulse_of(face(), low_hz=0.4, high_hz=4.0)
    times_s = telling_times_s(pulse, 6)
    at = np.interp(times_s, pulse.times_s, pulse.wave_percent)
    assert np.all(np.diff(times_s) > 0)
    np.testing.assert_allclose(at * [1, -1, 1, -1, 1, -1], 1.0, atol=0.1)
