"""The pulse's clarity: known waves in known noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.prediction.pulse import decibel, hint_of_rate, pulse_clarity, pulse_wave

FPS_HZ = 15.0
TIMES_S = np.arange(120) / FPS_HZ


@pytest.mark.parametrize("rate_hz", [0.8, 1.2, 2.5])
def test_a_clean_pulse_is_all_of_what_moves_at_its_rate(rate_hz):
    wave = np.sin(2 * np.pi * rate_hz * TIMES_S) + 0.3 * np.sin(4 * np.pi * rate_hz * TIMES_S)
    share, per_minute = pulse_clarity(wave, FPS_HZ)
    assert share > 0.95
    assert_allclose(per_minute, 60 * rate_hz, atol=1.5)


def test_share_follows_the_noise_in_the_band():
    """White noise of the sine's power: 3.5 of its 7.5 Hz lie in the band, 0.8 of those at the pulse: (1 + .107) / (1 + .467)."""
    rng = np.random.default_rng(0)
    sine = np.sqrt(2) * np.sin(2 * np.pi * 1.2 * TIMES_S)
    shares = [pulse_clarity(sine + rng.standard_normal(120), FPS_HZ)[0] for _ in range(200)]
    assert_allclose(np.mean(shares), 0.755, atol=0.02)


def test_noise_alone_is_told_apart_from_a_pulse():
    rng = np.random.default_rng(1)
    shares = [pulse_clarity(rng.standard_normal(120), FPS_HZ)[0] for _ in range(200)]
    assert 0.2 < np.mean(shares) < 0.4


def test_nothing_moves_nothing_is_claimed():
    share, per_minute = pulse_clarity(np.zeros(120), FPS_HZ)
    assert share == 0 and np.isnan(per_minute)


def test_what_green_and_red_share_is_no_pulse():
    motion, blood = np.sin(TIMES_S), np.cos(7 * TIMES_S)
    signals = np.stack([motion + 0.2 * blood, motion + blood, motion], axis=1)
    assert_allclose(pulse_wave(signals), 0.8 * blood, atol=1e-12)


@pytest.mark.parametrize(("per_minute", "hinted"), [(43, True), (47, False), (72, False), (165, False), (178, True)])
def test_a_pulse_that_nobody_has_at_rest_hints_at_a_wrong_rate(per_minute, hinted):
    seconds = np.array([per_minute, per_minute, np.nan, per_minute, 100.0])
    found = hint_of_rate(seconds, 25.0)
    assert [("25 frames a second" in one, f"pulse is {per_minute}" in one) for one in found] == [(True, True)] * hinted
    assert hint_of_rate(np.full(3, np.nan), 25.0) == ()


def test_decibel_is_bounded():
    assert_allclose(decibel(np.array([0.5, 10 / 11, 0.0, 1.0])), [0, 10, -40, 40], atol=1e-3)
