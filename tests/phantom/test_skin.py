"""Skin: absorption by hand, the path as the slope of the reflectance, and what depth, sheen, melanin and saturation do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tast.phantom import skin as optics
from tast.phantom.skin import (
    CAPILLARY_RADIUS_CM,
    MEDIAN,
    OXYGEN_TAKEN,
    Skin,
    blood_absorption,
    draw_skin,
    in_vessels,
    pulsatility,
    reflectance,
    remitted,
    srgb_pulse,
)
from tast.phantom.spectra import WAVELENGTHS_NM, curve, linear_srgb

AT_540 = int(np.flatnonzero(WAVELENGTHS_NM == 540)[0])
D65 = curve("lamp", "D65")


def test_blood_absorbs_what_its_haemoglobin_does() -> None:
    """By hand at 540 nm, all oxygenated: ln 10 * 53236 * 150 / 64500 = 285 per cm."""
    assert abs(blood_absorption(np.array(1.0))[AT_540] - 285.07) < 0.05


def test_fine_vessels_hide_nothing_and_wide_ones_show_their_surface_alone() -> None:
    absorption = np.array([1.0, 285.0, 2800.0])
    np.testing.assert_allclose(in_vessels(absorption, 1e-9), absorption, rtol=1e-5)
    np.testing.assert_allclose(in_vessels(absorption[1:], 1.0), 0.5)  # 1 / (2 r)


def test_the_path_is_the_slope_of_the_reflectance() -> None:
    """With vessels at the surface and no sheen, new blood costs what a little more of the steady blood costs, absorption for
    absorption."""
    person, saturation, step = replace(MEDIAN, depth_cm=0.0, sheen=0.0), np.array(0.9), 1e-6
    more = reflectance(person, person.melanosomes, person.blood + step, saturation)
    slope = -np.log(more / remitted(person, saturation)) / step
    steady = in_vessels(blood_absorption(saturation - OXYGEN_TAKEN), CAPILLARY_RADIUS_CM)
    arterial = in_vessels(blood_absorption(saturation), person.arteriole_radius_cm)
    np.testing.assert_allclose(pulsatility(person, saturation), slope * arterial / steady, rtol=1e-3)


def test_light_hardly_reaches_deep_vessels_where_blood_absorbs() -> None:
    """By hand at 540 nm: blood of 72 % saturation absorbs 275 per cm, 241 in capillaries; .027 of it and .25 of bloodless tissue
    make 6.8; scattering 50 * (540 / 500)^-1.42 = 44.8; exp(-2 * .018 * sqrt(3 * 6.8 * 51.6)) = .311 of the paths reach .18 mm."""
    deep = pulsatility(MEDIAN)[AT_540] / pulsatility(replace(MEDIAN, depth_cm=0.0))[AT_540]
    assert abs(deep - 0.311) < 0.003


def test_deeper_vessels_make_red_stronger_and_melanin_makes_blue_weaker_over_green() -> None:
    def over_green(person: Skin) -> np.ndarray:
        pulse = srgb_pulse(person, D65)
        return pulse[[0, 2]] / pulse[1]

    assert over_green(replace(MEDIAN, depth_cm=0.024))[0] > 1.1 * over_green(MEDIAN)[0]
    assert over_green(replace(MEDIAN, melanosomes=0.2))[1] < 0.9 * over_green(replace(MEDIAN, melanosomes=0.02))[1]


def test_red_grows_as_saturation_falls() -> None:
    pulse = srgb_pulse(MEDIAN, D65, np.arange(0.7, 1.001, 0.05))
    assert np.all(np.diff(pulse[:, 0] / pulse[:, 1]) < 0)
    assert pulse.shape == (7, 3)


def test_the_sheen_has_no_pulse() -> None:
    matt, shiny = replace(MEDIAN, sheen=0.0), replace(MEDIAN, sheen=0.1)
    share = 0.9 * remitted(matt) / remitted(shiny)
    np.testing.assert_allclose(pulsatility(shiny), pulsatility(matt) * share)


def test_people_follow_their_seed_and_dark_skin_pulses_less() -> None:
    people = {kind: [draw_skin(np.random.default_rng((kind, k)), kind) for k in range(60)] for kind in (1, 6)}
    assert people[1] == [draw_skin(np.random.default_rng((1, k)), 1) for k in range(60)]
    means = {kind: np.exp(np.mean([np.log(person.green_ac) for person in some])) for kind, some in people.items()}
    assert 0.6 < means[6] / means[1] < 0.95
    everyone = people[1] + people[6]
    assert all(optics.GREEN_AC_RANGE[0] <= person.green_ac <= optics.GREEN_AC_RANGE[1] for person in everyone)
    assert min(person.melanosomes for person in people[6]) > 5 * max(person.melanosomes for person in people[1])
    assert {draw_skin(np.random.default_rng(k)).melanosomes < 0.05 for k in range(20)} == {True, False}


def test_skin_has_the_colours_of_skin() -> None:
    """Linear sRGB under D65 of types I and VI: fair skin half as red as white, half as green as red, dark skin half of that."""
    fair, dark = (linear_srgb(remitted(replace(MEDIAN, melanosomes=m)), D65) for m in (0.015, 0.21))
    assert 0.45 < fair[0] < 0.7 and 1.5 < fair[0] / fair[1] < 2.5 and fair[1] > fair[2]
    assert dark[0] < 0.6 * fair[0] and np.all(np.diff(dark) < 0)
