"""Features of colour series against amplitudes known by hand, and lines that never see the person they speak of."""

from __future__ import annotations

import numpy as np
import pytest

from tast.evaluation.series import (
    BLUE,
    FEATURES,
    GREEN,
    RED,
    Windows,
    fitted_percent,
    joined,
    leave_one_person_out,
    position_features,
    projected_ratio,
    standard_deviation_ratio,
    windows_of,
)

FPS_HZ = 30.0
DC = np.array([40.0, 80.0, 50.0])
AC = np.array([0.4, 1.6, 2.0])  # grey levels; AC/DC is 0.01, 0.02, 0.04


def finger(seconds: int = 60, *, noise: float = 0.0) -> np.ndarray:
    """(T, 3): three sines of 1.2 Hz on their DC; `noise` grey levels in red alone."""
    wave = np.sin(2 * np.pi * 1.2 * np.arange(int(seconds * FPS_HZ)) / FPS_HZ)
    rgb = DC + AC * wave[:, None]
    rgb[:, RED] += noise * np.random.default_rng(0).normal(size=len(rgb))
    return rgb


def middle(windows: Windows) -> slice:
    """Without the filter's edges."""
    return slice(1, len(windows) - 1)


def test_windows_are_consecutive_and_only_where_every_second_has_a_reading():
    readings = 100.0 - np.arange(65)
    readings[25] = np.nan
    windows = windows_of(finger(), FPS_HZ, readings)
    np.testing.assert_allclose(windows.spo2_percent, [95.5, 85.5, 65.5, 55.5, 45.5], atol=1e-12)
    np.testing.assert_allclose(windows.elapsed, np.array([5, 15, 35, 45, 55]) / 60, atol=1e-12)
    assert windows.pulse.shape == (5, 300, 3) and windows.dc.shape == (5, 3)


def test_a_recording_shorter_than_a_window_has_none():
    assert len(windows_of(finger(9), FPS_HZ, np.full(9, 97.0))) == 0


def test_ac_dc_and_ratios_of_a_sine():
    """A sine's standard deviation is its amplitude / sqrt 2; a Butterworth of order 3 loses under 1 % at 1.2 Hz."""
    windows = windows_of(finger(), FPS_HZ, np.full(60, 97.0))
    inner = middle(windows)
    np.testing.assert_allclose(windows.dc[inner], np.tile(DC, (4, 1)), rtol=1e-6)
    np.testing.assert_allclose(windows.ac[inner], np.tile(AC / np.sqrt(2), (4, 1)), rtol=0.01)
    for ratio in (standard_deviation_ratio, projected_ratio):
        np.testing.assert_allclose(ratio(windows, RED, GREEN)[inner], 0.5, rtol=1e-3)
        np.testing.assert_allclose(ratio(windows, RED, BLUE)[inner], 0.25, rtol=1e-3)


def test_projection_ignores_noise_that_green_does_not_share():
    """Red noise as strong as its pulse: a window's projection scatters by 0.05, the mean of 58 by 0.007 (tolerance: 3 times)."""
    windows = windows_of(finger(600, noise=0.5), FPS_HZ, np.full(600, 97.0))
    inner = middle(windows)
    assert standard_deviation_ratio(windows, RED, GREEN)[inner].mean() > 0.6
    assert projected_ratio(windows, RED, GREEN)[inner].mean() == pytest.approx(0.5, abs=0.02)


def test_a_still_green_has_no_ratio():
    windows = windows_of(np.tile(DC, (1800, 1)), FPS_HZ, np.full(60, 97.0))
    still = Windows(np.zeros_like(windows.pulse), windows.dc, windows.elapsed, windows.spo2_percent)
    assert np.isnan(standard_deviation_ratio(still, RED, GREEN)).all() and np.isnan(projected_ratio(still, RED, GREEN)).all()


def test_every_feature_has_one_row_a_window():
    one = windows_of(finger(), FPS_HZ, np.full(60, 97.0))
    windows = joined([one, one])
    columns = {"constant": 0, "log AC": 3, "log DC": 3, "log AC and log DC": 6, "time only": 3}
    for name, feature in FEATURES.items():
        assert feature(windows).shape == (12, columns.get(name, 1)), name


def test_a_line_is_found_again_held_within_what_was_seen_and_silent_where_there_is_nothing():
    train = np.array([[0.5], [1.0], [1.5], [np.nan]])
    said = fitted_percent(train, 110 - 20 * train[:, 0], np.array([[0.75], [9.0], [-9.0], [np.nan]]))
    np.testing.assert_allclose(said, [95, 80, 100, 90], atol=1e-9)


def test_features_without_spread_or_columns_say_the_mean():
    percent = np.array([90.0, 100.0])
    for train in (np.ones((2, 1)), np.empty((2, 0))):
        np.testing.assert_allclose(fitted_percent(train, percent, train[:1]), [95], atol=1e-9)


def test_the_person_spoken_of_is_not_fitted():
    """Two people whose slopes have opposite signs: each is foretold with the other's."""
    ratio = np.array([0.0, 1.0, 0.0, 1.0])
    percent, person = np.array([90.0, 80.0, 80.0, 90.0]), np.array(["a", "a", "b", "b"])
    np.testing.assert_allclose(leave_one_person_out(ratio[:, None], percent, person), [80, 90, 90, 80], atol=1e-9)
    with pytest.raises(ValueError, match="there are 1"):
        leave_one_person_out(ratio[:2, None], percent[:2], person[:2])


def test_position_foretells_a_confound_to_the_last_digit_and_noise_not_at_all():
    """SpO2 = 99 - session."""
    person, number, second = (grid.ravel() for grid in np.meshgrid([1, 2, 3], np.arange(10.0), np.arange(5.0)))
    features = position_features(number, second)
    np.testing.assert_allclose(leave_one_person_out(features, 99 - number, person), 99 - number, atol=1e-9)
    noise = np.random.default_rng(0).normal(90, 5, len(number))
    foretold, constant = (leave_one_person_out(one, noise, person) for one in (features, features[:, :0]))
    assert np.std(foretold - noise) > 0.97 * np.std(constant - noise)
