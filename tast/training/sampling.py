"""Which clips an epoch sees, and in which order: decided by seed and epoch alone, so that nothing need be remembered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

BAND_PERCENT = 2.5  # width of the SpO2 bands that `balanced` evens out

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]


def seed_of(seed: int, *keys: int) -> int:
    """A seed of its own for each use of one seed (an epoch, a batch), statistically independent of its neighbours."""
    return int(np.random.SeedSequence((seed, *keys)).generate_state(1)[0])


def shuffled(spo2_percent: FloatArray, rng: np.random.Generator) -> IntArray:
    """Every clip of (N, S) labels once."""
    return rng.permutation(len(spo2_percent))


def balanced(spo2_percent: FloatArray, rng: np.random.Generator) -> IntArray:
    """N draws from the clips of (N, S) labels, each occupied band of SpO2 as often as any other.

    With replacement: a clip of a rare band comes several times, one of a common band perhaps not at all. A clip without any
    known label is a band of its own.
    """
    known = np.isfinite(spo2_percent)
    mean = np.where(known, spo2_percent, 0).sum(axis=1) / known.sum(axis=1).clip(min=1)
    _, band, count = np.unique(np.floor(mean / BAND_PERCENT), return_inverse=True, return_counts=True)
    chance = 1 / (len(count) * count[band])
    return rng.choice(len(mean), size=len(mean), p=chance / chance.sum())


SAMPLERS: dict[str, Callable[[FloatArray, np.random.Generator], IntArray]] = {"shuffled": shuffled, "balanced": balanced}


def batches_of_epoch(
    spo2_percent: FloatArray, batch_size: int, *, sampler: str = "shuffled", seed: int, epoch: int
) -> list[list[int]]:
    """Positions of the clips of (N, S) labels as `sampler` orders them, in batches whose sizes differ by at most 1."""
    order = SAMPLERS[sampler](spo2_percent, np.random.default_rng(seed_of(seed, epoch)))
    return [part.tolist() for part in np.array_split(order, n_batches(len(order), batch_size))]


def n_batches(n_clips: int, batch_size: int) -> int:
    return -(-n_clips // batch_size)


def batches_in_order(n_clips: int, batch_size: int) -> list[list[int]]:
    """All positions once, in order."""
    return [list(range(first, min(first + batch_size, n_clips))) for first in range(0, n_clips, batch_size)]


def part_of(n_rows: int, part: int, n_parts: int) -> slice:
    """The `part`-th of n_parts contiguous spans of n_rows, whose lengths differ by at most 1; together they are all of them."""
    edges = [n_rows * k // n_parts for k in range(n_parts + 1)]
    return slice(edges[part], edges[part + 1])
