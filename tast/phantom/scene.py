"""The room: a wall that stands still, and the light on everything: its colour, where it falls, how it drifts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tast.phantom.randomness import wander
from tast.records import FloatArray

# Drift of the light over time (standard deviations, relative): slow, and the unrest of mains and automatic exposure in the band
# of the pulse. It is common to all channels.
SLOW_DRIFT, SLOW_DRIFT_HZ = 0.008, (0.01, 0.2)
UNREST, UNREST_HZ = 0.00015, (0.4, 6.0)


@dataclass(frozen=True, eq=False)
class Light:
    """rgb (3,): relative strength by channel, green 1. field (h, w): relative strength over the picture, mean 1.

    towards (3,): unit vector to the lamp (right, down, towards the camera).
    """

    rgb: FloatArray
    field: FloatArray
    towards: FloatArray


def light(rng: np.random.Generator, height_px: int, width_px: int) -> Light:
    """A random lamp: from warm to cool white, above and to one side of the camera."""
    warmth = rng.uniform(-0.12, 0.12)
    azimuth, elevation = rng.uniform(-0.9, 0.9), rng.uniform(0.2, 0.8)
    towards = np.array([np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    x, y = np.linspace(-1, 1, width_px)[None, :], np.linspace(-1, 1, height_px)[:, None]
    field = 1 + 0.22 * towards[0] * x + 0.18 * towards[1] * y - 0.06 * (x**2 + y**2)
    return Light(np.array([1 + warmth, 1.0, 1 - warmth]), (field / field.mean()).astype(np.float32), towards)


def light_level(rng: np.random.Generator, times_s: FloatArray) -> FloatArray:
    """Relative strength of the light over time (N,), about 1."""
    return 1 + SLOW_DRIFT * wander(rng, *SLOW_DRIFT_HZ).at(times_s) + UNREST * wander(rng, *UNREST_HZ, waves=16).at(times_s)


def wall(rng: np.random.Generator, height_px: int, width_px: int) -> FloatArray:
    """(h, w, 3) reflectance in 0..255 of a wall with shades, a few things on it, out of focus."""
    level = rng.uniform(35, 105)
    colour = level * (1 + rng.uniform(-0.15, 0.15, 3))
    picture = np.tile(colour, (height_px, width_px, 1)).astype(np.float32)
    for _ in range(int(rng.integers(3, 7))):
        left, top = rng.uniform(-0.2, 0.9) * width_px, rng.uniform(-0.2, 0.8) * height_px
        wide, high = rng.uniform(0.1, 0.4) * width_px, rng.uniform(0.1, 0.6) * height_px
        tone = np.clip(colour * rng.uniform(0.5, 1.4) * (1 + rng.uniform(-0.12, 0.12, 3)), 10, 190)
        corners = (round(left), round(top)), (round(left + wide), round(top + high))
        cv2.rectangle(picture, *corners, tuple(float(c) for c in tone), thickness=-1)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.015 * height_px)
    shades = cv2.GaussianBlur(rng.standard_normal((height_px, width_px)).astype(np.float32), (0, 0), 0.1 * height_px)
    return picture * (1 + 0.06 * shades / shades.std())[..., None]
