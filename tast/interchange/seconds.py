"""A predicted trace on an even grid of seconds, as formats for signals want it: what has no value is a gap, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tast.seconds import CLOCK_NOISE_S

if TYPE_CHECKING:
    from tast.prediction.trace import PredictedTrace

FloatArray = npt.NDArray[np.floating]

NO_MEDICAL_DEVICE = "research software, not a medical device: not for diagnosis or treatment"
NO_VALUE = "no value: the face could not be read here"
NO_PERCENTAGE = "no percentage is known: see the trend"


@dataclass(frozen=True, eq=False)
class EvenSeconds:
    """columns: of the trace's table, each (G,) and NaN where the second has no value. causes: name -> (G,) where it holds.

    The grid's second k is [k, k + 1) since the video's first frame; the trace's own second begins start_s[k] - k later.
    """

    columns: dict[str, FloatArray]
    causes: dict[str, npt.NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.columns["start_s"])

    @property
    def refused(self) -> npt.NDArray[np.bool_]:
        """(G,) seconds of which nothing was read."""
        return np.isnan(self.columns["start_s"])


NUMBERS = ("start_s", "spo2_percent", "lower_percent", "upper_percent", "quality", "pulse_per_minute", "trend")


def even_seconds(trace: PredictedTrace) -> EvenSeconds:
    """The seconds of a trace are a whole second apart within a piece, and further where some were left out: no two share one."""
    table = trace.table()
    place = np.floor(trace.start_s + CLOCK_NOISE_S).astype(np.int64)
    n_seconds = int(place[-1]) + 1

    columns = {}
    for name in NUMBERS:
        columns[name] = np.full(n_seconds, np.nan)
        columns[name][place] = table[name]
    causes: dict[str, npt.NDArray[np.bool_]] = {}
    for second, names in zip(place, trace.findings.per_second(len(trace)), strict=True):
        for name in names:
            causes.setdefault(name, np.zeros(n_seconds, dtype=bool))[second] = True
    return EvenSeconds(columns, causes)


def runs(holds: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(first, behind the last) of each run of seconds in which it holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def sentences(trace: PredictedTrace) -> tuple[str, ...]:
    """What nobody should read the values without, each once."""
    said = (NO_MEDICAL_DEVICE, trace.caution, *trace.basis, *trace.findings.sentences(), *trace.notes)
    return tuple(dict.fromkeys(filter(None, said)))
