"""Who sits before the camera: what one subject keeps over all sessions, drawn from the seed and the subject's number alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.phantom.randomness import stratified_fraction, stream
from tast.phantom.tissue import FITZPATRICK_MELANOSOMES, RELATIVE_PATHS
from tast.records import FloatArray

# Log-normal spread of the path lengths between people and channels: it bounds how well one calibration can fit all. The
# chrominance ratio divides by a small difference of two pulses and feels it about five times over.
PATH_SPREAD = 0.005

HAIR_RGB = {"black": (40, 34, 31), "brown": (74, 54, 40), "chestnut": (105, 74, 50), "blond": (122, 100, 68)}
HAIR_OF_LIGHT_SKIN, HAIR_OF_DARK_SKIN = ("blond", "chestnut", "brown", "black"), ("brown", "black")


@dataclass(frozen=True, eq=False)
class Subject:
    """A person.

    fitzpatrick: skin type 1..6; melanosomes: their volume fraction. hair_rgb, clothes_rgb: mean colours in 0..255.
    mirrored: the photograph's left is the right. paths (3,): relative path lengths of red, green, blue light in blood.
    pulse_rate_hz, respiration_hz: at rest; dicrotic: height of the dicrotic wave. green_ac: peak-to-peak amplitude of the
    pulse in green over its mean, averaged over the skin.
    """

    number: int
    seed: int
    fitzpatrick: int
    melanosomes: float
    hair_rgb: tuple[float, float, float]
    clothes_rgb: tuple[float, float, float]
    mirrored: bool
    paths: FloatArray
    pulse_rate_hz: float
    respiration_hz: float
    dicrotic: float
    green_ac: float

    def stream(self, name: str) -> np.random.Generator:
        """The subject's own random numbers for one purpose."""
        return stream(self.seed, "subject", self.number, name)


def subject(seed: int, number: int) -> Subject:
    """Subject `number` (1...); independent of how many others there are."""
    fitzpatrick = 1 + int(6 * stratified_fraction(seed, "skin type", number - 1, 6))
    colours = stream(seed, "subject", number, "colours")
    physiology = stream(seed, "subject", number, "physiology")
    hair = HAIR_OF_LIGHT_SKIN if fitzpatrick <= 3 else HAIR_OF_DARK_SKIN
    red, green, blue = 100 + 0.4 * (colours.uniform(30, 190, 3) - 110)
    return Subject(
        number=number,
        seed=seed,
        fitzpatrick=fitzpatrick,
        melanosomes=FITZPATRICK_MELANOSOMES[fitzpatrick - 1] * float(colours.uniform(0.85, 1.15)),
        hair_rgb=HAIR_RGB[hair[int(colours.integers(len(hair)))]],
        clothes_rgb=(float(red), float(green), float(blue)),
        mirrored=bool(colours.random() < 0.5),
        paths=RELATIVE_PATHS * np.exp(PATH_SPREAD * physiology.standard_normal(3)),
        pulse_rate_hz=float(physiology.uniform(64, 96) / 60),
        respiration_hz=float(physiology.uniform(0.2, 0.32)),
        dicrotic=float(physiology.uniform(0.15, 0.4)),
        green_ac=float(physiology.uniform(0.006, 0.014)),
    )
