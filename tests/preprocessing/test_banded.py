"""A pyramid's way down and up in one step, against OpenCV's pyrDown and pyrUp taken one by one."""

from __future__ import annotations

import numpy as np
import pytest

from tast.preprocessing.banded import BEFORE, COLOURS, FINEST_DOWN, REACH, Down, band, raise_along_row, way_up
from tast.preprocessing.low_pass import down_matrix, up_matrix
from tast.preprocessing.pyramid import amplified_part, raised
from tests.preprocessing.textbook import noisy_scene

SIZES = [(64, 64), (37, 50), (61, 43), (5, 9), (2, 3), (1, 1)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("level", [FINEST_DOWN, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_down_is_one_step_after_the_other(height: int, width: int, level: int, dtype: type) -> None:
    frames = noisy_scene(3, height, width).astype(dtype)
    terms = (0.0,) * level + (-120.0,)
    expected = np.stack([amplified_part(frame, terms) for frame in frames])
    coarse = np.full(expected.shape, np.nan, dtype=np.float32)
    Down(height, width, level, -120.0).fill(frames, coarse)
    assert np.max(np.abs(coarse - expected)) <= 2e-6 * np.max(np.abs(expected))


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("level", [0, 1, 2, 4])
def test_up_is_one_step_after_the_other(height: int, width: int, level: int) -> None:
    part = np.ascontiguousarray(amplified_part(noisy_scene(1, height, width)[0], (0.0,) * level + (1.0,)))
    up = way_up(height, width, level)
    rows = np.full((BEFORE + len(part) + REACH, COLOURS * width), 0, dtype=np.float32)  # beyond both ends nothing
    spread = np.zeros(COLOURS * (width + REACH * up.group), dtype=np.float32)
    for target, row in zip(rows[BEFORE:], part.reshape(len(part), -1), strict=False):
        raise_along_row(row, up.group, up.columns, spread, target)
    whole = np.stack([weights @ rows[row // up.group : row // up.group + REACH] for row, weights in enumerate(up.rows)])
    expected = raised(part, level, height, width).reshape(height, -1)
    assert np.max(np.abs(whole - expected)) <= 2e-6 * np.max(np.abs(expected))


@pytest.mark.parametrize("level", range(7))
def test_of_any_side_four_numbers_a_row_are_all(level: int) -> None:
    """Else `band` raises."""
    for side in (*range(1, 34), 64, 65, 129):
        assert band(down_matrix(side, level).T, 2**level).shape == band(up_matrix(side, level), 2**level).shape == (side, REACH)


def test_a_matrix_that_reaches_farther_is_refused() -> None:
    with pytest.raises(ValueError, match="a matrix of 16 to 16 pixels is no pyramid's in groups of 2"):
        band(np.eye(16)[::-1], 2)
