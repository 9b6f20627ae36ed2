"""The pulse's rate and what lies at it: known waves beside known others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.pulse_rate import CLEAR, HALF_WIDTH_HZ, at_rate, clearest_rate, face_rate_hz, skin_wave, spectrum, strongest_rate_hz

FPS_HZ = 15.0
TIMES_S = np.arange(120) / FPS_HZ


def sine(rate_hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * rate_hz * TIMES_S + 0.3)


@pytest.mark.parametrize("rate_hz", [0.8, 1.2, 2.5])
def test_the_strongest_rate_is_the_pulses_not_that_of_slower_motion(rate_hz: float) -> None:
    waves = np.stack([5 * sine(0.3) + sine(rate_hz), sine(rate_hz)], axis=1)
    assert_allclose(strongest_rate_hz(*spectrum(waves, FPS_HZ)), rate_hz, atol=0.03)


def test_a_still_picture_has_no_rate() -> None:
    assert np.isnan(strongest_rate_hz(*spectrum(np.zeros((120, 3)), FPS_HZ)))


def test_power_of_several_waves_is_their_sum() -> None:
    first, second = sine(1.0), sine(2.0)
    together = spectrum(np.stack([first, second], axis=1), FPS_HZ)[1]
    assert_allclose(together, spectrum(first, FPS_HZ)[1] + spectrum(second, FPS_HZ)[1], atol=1e-12)


@pytest.mark.parametrize("harmonic", [1, 2])
def test_what_lies_at_the_rate_and_its_harmonic_passes_without_delay(harmonic: int) -> None:
    wave = sine(1.2 * harmonic)
    assert_allclose(at_rate(wave, 1.2, FPS_HZ)[30:-30], wave[30:-30], atol=0.06)


def test_a_bell_of_the_half_width_about_the_rate() -> None:
    """One deviation away exp(-1/2) passes, three away next to nothing."""
    beside, away = sine(1.2 + HALF_WIDTH_HZ), sine(1.2 + 3 * HALF_WIDTH_HZ)
    passed = [np.std(at_rate(wave, 1.2, FPS_HZ)[30:-30]) / np.std(wave[30:-30]) for wave in (beside, away)]
    assert_allclose(passed, [np.exp(-0.5), np.exp(-4.5)], atol=0.05)


def test_signals_that_move_alike_keep_their_ratio_to_the_last_bits() -> None:
    noise = np.random.default_rng(0).standard_normal(120)
    cells = np.stack([0.3 * noise, noise], axis=1).reshape(120, 1, 2)
    kept = at_rate(cells, 1.0, FPS_HZ)
    assert kept.shape == cells.shape
    assert_allclose(kept[..., 0], 0.3 * kept[..., 1], rtol=1e-9, atol=1e-12)


SKIN, HIGHLIGHT = np.array([0.41, 1.0, 0.63]), np.array([0.6, 1.0, 1.5])  # AC over DC: a pulse; white light added to skin


def test_a_highlight_that_moves_the_colour_more_than_the_pulse_does_not_hide_its_rate() -> None:
    light = np.outer(sine(1.2), SKIN) + 1.2 * np.outer(sine(1.9), HIGHLIGHT)
    clarity, rate_hz = clearest_rate(light - light.mean(axis=1, keepdims=True), FPS_HZ)
    assert_allclose(rate_hz, 1.9, atol=0.03)
    assert clarity < CLEAR
    assert_allclose(clearest_rate(skin_wave(light), FPS_HZ)[1], 1.2, atol=0.03)
    assert_allclose(face_rate_hz(light, FPS_HZ), 1.2, atol=0.03)


def test_a_pulse_that_is_all_that_moves_is_found_whatever_its_colours() -> None:
    """Of blue that moves most POS sees nothing: noise decides what its strongest rate is."""
    light = np.outer(sine(1.2), [0.3, 1.0, 1.4]) + 0.02 * np.random.default_rng(2).standard_normal((120, 3))
    assert_allclose(face_rate_hz(light, FPS_HZ), 1.2, atol=0.03)
    assert np.isnan(face_rate_hz(np.zeros((120, 3)), FPS_HZ))


def test_the_wave_of_skin_does_not_see_what_all_channels_share() -> None:
    pulse, shared = np.outer(sine(1.2), SKIN), 5 * sine(0.9)[:, None]
    assert_allclose(skin_wave(pulse + shared), skin_wave(pulse), atol=1e-12)


def test_red_and_blue_that_move_alike_leave_one_wave() -> None:
    flat = np.outer(sine(1.0), [1.0, 1.0, 0.5])  # G + B - 2R and G - B are opposite: nothing is left to be told apart
    assert_allclose(skin_wave(flat), 0, atol=1e-12)
    assert not skin_wave(np.zeros((120, 3))).any()


@pytest.mark.parametrize("seconds", [3, 4, 8, 16])
def test_a_clean_pulse_is_found_however_short_the_clip_is(seconds: int) -> None:
    wave = np.sin(2 * np.pi * 1.2 * np.arange(seconds * 15) / FPS_HZ)
    noise = 0.02 * np.random.default_rng(3).standard_normal((seconds * 15, 3))
    assert_allclose(face_rate_hz(np.outer(wave, [0.3, 1.0, 1.4]) + noise, FPS_HZ), 1.2, atol=0.05)
