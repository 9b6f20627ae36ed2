"""Random numbers by name: every quantity draws from a stream of its own, so that adding one never changes another."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from tast.records import FloatArray


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """The generator of one named quantity, e.g. stream(7, "subject", 3, "skin"); the same in every process."""
    spawn_key = tuple(part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=spawn_key)))


def stratified_fraction(seed: int, name: str, index: int, strata: int) -> float:
    """A uniform draw from 0..1 for item `index` (0...), one from each of `strata` equal parts in any whole run of `strata` items.

    So that few subjects cover all levels, in an order of their own for each name, whatever the number of items.
    """
    run, place = divmod(index, strata)
    rng = stream(seed, name, run)
    order = rng.permutation(strata)
    return float((order[place] + rng.random(strata)[place]) / strata)


@dataclass(frozen=True, eq=False)
class Wander:
    """A smooth random course of unit variance: a sum of sinusoids of random frequency and phase."""

    frequencies_hz: FloatArray
    phases_rad: FloatArray

    def at(self, times_s: FloatArray) -> FloatArray:
        """Values (N,) at times_s (N,)."""
        angles = 2 * np.pi * np.outer(times_s, self.frequencies_hz) + self.phases_rad
        return np.sin(angles).sum(axis=1) * np.sqrt(2 / len(self.frequencies_hz))

    @property
    def rms_speed_hz(self) -> float:
        """Root mean square of the time derivative, per second."""
        return float(2 * np.pi * np.sqrt(np.mean(self.frequencies_hz**2)))


def wander(rng: np.random.Generator, low_hz: float, high_hz: float, waves: int = 4) -> Wander:
    """A course with one frequency in each of `waves` equal parts of the band low_hz..high_hz."""
    frequencies_hz = low_hz + (high_hz - low_hz) * (np.arange(waves) + rng.random(waves)) / waves
    return Wander(frequencies_hz, rng.uniform(0, 2 * np.pi, waves))
