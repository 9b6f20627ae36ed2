"""Time stamps whose unit no file names: told from their size, the same rule for every data set.

Stamps since the epoch (1970) are of the years 1980 to 2065 in one unit alone. Of a clock that starts anywhere else the usual step
between two stamps lies between 3 ms and 3 s, which a thousand times more or less does not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tast.errors import BadInput
from tast.records import FloatArray

TICKS_PER_S = {"s": 1e0, "ms": 1e3, "us": 1e6, "ns": 1e9}
EPOCH_RANGE_S = (3.2e8, 3.0e9)
STEP_RANGE_S = (3e-3, 3e0)
LONGEST_GAP_S = 3600.0  # in a recording: a longer one is a change of units, or two clocks


def unit_of(path: Path, stamps: FloatArray) -> str:
    """A key of TICKS_PER_S. stamps: (N,) as they stand in `path`, in any order. Raises BadInput where no unit makes times of one
    recording of them all.
    """
    if not len(stamps) or not np.isfinite(stamps).all():
        raise BadInput(path, "a time stamp is missing" if len(stamps) else "no time stamps", "a time stamp in each row")
    steps = np.diff(np.unique(stamps))
    step, gap = (float(np.median(steps)), float(steps.max())) if len(steps) else (0.0, 0.0)
    (low, high), (shortest, longest) = EPOCH_RANGE_S, STEP_RANGE_S
    since_epoch = [unit for unit, ticks in TICKS_PER_S.items() if stamps.min() >= low * ticks and stamps.max() < high * ticks]
    by_step = [unit for unit, ticks in TICKS_PER_S.items() if shortest * ticks <= step < longest * ticks]
    for unit in since_epoch + by_step:
        if gap <= LONGEST_GAP_S * TICKS_PER_S[unit]:
            return unit
    found = f"time stamps of {stamps.min():g} to {stamps.max():g}, {step:g} apart"
    raise BadInput(path, found, "one clock in s, ms, us or ns, with a stamp every 3 ms to 3 s")


def in_seconds(path: Path, stamps: FloatArray) -> tuple[FloatArray, str]:
    """(N,) the stamps in seconds, and the unit that they are in."""
    unit = unit_of(path, stamps)
    return stamps / TICKS_PER_S[unit], unit
