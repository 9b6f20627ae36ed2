"""What a clinician's statistician asks of an oximeter: its accuracy band by band, and whether it finds hypoxia.

ISO 80601-2-61:2017, 201.12.1.101: accuracy is A_rms, the root mean square of all differences from the reference over 70 to 100 %
SaO2, and must be at most 4.0 points. The reference there is blood; here it is the data set's oximeter, itself off by some points.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tast.evaluation.metrics import (
    HYPOXIA_PERCENT,
    VALUES_AT_A_TIME,
    Interval,
    bootstrap_intervals,
    percentile_interval,
    score,
    times_drawn,
)

FloatArray = npt.NDArray[np.float64]

A_RMS_LIMIT_PERCENT = 4.0
A_RMS_EDGES_PERCENT = (70.0, 80.0, 90.0, 100.0)


@dataclass(frozen=True)
class RootMeanSquare:
    """A_rms of the seconds whose truth lies in low to high, in percent SpO2, its 95 % interval over people, and what it rests on.

    NaN and None without any second.
    """

    low_percent: float
    high_percent: float
    a_rms: float
    interval: Interval
    bias: float
    within_limit: bool | None
    n_seconds: int
    n_people: int


def measured(true_percent: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """(N,) whether a second lies in the range that A_rms is of."""
    true = np.asarray(true_percent, float)
    return (true >= A_RMS_EDGES_PERCENT[0]) & (true <= A_RMS_EDGES_PERCENT[-1])


def a_rms(true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike) -> float:
    """A_rms of (N,) seconds over the whole range; NaN without any in it."""
    true, predicted = np.asarray(true_percent, float), np.asarray(predicted_percent, float)
    inside = measured(true)
    return score(true[inside], predicted[inside]).rmse if inside.any() else float("nan")


def a_rms_by_band(
    true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, people: npt.ArrayLike, *, draws: int, seed: int
) -> list[RootMeanSquare]:
    """Of the whole range, 70 to 100, first, then of 70 to 80, 80 to 90 and 90 to 100; all arguments (N,).

    A second belongs to the band that its truth begins; 100 to the last.
    """
    true, predicted, who = np.asarray(true_percent, float), np.asarray(predicted_percent, float), np.asarray(people, str)
    edges = A_RMS_EDGES_PERCENT
    rows = []
    for low, high in [(edges[0], edges[-1]), *pairwise(edges)]:
        inside = (true >= low) & ((true < high) | (high == edges[-1]) & (true <= high))
        n_people = len(np.unique(who[inside]))
        if not inside.any():
            nothing = Interval(float("nan"), float("nan"))
            rows.append(RootMeanSquare(low, high, float("nan"), nothing, float("nan"), None, 0, 0))
            continue
        found = score(true[inside], predicted[inside])
        interval = bootstrap_intervals(true[inside], predicted[inside], who[inside], draws=draws, seed=seed)["rmse"]
        within = found.rmse <= A_RMS_LIMIT_PERCENT
        rows.append(RootMeanSquare(low, high, found.rmse, interval, found.bias, within, int(inside.sum()), n_people))
    return rows


def hypoxia_auc(
    true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, threshold_percent: float = HYPOXIA_PERCENT
) -> float:
    """Area under the receiver operating curve of `SpO2 < threshold` by the predicted value; NaN where all or none are below."""
    below = np.asarray(true_percent, float) < threshold_percent
    if below.all() or not below.any():
        return float("nan")
    from sklearn.metrics import roc_auc_score  # takes half a second to import, and a registry needs none

    return float(roc_auc_score(below, -np.asarray(predicted_percent, float)))


def hypoxia_intervals(
    true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, people: npt.ArrayLike, *,
    threshold_percent: float = HYPOXIA_PERCENT, draws: int, seed: int,
) -> dict[str, Interval]:  # fmt: skip
    """95 % intervals over people of `sensitivity`, `specificity` and `auc` of `SpO2 < threshold`; all arguments (N,).

    The area of each draw is a sum over the distinct predictions (Mann & Whitney 1947), each counted as often as its people are
    drawn: roc_auc_score, called for each draw with such weights, gives the same and takes a minute for an hour of seconds.
    """
    below, predicted = np.asarray(true_percent, float) < threshold_percent, np.asarray(predicted_percent, float)
    who, owner = np.unique(np.asarray(people, str), return_inverse=True)
    order = np.argsort(-predicted, kind="stable")
    levels, first = np.unique(-predicted[order], return_index=True)  # ascending: the last is the surest call of hypoxia
    called, below, owner = levels > -threshold_percent, below[order], owner[order]
    drawn_times, at_a_time = times_drawn(len(who), draws, seed), max(1, VALUES_AT_A_TIME // max(1, len(predicted)))
    values = []
    for start in range(0, draws, at_a_time):
        seconds = drawn_times[start : start + at_a_time, owner]  # (draws, N): how often each second counts
        not_below_s, below_s = (np.add.reduceat(seconds * kind, first, axis=1) for kind in (~below, below))
        values.append(_detection(not_below_s, below_s, called))
    names = ("sensitivity", "specificity", "auc")
    drawn = np.concatenate(values, axis=1) if values else np.empty((len(names), 0))
    return {name: percentile_interval(one, len(who)) for name, one in zip(names, drawn, strict=True)}


def _detection(not_below: FloatArray, below: FloatArray, called: npt.NDArray[np.bool_]) -> FloatArray:
    """(draws, levels) seconds -> (3, draws) sensitivity, specificity, area; NaN where a draw has no second of the kind."""
    n_not, n = (np.where(one.sum(axis=1) > 0, one.sum(axis=1), np.nan) for one in (not_below, below))
    won = np.cumsum(not_below, axis=1) - not_below / 2  # of those not below, how many are called less surely; ties half
    return np.stack(
        [below[:, called].sum(axis=1) / n, not_below[:, ~called].sum(axis=1) / n_not, (below * won).sum(axis=1) / (n * n_not)]
    )
