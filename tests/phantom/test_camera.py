"""The sensor: noise, rounding, exposure."""

from __future__ import annotations

import numpy as np

from tast.phantom.camera import exposed, exposure


def shot(level: float, seed: int = 0) -> np.ndarray:
    return exposed(np.full((200, 300, 3), level, np.float32), np.random.Generator(np.random.SFC64(seed)))


def test_noise_at_mid_grey_is_about_one_grey_level() -> None:
    """sqrt(0.5^2 + 0.006 * 128 + 1/12) = 1.05; 180,000 samples give it within 1 %."""
    assert abs(shot(128).astype(float).std() / np.sqrt(0.25 + 0.006 * 128 + 1 / 12) - 1) < 0.01


def test_rounding_is_dithered_so_that_means_between_grey_levels_survive() -> None:
    """Standard error of the mean 1.05 / sqrt(180,000) = 0.0025; four of them."""
    for level in (100.0, 100.25, 100.5, 100.75):
        assert abs(shot(level).mean() - level) < 0.01


def test_bright_and_dark_light_is_clipped() -> None:
    assert shot(300).min() == 255
    assert shot(0).max() <= 3 and shot(0).min() == 0


def test_same_seed_same_bytes() -> None:
    assert np.array_equal(shot(90, 5), shot(90, 5)) and not np.array_equal(shot(90, 5), shot(90, 6))


def test_darker_faces_are_exposed_longer_but_stay_darker() -> None:
    fair, dark = np.array([200.0, 160.0, 130.0]), np.array([110.0, 75.0, 55.0])
    assert exposure(dark) > exposure(fair)
    assert exposure(dark) * dark.mean() < 0.8 * exposure(fair) * fair.mean()  # (80 / 163) ^ 0.45 = 0.73
