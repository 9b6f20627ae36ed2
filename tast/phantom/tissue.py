"""Optics of skin: how strongly a camera's channels see blood of a given saturation, and what melanin leaves of the light.

A change dV of arterial blood volume changes the remitted light of channel c by dI/I = -path_c * eps_c(S) * dV (modified
Beer-Lambert law), with eps_c(S) = eps_HbO2,c * S + eps_Hb,c * (1 - S). Hence the ratio of ratios (AC/DC in red over AC/DC in
green) = path_R eps_R(S) / (path_G eps_G(S)) depends on S alone: neither on colour and light nor on perfusion.
"""

from __future__ import annotations

import numpy as np

from tast.phantom.extinction import DEOXYHAEMOGLOBIN, OXYHAEMOGLOBIN, WAVELENGTHS_NM
from tast.records import FloatArray

RED, GREEN, BLUE = 0, 1, 2

# Camera channels under white light behind an infrared cut: centre and full width at half maximum in nm, taken as Gaussian.
BAND_CENTRES_NM = np.array([630.0, 540.0, 462.0])
BAND_WIDTHS_NM = np.array([44.0, 80.0, 60.0])

# Mean path of remitted light in blood, relative to green: red goes deeper, blue less deep.
RELATIVE_PATHS = np.array([4.0, 1.0, 0.55])

REFERENCE_SPO2_PERCENT = 97.0

# Near infrared at 850 nm, from the same compilation as tast.phantom.extinction: 1 / (cm mol/l), and the path relative to green's.
INFRARED_HBO2, INFRARED_HB, INFRARED_PATH = 1058.0, 691.32, 8.0

# Melanosomes: absorption 6.6e11 * nm^-3.33 per cm (Jacques 1998), in 60 um of epidermis, passed twice.
MELANOSOME_SCALE_PER_CM, MELANOSOME_EXPONENT = 6.6e11, -3.33
EPIDERMIS_CM = 0.006
# Volume fraction of melanosomes in the epidermis by Fitzpatrick skin type I-VI.
FITZPATRICK_MELANOSOMES = (0.015, 0.03, 0.055, 0.09, 0.14, 0.21)


def band_weights() -> FloatArray:
    """(3, wavelengths) sensitivity of red, green and blue, each summing to 1."""
    sigma_nm = BAND_WIDTHS_NM / (2 * np.sqrt(2 * np.log(2)))
    weights = np.exp(-0.5 * ((WAVELENGTHS_NM - BAND_CENTRES_NM[:, None]) / sigma_nm[:, None]) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


EXTINCTION_HBO2 = band_weights() @ OXYHAEMOGLOBIN  # (3,) in 1 / (cm mol/l)
EXTINCTION_HB = band_weights() @ DEOXYHAEMOGLOBIN


def blood_absorption(spo2_percent: FloatArray, paths: FloatArray = RELATIVE_PATHS) -> FloatArray:
    """Relative change of light per unit change of blood volume, (..., 3) for saturations (...,).

    paths: (3,). Scaled so that green at REFERENCE_SPO2_PERCENT and path 1 is 1.
    """
    saturation = np.asarray(spo2_percent)[..., None] / 100
    reference = REFERENCE_SPO2_PERCENT / 100
    green = EXTINCTION_HBO2[GREEN] * reference + EXTINCTION_HB[GREEN] * (1 - reference)
    return paths * (EXTINCTION_HBO2 * saturation + EXTINCTION_HB * (1 - saturation)) / green


def ratio_of_ratios(spo2_percent: FloatArray, paths: FloatArray = RELATIVE_PATHS) -> FloatArray:
    """(AC/DC in red) / (AC/DC in green), (...,) for saturations (...,) in percent."""
    absorption = blood_absorption(spo2_percent, paths)
    return absorption[..., RED] / absorption[..., GREEN]


def infrared_to_green(spo2_percent: FloatArray) -> FloatArray:
    """(AC/DC at 850 nm) / (AC/DC in green), (...,) for saturations (...,) in percent, at mean paths."""
    saturation = np.asarray(spo2_percent) / 100
    infrared = INFRARED_HBO2 * saturation + INFRARED_HB * (1 - saturation)
    green = EXTINCTION_HBO2[GREEN] * saturation + EXTINCTION_HB[GREEN] * (1 - saturation)
    return INFRARED_PATH * infrared / green


def melanin_transmittance(melanosomes: float) -> FloatArray:
    """Share of the light that passes the epidermis twice, (3,); melanosomes: their volume fraction."""
    absorption_per_cm = melanosomes * MELANOSOME_SCALE_PER_CM * WAVELENGTHS_NM**MELANOSOME_EXPONENT
    return band_weights() @ np.exp(-2 * EPIDERMIS_CM * absorption_per_cm)
