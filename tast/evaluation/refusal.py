"""What it is worth to refuse seconds of a low quality: the error of what is left, over how much is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.evaluation.metrics import Interval, percentile_interval, times_drawn

FloatArray = npt.NDArray[np.float64]

CURVE_POINTS = 20


@dataclass(frozen=True)
class RiskCoverage:
    """RMSE of the seconds that are left as those of the lowest quality are refused, in percent SpO2.

    coverage: shares of the seconds that are kept, from all of them down. rmse: theirs. area: under the curve over coverage, the
    mean RMSE over all ways to refuse: the lower the better. random: what refusing without a reason gives, the RMSE of all. gain:
    random - area; its interval is over people.
    """

    coverage: tuple[float, ...]
    rmse: tuple[float, ...]
    area: float
    random: float
    gain: float
    gain_interval: Interval


def risk_coverage(
    error_percent: npt.ArrayLike, quality: npt.ArrayLike, people: npt.ArrayLike, *, draws: int, seed: int
) -> RiskCoverage:
    """(N,) errors, (N,) qualities, NaN the lowest, and (N,) people.

    Equal qualities have no order: within them the curve goes as it does on average over all orders of the squared error. Raises
    ValueError where there is nothing.
    """
    error = np.asarray(error_percent, dtype=np.float64)
    rank = np.nan_to_num(np.asarray(quality, dtype=np.float64), nan=-np.inf)
    if error.size == 0:
        raise ValueError("no second to refuse")
    order = np.argsort(-rank, kind="stable")
    _, first = np.unique(-rank[order], return_index=True)  # of each group of one quality, the best first
    who, owner = np.unique(np.asarray(people, dtype=str)[order], return_inverse=True)
    values = np.stack([np.ones_like(error), error[order] ** 2], axis=-1)  # of each second: itself, its squared error
    running = _running_rmse(np.add.reduceat(values, first, axis=0))
    shares = np.arange(CURVE_POINTS, 0, -1) / CURVE_POINTS
    at = np.maximum(np.ceil(shares * len(error)).astype(int) - 1, 0)
    area, random = _area(running), float(running[-1])
    gains = [
        _gain(np.add.reduceat(values * times[owner][:, None], first, axis=0)) for times in times_drawn(len(who), draws, seed)
    ]
    return RiskCoverage(
        coverage=tuple(shares.tolist()),
        rmse=tuple(running[at].tolist()),
        area=area,
        random=random,
        gain=random - area,
        gain_interval=percentile_interval(np.array(gains), len(who)),
    )


def _running_rmse(sums: FloatArray) -> FloatArray:
    """(groups, 2) -> (N,) RMSE of the best 1, 2, ..., N seconds; those of a group share its mean square."""
    count = np.rint(sums[:, 0]).astype(np.int64)
    mean_square = np.divide(sums[:, 1], sums[:, 0], out=np.zeros(len(sums)), where=sums[:, 0] > 0)
    square = np.repeat(mean_square, count)
    return np.sqrt(np.cumsum(square) / np.arange(1, len(square) + 1))


def _area(running: FloatArray) -> float:
    """Under the curve from the first second kept to all of them, over the width of that."""
    from sklearn.metrics import auc  # takes half a second to import, and a registry needs none

    n = len(running)
    return float(auc(np.arange(1, n + 1) / n, running) / (1 - 1 / n)) if n > 1 else float(running[0])


def _gain(sums: FloatArray) -> float:
    running = _running_rmse(sums)
    return float(running[-1]) - _area(running)
