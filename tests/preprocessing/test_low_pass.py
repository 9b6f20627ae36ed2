"""The steps of a pyramid as matrices, against OpenCV's pyrDown and pyrUp taken one by one."""

from __future__ import annotations

import numpy as np
import pytest

from tast.preprocessing.low_pass import LowPass, down_matrix, up_matrix
from tast.preprocessing.pyramid import amplified_part, raised
from tests.preprocessing.textbook import noisy_scene


@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 50), (61, 43), (5, 9)])
@pytest.mark.parametrize("level", [1, 2, 4])
def test_equal_to_one_step_after_the_other(height: int, width: int, level: int) -> None:
    frames = noisy_scene(3, height, width)
    passed = np.empty(frames.shape, dtype=np.float32)
    LowPass(height, width, level, -120.0).fill(frames, passed)
    terms = (0.0,) * level + (-120.0,)
    expected = np.stack([raised(amplified_part(frame, terms), level, height, width) for frame in frames])
    assert np.max(np.abs(passed - expected)) <= 2e-6 * np.max(np.abs(expected))


def test_one_step_is_burt_and_adelson_s_kernel() -> None:
    """1 4 6 4 1 sixteenths; on the way up twice that."""
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    np.testing.assert_allclose(down_matrix(16, 1)[3, 4:9], kernel, atol=1e-12)
    assert np.count_nonzero(down_matrix(16, 1)[3]) == 5
    np.testing.assert_allclose(up_matrix(16, 1)[4:9, 3], 2 * kernel, atol=1e-12)


@pytest.mark.parametrize("side", [1, 2, 31, 64])
def test_a_constant_stays(side: int) -> None:
    np.testing.assert_allclose(down_matrix(side, 3).sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(up_matrix(side, 3).sum(axis=1), 1, atol=1e-12)
