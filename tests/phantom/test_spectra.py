"""The table of spectra against values known from the standards, and linear sRGB against its own definition."""

from __future__ import annotations

import numpy as np
import pytest

from tast.errors import TastError
from tast.phantom.spectra import (
    CHANNELS,
    WAVELENGTHS_NM,
    curve,
    decoded_srgb,
    encoded_srgb,
    linear_srgb,
    lobe,
    names,
)


def at(kind: str, name: str, nm: float) -> float:
    return float(curve(kind, name)[np.searchsorted(WAVELENGTHS_NM, nm)])


def test_illuminants_and_observer_are_those_of_the_standards() -> None:
    """CIE 15: D65 and A are 100 at 560 nm; D65 is 117.8 at 460 nm, A 198.26 at 700 nm; y of the eye peaks with 1 at 555 nm."""
    assert abs(at("lamp", "D65", 460) / at("lamp", "D65", 560) - 1.178) < 0.001
    assert abs(at("lamp", "A", 700) / at("lamp", "A", 560) - 1.9826) < 0.001
    assert at("observer", "y", 555) == 1.0 and at("observer", "y", 600) == 0.631
    assert all(abs(curve("lamp", name).mean() - 1) < 1e-3 for name in names("lamp"))
    assert len(names("lamp")) == 5 + 12 + 15 + 9


def test_cameras_are_three_bells_in_order() -> None:
    for name in names("green"):
        red, green, blue = (curve(channel, name) for channel in CHANNELS)
        centres = [float((one * WAVELENGTHS_NM).sum() / one.sum()) for one in (blue, green, red)]
        assert 455 < centres[0] < 490 < 520 < centres[1] < 545 < 575 < centres[2] < 612, name
        assert max(red.max(), green.max(), blue.max()) == 1.0


def test_paints_are_reflectances_that_make_white_together_and_srgb_alone() -> None:
    paints = np.stack([curve("paint", name) for name in CHANNELS])
    np.testing.assert_allclose(paints.sum(axis=0), 1, atol=2e-3)
    assert paints.min() >= 0
    np.testing.assert_allclose(linear_srgb(paints, curve("lamp", "D65")), np.eye(3), atol=0.02)


def test_white_is_white_under_every_light() -> None:
    for lamp in names("lamp"):
        np.testing.assert_allclose(linear_srgb(np.ones(len(WAVELENGTHS_NM)), curve("lamp", lamp)), 1, atol=1e-3)


def test_srgb_encodes_middle_grey_as_its_standard_says_and_back() -> None:
    assert abs(float(encoded_srgb(np.array(0.2140))) - 0.5) < 1e-3
    linear = np.linspace(0, 1, 101)
    np.testing.assert_allclose(decoded_srgb(encoded_srgb(linear)), linear, atol=1e-6)
    np.testing.assert_allclose(encoded_srgb(np.array([-0.1, 1.2])), [0, 1])


def test_a_lobe_is_half_as_high_at_half_its_width() -> None:
    np.testing.assert_allclose(lobe(550, 60)[(WAVELENGTHS_NM == 520) | (WAVELENGTHS_NM == 580)], 0.5)


def test_an_unknown_curve_is_named_with_the_known_ones() -> None:
    with pytest.raises(TastError, match=r"lamp spectrum 'D66' is unknown; expected one of A, D50, .*LED-V2"):
        curve("lamp", "D66")
    with pytest.raises(ValueError, match="read-only"):
        curve("lamp", "D65")[0] = 2
