"""The ratio of ratios and the chrominance ratio, against pulses whose ratio is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tast.ratio_of_ratios import (
    RATIOS,
    chrominance_angle,
    chrominance_ratio,
    fit_calibration,
    projection_ratio,
    pulse_signals,
)

FPS_HZ = 15.0
TIMES_S = np.arange(120) / FPS_HZ
PULSE = np.sin(2 * np.pi * 1.25 * TIMES_S)


def face(ratios: tuple[float, float, float], colour: tuple[float, float, float], common: np.ndarray | float = 0.0) -> np.ndarray:
    """(120, 8, 8, 3): the left half is skin of uneven brightness, the right half black."""
    ac = 0.01 * np.outer(PULSE, ratios) + np.broadcast_to(common, (120,))[:, None]
    skin = np.zeros((8, 8, 1))
    skin[:, :4] = np.linspace(0.2, 1.0, 8)[:, None, None]
    return skin * np.array(colour) * (1 + ac[:, None, None])


@given(red=st.floats(0.3, 1.5), colour=st.tuples(*[st.floats(20, 250)] * 3))
def test_ratio_is_that_of_the_pulses_whatever_the_colour(red: float, colour: tuple[float, float, float]) -> None:
    pulse = pulse_signals(face((red, 1.0, 0.6), colour))
    assert projection_ratio(pulse) == pytest.approx(red, rel=1e-6)


def test_pulse_signals_are_ac_over_dc_and_0_where_no_light_is() -> None:
    pulse = pulse_signals(face((0.5, 1.0, 0.6), (200, 100, 0)))
    np.testing.assert_allclose(pulse[:, 1], 0.01 * PULSE, atol=1e-9)
    np.testing.assert_array_equal(pulse[:, 2], 0)


def test_float16_frames_of_a_large_face_do_not_overflow() -> None:
    pulse = pulse_signals(np.full((4, 64, 64, 3), 250, dtype=np.float16))
    np.testing.assert_allclose(pulse, 0, atol=1e-12)


def test_bright_pixels_count_by_their_light() -> None:
    frames = np.zeros((120, 1, 2, 3))
    frames[:, 0, 0] = 200 * (1 + 0.01 * np.outer(PULSE, (0.5, 1, 0.6)))
    frames[:, 0, 1] = 2 + np.random.default_rng(0).normal(0, 0.1, (120, 3))  # a dark pixel, 5 % noise and no pulse
    assert projection_ratio(pulse_signals(frames)) == pytest.approx(0.5, abs=0.05)
    mean_of_ratios = (frames / frames.mean(axis=0) - 1).mean(axis=(1, 2))
    assert projection_ratio(mean_of_ratios) < 0.2


def test_motion_common_to_all_channels_spoils_the_one_ratio_and_not_the_other() -> None:
    common = np.random.default_rng(0).normal(0, 0.02, 120)
    still = pulse_signals(face((0.5, 1.0, 0.6), (200, 120, 90)))
    moving = pulse_signals(face((0.5, 1.0, 0.6), (200, 120, 90), common))
    assert chrominance_ratio(moving) == pytest.approx(chrominance_ratio(still), rel=1e-6)
    assert abs(projection_ratio(moving) - 0.5) > 0.2


def test_no_pulse_no_ratio() -> None:
    flat = np.zeros((10, 3))
    assert all(np.isnan(ratio(flat, FPS_HZ)) for ratio in RATIOS.values())


@given(red=st.floats(0.1, 0.9), blue=st.floats(0.2, 1.8))
def test_angle_is_that_of_the_pulses(red: float, blue: float) -> None:
    pulse = pulse_signals(face((red, 1.0, blue), (200, 120, 90)))
    assert chrominance_angle(pulse, FPS_HZ) == pytest.approx(np.arctan((blue - 1) / (red - 1)), abs=1e-6)


def test_noise_in_blue_shrinks_the_ratio_and_leaves_the_angle() -> None:
    clean = np.outer(PULSE, (0.3, 1.0, 1.4))
    noisy = clean + np.outer(np.random.default_rng(0).normal(0, 0.4, 120), (0.0, 0.0, 1.0))
    output = np.tan([chrominance_angle(one, FPS_HZ) for one in (clean, noisy)])
    ratios = [chrominance_ratio(one) for one in (clean, noisy)]
    assert ratios[1] / ratios[0] < 0.5
    assert output[1] / output[0] == pytest.approx(1, abs=0.15)


def test_calibration_finds_the_line_and_stays_within_what_it_was_fitted_on() -> None:
    ratios = np.array([0.4, 0.8, 1.2, np.nan, 0.5])
    line = fit_calibration(ratios, np.array([100.0, 90.0, 80.0, 95.0, np.nan]))
    assert (line.intercept_percent, line.slope_percent) == pytest.approx((110.0, -25.0))
    np.testing.assert_allclose(line.percent(np.array([1.0, 0.0, 9.0, np.nan])), [85.0, 100.0, 80.0, 90.0])


def test_calibration_of_equal_ratios_is_their_mean_and_of_none_an_error() -> None:
    line = fit_calibration(np.array([0.5, 0.5]), np.array([94.0, 98.0]))
    np.testing.assert_allclose(line.percent(np.array([0.2, 0.9])), 96.0)
    with pytest.raises(ValueError, match="no training clip"):
        fit_calibration(np.array([np.nan]), np.array([94.0]))
