"""The pulse's clarity: known waves in known noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.prediction.pulse import decibel, hint_of_rate, pulse_clarity, pulse_course, pulse_wave
from tast.pulse_rate import skin_wave

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


BLOOD, HIGHLIGHT = np.array([0.3, 1.0, 0.6]), np.array([0.4, 1.0, 1.0])  # living skin; a lamp that is bluish beside it
LIVING_S = np.arange(30 * 15) / FPS_HZ


def living(wandering: range) -> list[np.ndarray]:
    """Windows of 8 s of a pulse of 60 a minute; in some of the seconds a highlight wanders, stronger, at 45 a minute."""
    pulse, highlight = np.sin(2 * np.pi * LIVING_S), np.sin(2 * np.pi * 0.75 * LIVING_S)
    moves = np.isin(LIVING_S.astype(int), wandering)
    noise = 0.5 * np.random.default_rng(2).standard_normal((len(LIVING_S), 3))
    light = pulse[:, None] * BLOOD + 1.5 * (moves * highlight)[:, None] * HIGHLIGHT + noise
    return [light[15 * second : 15 * second + 120] for second in range(23)]


def test_the_rate_is_the_hearts_where_a_highlight_moves_green_less_red_more():
    windows = living(range(30))
    assert np.median([pulse_clarity(pulse_wave(one), FPS_HZ)[1] for one in windows]) < 50, "green less red is misled"
    share, per_minute = pulse_course(windows, FPS_HZ)
    assert_allclose(per_minute, 60, atol=3)
    assert share.mean() > 0.4, "noise has .23"


def test_a_few_seconds_of_something_else_do_not_carry_the_rate_away():
    windows = [one if k % 5 else noisy for k, (one, noisy) in enumerate(zip(living(range(0)), other(), strict=True))]
    alone = [pulse_clarity(skin_wave(one), FPS_HZ)[1] for one in windows]
    assert max(np.abs(np.array(alone) - 60)) > 20, "each window for itself is misled"
    assert_allclose(pulse_course(windows, FPS_HZ)[1], 60, atol=3)


def other() -> list[np.ndarray]:
    """As blood would, but at 100 a minute and twice as strong."""
    return [2 * np.sin(2 * np.pi * 100 / 60 * TIMES_S)[:, None] * BLOOD + one for one in living(range(0))]


def test_a_rate_that_drifts_is_followed():
    rate_hz = 1.0 + 0.01 * LIVING_S  # 60 to 78 a minute
    light = np.sin(2 * np.pi * np.cumsum(rate_hz) / FPS_HZ)[:, None] * BLOOD
    windows = [light[15 * second : 15 * second + 120] for second in range(23)]
    middle_s = np.arange(23) + 4
    assert_allclose(pulse_course(windows, FPS_HZ)[1], 60 * (1.0 + 0.01 * middle_s), atol=2)


def test_windows_in_which_nothing_moves_have_no_rate_and_leave_the_others_theirs():
    windows = living(range(0))
    windows[3] = np.zeros((120, 3))
    share, per_minute = pulse_course(windows, FPS_HZ)
    assert np.isnan(per_minute[3]) and share[3] == 0
    assert_allclose(np.delete(per_minute, 3), 60, atol=3)


def test_noise_has_no_course():
    random = np.random.default_rng(3)
    assert np.mean([pulse_course(list(random.normal(size=(9, 120, 3))), FPS_HZ)[0].mean() for _ in range(20)]) < 0.3


@pytest.mark.parametrize(("per_minute", "hinted"), [(43, True), (47, False), (72, False), (165, False), (178, True)])
def test_a_pulse_that_nobody_has_at_rest_hints_at_a_wrong_rate(per_minute, hinted):
    seconds = np.array([per_minute, per_minute, np.nan, per_minute, 100.0])
    found = hint_of_rate(seconds, 25.0)
    assert [("25 frames a second" in one, f"pulse is {per_minute}" in one) for one in found] == [(True, True)] * hinted
    assert hint_of_rate(np.full(3, np.nan), 25.0) == ()


def test_decibel_is_bounded():
    assert_allclose(decibel(np.array([0.5, 10 / 11, 0.0, 1.0])), [0, 10, -40, 40], atol=1e-3)
