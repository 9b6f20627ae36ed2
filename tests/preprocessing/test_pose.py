from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tast.preprocessing.pose import Pose, as_complex, fit_pose, smooth_pose

coordinate = st.floats(-100, 100)


@given(scale=st.floats(0.1, 10), angle=st.floats(-3, 3), x=coordinate, y=coordinate)
def test_fit_finds_the_similarity_that_made_the_points(scale: float, angle: float, x: float, y: float) -> None:
    face = np.array([0, 1, 1j, 2 + 3j, -1 - 1j])
    turn = scale * np.exp(1j * angle)
    pose = fit_pose(face, turn * face + complex(x, y))
    assert pose.turn == pytest.approx(turn, rel=1e-9)
    assert pose.centre_px == pytest.approx(complex(x, y), abs=1e-9)


def test_fit_is_the_least_squares_one() -> None:
    random = np.random.default_rng(0)
    face, frame = (as_complex(random.normal(size=(20, 2))) for _ in range(2))
    design = np.stack([face, np.ones(20)], axis=1)
    expected = np.linalg.lstsq(design, frame, rcond=None)[0]
    pose = fit_pose(face, frame)
    np.testing.assert_allclose([pose.turn, pose.centre_px], expected, rtol=1e-9)


def test_matrix_inverse_and_chain_agree_with_plain_arithmetic() -> None:
    first, second = Pose(2 + 1j, 3 - 4j), Pose(0.5 - 0.2j, 1 + 1j)
    point = 5 - 7j
    expected = second.turn * (first.turn * point + first.centre_px) + second.centre_px
    both = second.after(first)
    assert both.turn * point + both.centre_px == pytest.approx(expected)
    np.testing.assert_allclose(both.matrix() @ [point.real, point.imag, 1], [expected.real, expected.imag])
    back = both.inverse()
    assert back.turn * expected + back.centre_px == pytest.approx(point)


def test_resizing_a_frame_moves_pixel_centres_as_area_averages_do() -> None:
    corner = Pose(1 + 0j, 0.5 + 0.5j)  # the middle of the first four pixels becomes pixel 0 at half the size
    assert corner.scaled(0.5).centre_px == pytest.approx(0j)


@given(sigma_s=st.sampled_from([0.0, 0.1, 0.27, 1.0]), at_s=st.floats(0, 3))
def test_smoothing_neither_lags_nor_drags_at_the_ends_of_a_steady_movement(sigma_s: float, at_s: float) -> None:
    times_s = np.delete(np.arange(91) / 30, slice(40, 52))  # a gap of 0.4 s within
    poses = np.stack([1 + 0.1j * times_s, 100 + 20 * times_s - 5j * times_s], axis=1)
    pose = smooth_pose(times_s, poses, at_s, sigma_s)
    assert pose.turn == pytest.approx(1 + 0.1j * at_s, abs=1e-9)
    assert pose.centre_px == pytest.approx(100 + 20 * at_s - 5j * at_s, abs=1e-6)


def test_smoothing_takes_jitter_away_as_a_gaussian_does() -> None:
    times_s = np.arange(3000) / 30
    jitter = np.random.default_rng(1).normal(size=3000) + 0j
    poses = np.stack([np.ones(3000) + 0j, jitter], axis=1)
    sigma_s = 0.27
    smoothed = np.array([smooth_pose(times_s, poses, t, sigma_s).centre_px for t in times_s[100:-100]])
    expected = 1 / np.sqrt(2 * np.sqrt(np.pi) * sigma_s * 30)  # rms of white noise behind a Gaussian of that many frames
    assert np.std(smoothed) == pytest.approx(expected, rel=0.1)  # 3000 samples hold about 170 independent ones


def test_poses_right_beside_a_wide_gap_are_used_even_beyond_the_window() -> None:
    pose = smooth_pose(np.array([0.0, 10.0]), np.array([[1, 0], [1, 10]], dtype=complex), 4.0, 0.1)
    assert pose.centre_px == pytest.approx(4, abs=1e-6)
