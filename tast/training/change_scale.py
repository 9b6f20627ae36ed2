"""What a change that was read from the light means in points of SpO2, given the level that it started from.

A colour that moves far belongs to a face and camera that show much of a change, one that hardly moves to those that show little;
which, nobody knows. So small changes are read too small, and large ones too large, the more so the less room SpO2 has: from 97 %
it falls rather than rises. Of what was read of people left out, that curve is taken by which it comes nearest,

    change = +- room * log(1 + gain * |read| / room)        room: from the level that is known to a lowest, or a highest, SpO2

which goes on rising: nothing says that SpO2 ends at the room's end. Without it a change is what was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.floating]

GAINS = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.3, 2.6, 3.0)  # tried
LOWEST_PERCENT = (60.0, 70.0, 75.0, 80.0, 82.5, 85.0)
HIGHEST_PERCENT = (90.0, 92.5, 95.0, 100.0, 110.0)
LEAST_ROOM_PERCENT = 1.0
WORTH = 0.97  # of the error without a scale: one that does not gain that much is not worth its three numbers
COLUMNS = ("change_gain", "change_lowest_percent", "change_highest_percent")  # of predictions; NaN where there is none


@dataclass(frozen=True)
class ChangeScale:
    """See above. lowest_percent, highest_percent: the ends of the room."""

    gain: float
    lowest_percent: float
    highest_percent: float

    def __post_init__(self) -> None:
        if not (self.gain > 0 and self.lowest_percent < self.highest_percent):
            raise ValueError(f"{self}; expected a gain above 0, and a lowest below the highest")

    def change(self, read_percent: FloatArray, level_percent: FloatArray | float) -> FloatArray:
        """Points (N,) that were read since SpO2 had a level, one or (N,) -> points of SpO2."""
        down, up = level_percent - self.lowest_percent, self.highest_percent - level_percent
        room = np.maximum(np.where(read_percent < 0, down, up), LEAST_ROOM_PERCENT)
        return np.asarray(np.sign(read_percent) * room * np.log1p(self.gain * np.abs(read_percent) / room))

    def columns(self) -> dict[str, float]:
        """As predictions keep it."""
        return dict(zip(COLUMNS, (self.gain, self.lowest_percent, self.highest_percent), strict=True))


def scaled(scale: ChangeScale | None, read_percent: FloatArray, level_percent: float) -> FloatArray:
    """ChangeScale.change, or what was read where there is none, or where the level is not known (NaN)."""
    return read_percent if scale is None or np.isnan(level_percent) else scale.change(read_percent, level_percent)


def scale_in(rows: pd.DataFrame) -> ChangeScale | None:
    """That of predictions (one model's), None where their model had none."""
    if not set(COLUMNS) <= set(rows.columns) or rows[COLUMNS[0]].isna().all():
        return None
    return ChangeScale(*(float(rows[name].dropna().iloc[0]) for name in COLUMNS))


def fit_change_scale(read_percent: FloatArray, true_percent: FloatArray, level_percent: FloatArray) -> ChangeScale | None:
    """From changes (N,) that were read and true, since SpO2 had the levels (N,), of people and cameras that the reader has not
    seen. None where no scale is nearer to the truth by what it should be worth."""

    def error(scale: ChangeScale) -> float:
        return float(np.sqrt(np.mean((scale.change(read_percent, level_percent) - true_percent) ** 2)))

    tried = [ChangeScale(*one) for one in product(GAINS, LOWEST_PERCENT, HIGHEST_PERCENT)]
    errors = [error(one) for one in tried]
    without = float(np.sqrt(np.mean((read_percent - true_percent) ** 2)))
    return tried[int(np.argmin(errors))] if min(errors) < WORTH * without else None
