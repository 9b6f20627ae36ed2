"""Extinction, absorption and melanin against values known by hand."""

from __future__ import annotations

import numpy as np

from tast.phantom import tissue
from tast.phantom.extinction import DEOXYHAEMOGLOBIN, OXYHAEMOGLOBIN, WAVELENGTHS_NM


def test_extinction_has_the_published_landmarks() -> None:
    assert OXYHAEMOGLOBIN[WAVELENGTHS_NM == 540] == 53236
    assert DEOXYHAEMOGLOBIN[WAVELENGTHS_NM == 660] == 3226.56
    assert np.array_equal(np.diff(WAVELENGTHS_NM), np.full(75, 4))
    crossing = WAVELENGTHS_NM[np.flatnonzero(np.diff(np.sign(OXYHAEMOGLOBIN - DEOXYHAEMOGLOBIN)))]
    assert any(abs(crossing - 584) <= 4), "584 nm is an isosbestic point"


def test_absorption_is_the_mixture_of_both_haemoglobins() -> None:
    pure = tissue.blood_absorption(np.array([100.0, 0.0, 60.0]))
    np.testing.assert_allclose(pure[0] / pure[0][1], tissue.RELATIVE_PATHS * tissue.EXTINCTION_HBO2 / tissue.EXTINCTION_HBO2[1])
    np.testing.assert_allclose(pure[2], 0.6 * pure[0] + 0.4 * pure[1])
    assert np.isclose(tissue.blood_absorption(np.array(97.0))[tissue.GREEN], 1)


def test_red_is_three_to_six_times_weaker_than_green_and_falls_with_saturation() -> None:
    ratio = tissue.ratio_of_ratios(np.arange(75.0, 101.0))
    assert np.all(np.diff(ratio) < 0)
    assert ratio[-1] > 1 / 6 and ratio[0] < 1 / 3


def test_longer_path_in_red_scales_the_ratio() -> None:
    longer = tissue.RELATIVE_PATHS * (1.1, 1, 1)
    spo2 = np.array([80.0, 95.0])
    np.testing.assert_allclose(tissue.ratio_of_ratios(spo2, longer), 1.1 * tissue.ratio_of_ratios(spo2))


def test_melanin_takes_blue_first_and_darkens_with_the_skin_type() -> None:
    shares = np.array([tissue.melanin_transmittance(m) for m in tissue.FITZPATRICK_MELANOSOMES])
    assert np.all(np.diff(shares, axis=0) < 0)
    assert np.all(np.diff(shares, axis=1) < 0)
    assert np.allclose(tissue.melanin_transmittance(0.0), 1)


def test_a_channel_sees_half_at_half_its_full_width() -> None:
    """Red: 630 nm, 44 nm wide; the table has 4 nm steps, half of one at 630."""
    red = tissue.band_weights()[tissue.RED]
    at = np.interp([608.0, 652.0], WAVELENGTHS_NM, red) / np.interp(630.0, WAVELENGTHS_NM, red)
    np.testing.assert_allclose(at, 0.5, atol=0.02)


def test_light_passes_the_epidermis_on_its_way_out_too() -> None:
    """By hand at 540 nm: 0.1 * 6.6e11 * 540^-3.33 = 52.6 per cm over 2 * 0.006 cm leave exp(-0.63) = 0.53; green is broad."""
    assert abs(tissue.melanin_transmittance(0.1)[tissue.GREEN] - 0.53) < 0.03


def test_at_850_nm_oxygen_makes_blood_darker() -> None:
    spo2 = np.array([70.0, 85.0, 100.0])
    assert np.all(np.diff(tissue.infrared_to_green(spo2) * tissue.blood_absorption(spo2)[:, tissue.GREEN]) > 0)
