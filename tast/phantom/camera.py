"""The camera: a linear 8-bit sensor with shot and read noise, and an exposure that follows the face."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from tast.records import FloatArray

READ_NOISE_LSB = 0.5
SHOT_NOISE_LSB2_PER_LSB = 0.006  # variance per grey level: 1 LSB in all at mid grey, so that rounding to 8 bit is dithered

FACE_LEVEL = 125.0  # mean grey level of a face of REFERENCE_REFLECTANCE
REFERENCE_REFLECTANCE = 170.0
EXPOSURE_COMPENSATION = 0.55  # how much of a darker face's lack of light the automatic exposure makes up, in the logarithm

# Normal quantiles at 2^16 equal probabilities: a noise sample is one table look-up, several times faster than drawing normals.
_NORMAL = ndtri((np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)


def exposure(skin_rgb: FloatArray) -> float:
    """Grey levels per unit of reflectance for a face of mean reflectance skin_rgb (3,) under its light."""
    reflectance = float(skin_rgb.mean())
    return FACE_LEVEL / REFERENCE_REFLECTANCE * (REFERENCE_REFLECTANCE / reflectance) ** EXPOSURE_COMPENSATION


def exposed(light: FloatArray, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """The picture (h, w, 3) uint8 of light (h, w, 3) float32 in grey levels: noise added, rounded, clipped to 0..255."""
    draws = np.frombuffer(rng.bytes(2 * light.size), np.dtype("<u2"))
    noise = np.take(_NORMAL, draws, mode="clip").reshape(light.shape)
    sigma = cv2.sqrt(np.maximum(light, 0) * np.float32(SHOT_NOISE_LSB2_PER_LSB) + np.float32(READ_NOISE_LSB**2))
    return cv2.add(light, noise * sigma, dtype=cv2.CV_8U)
