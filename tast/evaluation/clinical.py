"""What a clinician's statistician asks of an oximeter: its accuracy band by band, and whether it finds hypoxia.

ISO 80601-2-61:2017, 201.12.1.101: accuracy is A_rms, the root mean square of all differences from the reference over 70 to 100 %
SaO2, and must be at most 4.0 points. The reference there is blood; here it is the data set's oximeter, itself off by some points.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from tast.evaluation.metrics import HYPOXIA_PERCENT

FloatArray = npt.NDArray[np.float64]

A_RMS_LIMIT_PERCENT = 4.0
A_RMS_EDGES_PERCENT = (70.0, 80.0, 90.0, 100.0)


@dataclass(frozen=True)
class RootMeanSquare:
    """A_rms of the seconds whose truth lies in low to high, in percent SpO2, and what it rests on; NaN and None without any."""

    low_percent: float
    high_percent: float
    a_rms: float
    bias: float
    within_limit: bool | None
    n_seconds: int
    n_people: int


def a_rms_by_band(true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, people: npt.ArrayLike) -> list[RootMeanSquare]:
    """Of the whole range, 70 to 100, first, then of 70 to 80, 80 to 90 and 90 to 100; all arguments (N,).

    A second belongs to the band that its truth begins; 100 to the last.
    """
    true, predicted, who = np.asarray(true_percent, float), np.asarray(predicted_percent, float), np.asarray(people, str)
    edges = A_RMS_EDGES_PERCENT
    rows = []
    for low, high in [(edges[0], edges[-1]), *pairwise(edges)]:
        inside = (true >= low) & ((true < high) | (high == edges[-1]) & (true <= high))
        error = (predicted - true)[inside]
        size = float(np.sqrt(np.mean(error**2))) if error.size else float("nan")
        rows.append(
            RootMeanSquare(
                low, high, size, float(error.mean()) if error.size else float("nan"),
                size <= A_RMS_LIMIT_PERCENT if error.size else None, int(inside.sum()), len(np.unique(who[inside])),
            )
        )  # fmt: skip
    return rows


def hypoxia_auc(
    true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, threshold_percent: float = HYPOXIA_PERCENT
) -> float:
    """Area under the receiver operating curve of `SpO2 < threshold` by the predicted value; NaN where all or none are below."""
    below = np.asarray(true_percent, float) < threshold_percent
    if below.all() or not below.any():
        return float("nan")
    return float(roc_auc_score(below, -np.asarray(predicted_percent, float)))
