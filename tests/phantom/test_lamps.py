"""Lamps: mixtures, flicker through a shutter, random ones."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tast.errors import TastError
from tast.phantom.lamps import D65, LAMP_FAMILIES, Lamp, Planckian, Tabled, WhiteLed, draw_lamp
from tast.phantom.spectra import WAVELENGTHS_NM, curve


def test_illuminant_a_is_a_filament_of_2856_kelvin() -> None:
    filament = Lamp("incandescent", ((Planckian(2856.0), 1.0),)).spectrum()
    np.testing.assert_allclose(filament, curve("lamp", "A") / curve("lamp", "A").mean(), rtol=2e-3)


def test_a_mixture_has_its_parts_in_their_shares_whatever_their_scales() -> None:
    """A filament's Planck values are 1e-20 or so, the table's about 1."""
    mixture = Lamp("", ((Planckian(3000.0), 0.25), (Tabled("D65"), 0.75))).spectrum()
    parts = [Lamp("", ((part, 1.0),)).spectrum() for part in (Planckian(3000.0), Tabled("D65"))]
    np.testing.assert_allclose(mixture, 0.25 * parts[0] + 0.75 * parts[1])


def test_a_white_led_has_its_two_peaks() -> None:
    light = WhiteLed(450, 20, 570, 120, 1.5).spectrum()
    blue, gap, yellow = light[np.searchsorted(WAVELENGTHS_NM, (450, 490, 570))]
    assert blue == pytest.approx(1.5 + 2**-4)  # the phosphor's centre is twice its half width away
    assert yellow == pytest.approx(1.0)
    assert gap < 0.35


@given(start_s=st.floats(0, 10), exposed_s=st.floats(1e-3, 0.03), depth=st.floats(0, 0.5))
def test_a_shutter_averages_the_flicker_that_falls_into_it(start_s: float, exposed_s: float, depth: float) -> None:
    lamp = Lamp("led", D65.parts, mains_hz=50, mains_depth=depth, slow_hz=1.2, slow_depth=depth / 10)
    inside_s = start_s + exposed_s * (np.arange(2000) + 0.5) / 2000
    light = 1 + depth * np.cos(200 * np.pi * inside_s) + depth / 10 * np.cos(2.4 * np.pi * inside_s)
    assert abs(float(lamp.mean_level(np.array(start_s), exposed_s)) - light.mean()) < 1e-5


def test_a_shutter_of_a_whole_period_sees_no_flicker_of_the_mains() -> None:
    lamp = Lamp("led", D65.parts, mains_hz=50, mains_depth=0.5)
    np.testing.assert_allclose(lamp.mean_level(np.linspace(0, 1, 99), 0.01), 1)


def test_random_lamps_follow_their_seed_and_their_pool_and_are_plain_values() -> None:
    lamps = [draw_lamp(np.random.default_rng(k)) for k in range(60)]
    assert lamps == [draw_lamp(np.random.default_rng(k)) for k in range(60)] and len(set(lamps)) == 60
    assert {lamp.family for lamp in lamps} >= set(LAMP_FAMILIES)
    assert {draw_lamp(np.random.default_rng(k), ["led"]).family for k in range(20)} == {"led", "led and led"}
    for lamp in lamps:
        assert json.loads(json.dumps(asdict(lamp)))["family"] == lamp.family
        assert sum(share for _, share in lamp.parts) == pytest.approx(1)
        assert lamp.spectrum().min() >= 0 and lamp.spectrum().mean() == pytest.approx(1)


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(TastError, match="lamps neon; expected some of daylight, incandescent"):
        draw_lamp(np.random.default_rng(0), ["led", "neon"])
