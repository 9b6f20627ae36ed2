"""Plain colours, without a lamp's or a camera's own: for tests, and for pictures of the people themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tast.phantom.heads.film import Skin
from tast.phantom.spectra import decoded_srgb, encoded_srgb
from tast.phantom.tissue import melanin_transmittance

Float32Array = npt.NDArray[np.float32]

DERMIS = np.array([0.62, 0.42, 0.34])  # reflectance of skin without melanin, assumed
SURFACE = 0.03  # white reflection that melanin does not touch
BLOOD_DEPTH = np.array([0.05, 0.36, 0.30])  # optical depth of the mean amount of blood, assumed
DIFFUSE = 2.0  # light that comes from all sides crosses the epidermis on a path about twice as long as straight through
LARGEST_MELANIN = 8.0
FACE_LIGHT = 0.30  # a face of this reflectance is exposed as it is; of a darker one's lack of light, COMPENSATION is made up
COMPENSATION = 0.4
SHOULDER = 0.7  # light above it is compressed


def plain_skin(melanosomes: float) -> Skin:
    """Reflectance of skin with melanosomes (volume fraction) under white light, linear, red, green and blue."""
    amounts = np.linspace(0, LARGEST_MELANIN, 400)
    passed = np.array([melanin_transmittance(DIFFUSE * melanosomes * amount) for amount in amounts])

    def skin(melanin: Float32Array, blood: Float32Array) -> Float32Array:
        through = np.stack([np.interp(melanin, amounts, passed[:, c]) for c in range(3)], axis=-1)
        return (SURFACE + DERMIS * through * np.exp(-BLOOD_DEPTH * (blood[..., None] - 1))).astype(np.float32)

    return skin


def plain_paint(srgb: Float32Array) -> Float32Array:
    """sRGB in 0..1, coded -> linear (IEC 61966-2-1)."""
    return decoded_srgb(srgb).astype(np.float32)


def plain_gain(melanosomes: float) -> float:
    """What an automatic exposure multiplies the light of a face with."""
    one = np.ones(1, np.float32)
    return float((FACE_LIGHT / plain_skin(melanosomes)(one, one).mean()) ** COMPENSATION)


def plain_picture(light: Float32Array, gain: float) -> npt.NDArray[np.uint8]:
    """Linear light (H, W, 3) as an sRGB picture with a soft shoulder."""
    linear = np.maximum(light * gain, 0).astype(np.float64)
    room = 1 - SHOULDER
    linear = np.where(linear > SHOULDER, SHOULDER + room * (1 - np.exp(-(linear - SHOULDER) / room)), linear)
    return np.rint(255 * encoded_srgb(linear)).astype(np.uint8)
