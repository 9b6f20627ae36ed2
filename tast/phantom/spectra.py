"""The one wavelength grid of the phantom's light, and every curve on it: lamps, cameras, the eye, paints, haemoglobin.

data/spectra.csv holds the measured and standard curves, data/spectra.md where each comes from and under which licence.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from tast.errors import TastError
from tast.phantom import extinction
from tast.records import FloatArray
from tast.video.transfer import light_from_srgb, srgb_from_light

WAVELENGTHS_NM = np.arange(400.0, 701.0, 5.0)

# Molar extinction in 1 / (cm mol/l), see tast.phantom.extinction.
OXYHAEMOGLOBIN = np.interp(WAVELENGTHS_NM, extinction.WAVELENGTHS_NM, extinction.OXYHAEMOGLOBIN)
DEOXYHAEMOGLOBIN = np.interp(WAVELENGTHS_NM, extinction.WAVELENGTHS_NM, extinction.DEOXYHAEMOGLOBIN)

CHANNELS = ("red", "green", "blue")

# Linear sRGB of CIE XYZ (white at D65), IEC 61966-2-1.
SRGB_OF_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
LUMINANCE_OF_SRGB = np.array([0.2126, 0.7152, 0.0722])
XYZ_OF_D65 = np.array([0.9505, 1.0, 1.0890])
CONES_OF_XYZ = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])  # Bradford


@cache
def _curves() -> dict[str, dict[str, FloatArray]]:
    """Every curve of the table by kind and name."""
    with (files("tast.phantom") / "data" / "spectra.csv").open(encoding="utf-8") as table:
        lines = csv.reader(table)
        if not np.array_equal(np.array(next(lines)[2:], np.float64), WAVELENGTHS_NM):
            raise TastError("tast/phantom/data/spectra.csv: its columns are no longer the wavelengths of tast.phantom.spectra")
        curves: dict[str, dict[str, FloatArray]] = {}
        for kind, name, *values in lines:
            curve = np.array(values, np.float64)
            curve.setflags(write=False)
            curves.setdefault(kind, {})[name] = curve
    return curves


def names(kind: str) -> tuple[str, ...]:
    """Names of the curves of one kind: lamp; red, green, blue (cameras); observer (x, y, z); paint (red, green, blue)."""
    return tuple(_curves()[kind])


def curve(kind: str, name: str) -> FloatArray:
    """One curve (wavelengths,) of the table. Raises TastError for a name that it does not hold.

    Lamps have mean 1, a camera's three channels their common peak at 1; the eye is the CIE 1931 observer, a paint the share of
    light that it reflects.
    """
    known = _curves()[kind]
    if name not in known:
        raise TastError(f"phantom {kind} spectrum {name!r} is unknown; expected one of {', '.join(known)}")
    return known[name]


def lobe(centre_nm: float, width_nm: float) -> FloatArray:
    """(wavelengths,) a Gaussian of peak 1 with its full width at half maximum."""
    return np.exp(-4 * np.log(2) * ((WAVELENGTHS_NM - centre_nm) / width_nm) ** 2)


def linear_srgb(remission: FloatArray, light: FloatArray) -> FloatArray:
    """Linear sRGB (..., 3) of surfaces (..., wavelengths) under a light (wavelengths,), for an eye adapted to its white.

    Adapted in Bradford's cones to D65 (CIE 1931 observer): a white surface is (1, 1, 1) under every light.
    """
    cones = CONES_OF_XYZ @ (np.stack([curve("observer", axis) for axis in "xyz"]) * light)
    adapted = CONES_OF_XYZ @ XYZ_OF_D65 / cones.sum(axis=1)
    return remission @ (SRGB_OF_XYZ @ np.linalg.inv(CONES_OF_XYZ) @ (cones * adapted[:, None])).T


def encoded_srgb(linear: FloatArray) -> FloatArray:
    """sRGB's transfer function (tast.video.transfer) on 0..1."""
    return srgb_from_light(np.clip(linear, 0, 1))


def decoded_srgb(encoded: FloatArray) -> FloatArray:
    """The inverse of `encoded_srgb`, on 0..1."""
    return light_from_srgb(np.clip(encoded, 0, 1))
