"""The collapsed part of a frame against its pyramid, level by level."""

from __future__ import annotations

import numpy as np
import pytest

from tast.preprocessing.pyramid import (
    Amplification,
    amplified_part,
    base_level,
    colour_matrix,
    gaussian_terms,
    level_weights,
    raised,
)
from tests.preprocessing.textbook import RGB_TO_YIQ, noisy_scene


def test_all_levels_and_the_residual_are_the_frame_itself() -> None:
    assert gaussian_terms(level_weights(Amplification(120, 4, residual=True))) == (1.0,)


def test_without_the_residual_one_coarse_level_is_taken_away() -> None:
    assert gaussian_terms(level_weights(Amplification(120, 3, residual=False))) == (1, 0, 0, -1)


def test_finest_levels_that_stay_are_not_computed() -> None:
    terms = gaussian_terms(level_weights(Amplification(120, 3, residual=False, skip_finest=1)))
    assert terms == (0, 1, 0, -1)
    assert base_level(terms) == 1


def test_nothing_amplified_is_nothing() -> None:
    terms = gaussian_terms(level_weights(Amplification(120, 1, residual=False, skip_finest=1)))
    assert terms == ()
    assert not amplified_part(noisy_scene(1, 8, 8)[0], terms).any()


def test_levels_below_the_cutoff_wavelength_follow_equation_14() -> None:
    """alpha 9, lambda_c 20: wavelengths 4, 8, 16, 32, 64 bound alpha to 1, 3, 7, 15, 31."""
    weights = level_weights(Amplification(9, 4, residual=True, cutoff_wavelength_px=20))
    assert weights == pytest.approx([1 / 9, 3 / 9, 7 / 9, 1, 1])


def test_a_cutoff_above_every_wavelength_amplifies_nothing() -> None:
    assert level_weights(Amplification(9, 2, residual=True, cutoff_wavelength_px=1e9)) == (0, 0, 0)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (37, 50), (61, 43)])
@pytest.mark.parametrize("base", [1, 3])
def test_some_rows_are_raised_as_in_the_whole(height: int, width: int, base: int) -> None:
    frame = noisy_scene(1, height, width)[0]
    part = amplified_part(frame, (0.0,) * base + (1.0,))
    whole = raised(part, base, height, width)
    assert whole.shape == frame.shape
    for start in range(0, height, 5):
        rows = slice(start, min(start + 5, height))
        np.testing.assert_allclose(raised(part, base, height, width, rows=rows), whole[rows], rtol=1e-6)


def test_yiq_attenuates_what_is_not_grey() -> None:
    matrix = colour_matrix(Amplification(120, 4, residual=True, colour_space="yiq", chroma_attenuation=0.1))
    assert matrix is not None
    expected = np.linalg.inv(RGB_TO_YIQ) @ np.diag([1, 0.1, 0.1]) @ RGB_TO_YIQ
    np.testing.assert_allclose(matrix, expected, atol=2e-3)  # NTSC's coefficients are printed to three or four digits
