"""Lamps: what light falls on the face, wavelength by wavelength, and how it flickers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tast.errors import TastError
from tast.phantom.spectra import WAVELENGTHS_NM, curve, lobe, names
from tast.records import FloatArray

SECOND_RADIATION_NM_K = 1.4388e7  # hc / k of Planck's law


@dataclass(frozen=True)
class Tabled:
    """A CIE illuminant by its name: A, D50...D75, FL1...FL3.15 (CIE 15:2004), LED-B1...LED-V2 (CIE 015:2018)."""

    name: str

    def spectrum(self) -> FloatArray:
        return curve("lamp", self.name)


@dataclass(frozen=True)
class Planckian:
    """A glowing body, as a filament is."""

    kelvin: float

    def spectrum(self) -> FloatArray:
        return 1 / (WAVELENGTHS_NM**5 * np.expm1(SECOND_RADIATION_NM_K / (WAVELENGTHS_NM * self.kelvin)))


@dataclass(frozen=True)
class WhiteLed:
    """A blue diode behind a broad yellow phosphor; pump_height: peak of the diode over the phosphor's. Widths at half maximum."""

    pump_nm: float
    pump_width_nm: float
    phosphor_nm: float
    phosphor_width_nm: float
    pump_height: float

    def spectrum(self) -> FloatArray:
        pump = self.pump_height * lobe(self.pump_nm, self.pump_width_nm)
        return pump + lobe(self.phosphor_nm, self.phosphor_width_nm)


Source = Tabled | Planckian | WhiteLed
Parts = tuple[tuple[Source, float], ...]  # with their shares of the light


@dataclass(frozen=True)
class Lamp:
    """A lamp or a mixture of several.

    family: the pool it was drawn from. parts: sources with their shares of the light. mains_depth: modulation (0..1) of the light
    at twice mains_hz. slow_depth: modulation at slow_hz, a lamp that flickers about as fast as a heart beats.
    """

    family: str
    parts: Parts
    mains_hz: float = 50.0
    mains_depth: float = 0.0
    slow_hz: float = 1.0
    slow_depth: float = 0.0

    def spectrum(self) -> FloatArray:
        """(wavelengths,) relative power, mean 1."""
        mixed = np.zeros(len(WAVELENGTHS_NM))
        for source, share in self.parts:
            light = source.spectrum()
            mixed += share * light / light.mean()
        return mixed / mixed.mean()

    def mean_level(self, starts_s: FloatArray, exposed_s: float) -> FloatArray:
        """Mean light over exposures that start at starts_s (...,) and last exposed_s, about 1.

        A sinusoid seen through a shutter keeps sin(x) / x of its depth, x = pi * frequency * exposed_s: nothing at a multiple of
        its period.
        """
        level = np.ones_like(starts_s)
        for frequency_hz, depth in ((2 * self.mains_hz, self.mains_depth), (self.slow_hz, self.slow_depth)):
            kept = depth * np.sinc(frequency_hz * exposed_s)
            level = level + kept * np.cos(2 * np.pi * frequency_hz * (starts_s + exposed_s / 2))
        return level


D65 = Lamp("daylight", ((Tabled("D65"), 1.0),))


def _daylight(rng: np.random.Generator) -> Parts:
    """Between two neighbouring phases of daylight."""
    warmer, share = int(rng.integers(3)), float(rng.random())
    phases = ("D50", "D55", "D65", "D75")
    return (Tabled(phases[warmer]), 1 - share), (Tabled(phases[warmer + 1]), share)


def _incandescent(rng: np.random.Generator) -> Parts:
    return ((Planckian(float(rng.uniform(2500, 3300))), 1.0),)


def _fluorescent(rng: np.random.Generator) -> Parts:
    return ((Tabled(_drawn(rng, [name for name in names("lamp") if name.startswith("FL")])), 1.0),)


def _led(rng: np.random.Generator) -> Parts:
    if rng.random() < 0.4:
        return ((Tabled(_drawn(rng, [name for name in names("lamp") if name.startswith("LED")])), 1.0),)
    diode = WhiteLed(
        pump_nm=float(rng.uniform(445, 458)),
        pump_width_nm=float(rng.uniform(18, 28)),
        phosphor_nm=float(rng.uniform(555, 605)),
        phosphor_width_nm=float(rng.uniform(105, 150)),
        pump_height=float(np.exp(rng.uniform(np.log(0.35), np.log(1.8)))),
    )
    return ((diode, 1.0),)


def _drawn(rng: np.random.Generator, pool: Sequence[str]) -> str:
    return pool[int(rng.integers(len(pool)))]


# How a family's sources are drawn, and the range of their modulation at twice the mains' frequency: from memory of surveys of
# lamps (filaments some per cent, magnetic ballasts tens, electronic ones and good LED drivers next to nothing, bad ones more).
_FAMILIES: dict[str, tuple[Callable[[np.random.Generator], Parts], tuple[float, float]]] = {
    "daylight": (_daylight, (0.0, 0.0)),
    "incandescent": (_incandescent, (0.03, 0.12)),
    "fluorescent": (_fluorescent, (0.01, 0.3)),
    "led": (_led, (0.0, 0.3)),
}
LAMP_FAMILIES = tuple(_FAMILIES)
MAINS_SPREAD_HZ = 0.02  # a grid is never quite at its frequency: bands roll slowly even where the rates match
MIXED, SLOW = 0.25, 0.08  # share of lamps that are mixtures of two, and that flicker about as fast as a heart beats


def draw_lamp(rng: np.random.Generator, pool: Sequence[str] = LAMP_FAMILIES) -> Lamp:
    """A random lamp from the families in `pool`, a quarter of them mixtures of two. Raises TastError for an unknown family."""
    unknown = [family for family in pool if family not in _FAMILIES]
    if unknown or not pool:
        raise TastError(f"phantom lamps {', '.join(unknown) or '(none)'}; expected some of {', '.join(LAMP_FAMILIES)}")
    drawn = [_drawn(rng, pool) for _ in range(2 if rng.random() < MIXED else 1)]
    first = float(rng.uniform(0.25, 0.75)) if len(drawn) == 2 else 1.0
    parts: Parts = ()
    mains_depth = 0.0
    for family, share in zip(drawn, (first, 1 - first), strict=False):
        sources, (low, high) = _FAMILIES[family][0](rng), _FAMILIES[family][1]
        parts += tuple((source, share * part) for source, part in sources)
        mains_depth += share * (low + (high - low) * float(rng.random()) ** 2)  # most lamps are steady ones
    slow = rng.random() < SLOW
    return Lamp(
        family=" and ".join(drawn),
        parts=parts,
        mains_hz=float(rng.choice([50.0, 60.0]) + MAINS_SPREAD_HZ * rng.standard_normal()),
        mains_depth=mains_depth,
        slow_hz=float(rng.uniform(0.6, 3.0)),
        slow_depth=float(rng.uniform(0.002, 0.02)) if slow else 0.0,
    )
