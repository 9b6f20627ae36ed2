"""How a camera's frames arrive: some get lost on the way, and in the place of others the one before comes once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.intp]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Delivery:
    """How frames leave the camera: their rate, and the shares that are lost and that are the one before once more."""

    fps_hz: float = 30.0
    dropped: float = 0.0
    doubled: float = 0.0

    def arriving(self, rng: np.random.Generator, count: int) -> Numbers:
        """`arrivals` of that many frames as chance has it; the ends always arrive."""
        draws = rng.random(count)
        draws[[0, -1]] = 1.0
        lost = draws < self.dropped
        return arrivals(count, lost=np.flatnonzero(lost), doubled=np.flatnonzero(~lost & (draws < self.dropped + self.doubled)))


def arrivals(count: int, *, lost: npt.ArrayLike = (), doubled: npt.ArrayLike = ()) -> Numbers:
    """Of each frame (count,) the number of the one whose picture arrives at its time: its own unless it is in one of the lists.

    lost: nothing arrives, -1. doubled: what arrived last is shown once more. The first frame must be in neither.
    """
    own = np.arange(count)
    is_lost = np.isin(own, lost)
    shown = np.maximum.accumulate(np.where(is_lost | np.isin(own, doubled), 0, own))
    return np.where(is_lost, -1, shown)


def delivered(frames: Iterable[tuple[float, Kind]], arrives: Numbers) -> Iterator[tuple[float, Kind]]:
    """(time in seconds, picture) of what arrives of the frames (time in seconds, picture), at the times of its arrival."""
    shown: Kind | None = None
    for number, ((time_s, picture), arriving) in enumerate(zip(frames, arrives, strict=True)):
        shown = picture if arriving == number or shown is None else shown
        if arriving >= 0:
            yield time_s, shown
