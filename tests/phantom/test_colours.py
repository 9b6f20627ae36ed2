"""What raw channels see: white, the colour matrix, the table of skin, paint, and the pulse of worlds at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tast.phantom.colours import Colours, colours, smooth_surfaces
from tast.phantom.lamps import D65, Lamp, Tabled, draw_lamp
from tast.phantom.sensor import Sensor, draw_camera
from tast.phantom.skin import MEDIAN, draw_skin, reflectance
from tast.phantom.spectra import WAVELENGTHS_NM, curve, encoded_srgb, linear_srgb

NIKON = Sensor("Nikon D5100")
TUNGSTEN = Lamp("incandescent", ((Tabled("A"), 1.0),))


@pytest.fixture(scope="module", params=[D65, TUNGSTEN], ids=["D65", "A"])
def seen(request: pytest.FixtureRequest) -> Colours:
    return colours(request.param, NIKON)


def test_white_is_one_in_raw_green_and_white_in_the_picture(seen: Colours) -> None:
    raw = seen.weights.sum(axis=1)
    assert raw[1] == pytest.approx(1)
    np.testing.assert_allclose(seen.matrix @ (seen.white_balance * raw), 1)


def test_the_matrix_is_the_best_that_keeps_white() -> None:
    """Any other one with rows that sum to 1 is worse on the surfaces that it was fitted on."""
    fitted, surfaces, rng = colours(D65, NIKON), smooth_surfaces(), np.random.default_rng(0)
    wanted = linear_srgb(surfaces, D65.spectrum())

    def error(matrix: np.ndarray) -> float:
        return float(np.mean((surfaces @ fitted.weights.T * fitted.white_balance @ matrix.T - wanted) ** 2))

    best = error(fitted.matrix)
    assert np.sqrt(best) < 0.04
    for _ in range(50):
        other = rng.normal(0, 0.05, (3, 3))
        assert error(fitted.matrix + other - other.mean(axis=1, keepdims=True)) > best


def test_the_table_gives_what_the_spectra_give(seen: Colours) -> None:
    rng = np.random.default_rng(0)
    melanosomes, blood = np.exp(rng.uniform(np.log(0.003), np.log(0.29), (2, 40, 25)))
    direct = reflectance(MEDIAN, melanosomes, blood) @ seen.weights.T
    np.testing.assert_allclose(seen.skin(melanosomes, blood), direct, rtol=1.5e-3)
    np.testing.assert_allclose(seen.skin(0.05, blood), seen.skin(np.full_like(blood, 0.05), blood))
    np.testing.assert_allclose(seen.skin(9.0, 1e-9), seen.skin(0.6, 0.002))


def test_paint_looks_in_the_picture_as_it_was_mixed(seen: Colours) -> None:
    rng = np.random.default_rng(1)
    srgb = rng.uniform(0.25, 0.85, (30, 3))
    np.testing.assert_allclose(seen.paint(np.ones(3)), seen.weights.sum(axis=1), rtol=2e-3)
    picture = seen.paint(srgb) * seen.white_balance @ seen.matrix.T
    assert np.abs(encoded_srgb(picture) - srgb).mean() < 0.04


def test_the_standard_observer_sees_the_persons_own_pulse() -> None:
    """A camera that is the observer itself, whose raw values are linear sRGB."""
    weights = linear_srgb(np.eye(len(WAVELENGTHS_NM)), curve("lamp", "D65")).T
    observer = Colours(weights, np.ones(3), np.eye(3), np.zeros((0, 0, 3)), np.eye(3))
    person = replace(MEDIAN, green_ac=0.0123)
    assert observer.pulse_strengths(person)[1] == pytest.approx(0.0123)
    np.testing.assert_allclose(observer.picture_pulse(person), observer.pulse_strengths(person))


def test_the_pulse_in_the_picture_is_that_of_raw_light_through_the_matrix(seen: Colours) -> None:
    dark = seen.skin(MEDIAN.melanosomes, MEDIAN.blood)
    darker = dark * (1 - seen.pulse_strengths(MEDIAN))
    before, after = (seen.matrix @ (seen.white_balance * raw) for raw in (dark, darker))
    np.testing.assert_allclose(1 - after / before, seen.picture_pulse(MEDIAN), rtol=5e-3)


def test_dark_blood_darkens_red_and_leaves_rest_as_it_is(seen: Colours) -> None:
    tint = seen.tint(MEDIAN, np.array([0.8, 0.97]))
    assert tint[0, 0] < 0.99
    np.testing.assert_allclose(tint[1], 1)


def test_pulses_of_random_worlds_have_the_colours_of_living_skin() -> None:
    """benchmarks/optics.py asks the same of 500 worlds."""
    ratios, green = [], []
    for number in range(100):
        rng = np.random.default_rng((7, number))
        pulse = colours(draw_lamp(rng), draw_camera(rng).sensor).picture_pulse(draw_skin(rng))
        ratios.append(pulse[[0, 2]] / pulse[1])
        green.append(pulse[1])
    red, blue = np.median(ratios, axis=0)
    assert 0.35 < red < 0.5 and 0.6 < blue < 0.8
    assert np.mean(np.max(ratios, axis=1) < 1) >= 0.95
    assert min(green) > 0.001 and max(green) < 0.022 and 0.004 < np.median(green) < 0.012
