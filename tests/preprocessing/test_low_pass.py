"""The steps of a pyramid as matrices, against their definition; test_banded.py takes them for pictures."""

from __future__ import annotations

import numpy as np
import pytest

from tast.preprocessing.low_pass import down_matrix, up_matrix


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
