"""Does the prediction go where SpO2 goes, and how long after: agreement in the sign of a change, and the lag between the two.

Sign of a change: the four-quadrant concordance of monitors of trends (Critchley, Lee & Ho 2010, Anesth. Analg. 111:1180), whose
zone of exclusion is here the least change of the truth that counts. Lag: where the correlation of the predicted with the true
trace is highest as the one is shifted against the other, within recordings. scipy.signal.correlate is not used for it: it divides
no lag by the seconds that overlap there, and knows no recordings to be taken together, each with a mean of its own at each lag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.evaluation.metrics import CONSTANT_VARIANCE, Interval, mean_with_interval, percentile_interval, resampled_sums
from tast.evaluation.predictions import traced
from tast.people import person_of, recording_of

FloatArray = npt.NDArray[np.float64]

TREND_OVER_S = 5  # a change is of one second against the one so many seconds before it
LEAST_CHANGE_PERCENT = 1.0  # what an oximeter that shows whole percents can show
LONGEST_LAG_S = 10


@dataclass(frozen=True)
class SignAgreement:
    """Share of the changes of the truth, by at least a size over some seconds, in which the prediction changes to the same side.

    A prediction that does not change at all is on neither side. NaN without such a change. n_changes overlap: of one recording
    each second begins one.
    """

    over_s: int
    least_change_percent: float
    agreement: float
    interval: Interval
    n_changes: int
    n_people: int


@dataclass(frozen=True)
class Lag:
    """By how many whole seconds the prediction comes after the truth, negative before it; NaN where it follows at no lag.

    pearson_r: the correlation within recordings at that lag, without a shift in `unshifted`. at_the_end: it lies at the longest
    lag that was tried, longest_s, and may be longer. seconds, curve: all lags that were tried, and the correlation at each.
    """

    lag_s: float
    interval: Interval
    pearson_r: float
    unshifted: float
    at_the_end: bool
    longest_s: int
    seconds: tuple[int, ...]
    curve: tuple[float, ...]


def sign_agreement(
    rows: pd.DataFrame, *, over_s: int = TREND_OVER_S, least_change_percent: float = LEAST_CHANGE_PERCENT, draws: int, seed: int
) -> SignAgreement:
    """Of labelled rows of the predictions table; two seconds of a recording make a change where both have a label.

    A recording whose label is one spot reading has no changes.
    """
    rows = traced(rows)
    recording = recording_of(rows)
    earlier = rows.assign(recording=recording, second=rows["second"] + over_s)
    now = rows.assign(recording=recording, person=person_of(rows))
    both = now.merge(earlier, on=["recording", "second"], suffixes=("", "_before"), validate="one_to_one")
    true, predicted = (both[f"{name}_percent"] - both[f"{name}_percent_before"] for name in ("true", "predicted"))
    counted = true.abs() >= least_change_percent
    if not counted.any():
        nothing = Interval(float("nan"), float("nan"))
        return SignAgreement(over_s, least_change_percent, float("nan"), nothing, 0, 0)
    people = both.loc[counted, "person"]
    agrees = np.sign(true[counted]) == np.sign(predicted[counted])
    share, interval = mean_with_interval(agrees, people, draws=draws, seed=seed)
    return SignAgreement(over_s, least_change_percent, share, interval, int(counted.sum()), people.nunique())


def lag_within_recordings(rows: pd.DataFrame, *, longest_s: int = LONGEST_LAG_S, draws: int, seed: int) -> Lag:
    """Of labelled rows of the predictions table. Of equally good lags the one nearest to none is taken, the later of two.

    Lags beyond a third of the median recording are not tried: what overlaps there is too short to tell a trend by. A recording
    whose label is one spot reading has no trend, and counts at no lag.
    """
    rows = traced(rows)
    if rows.empty:
        unknown = float("nan")
        return Lag(unknown, Interval(unknown, unknown), unknown, unknown, False, 0, (0,), (unknown,))
    recording = recording_of(rows)
    spans = rows.groupby(recording)["second"].agg(lambda second: second.max() - second.min() + 1)
    longest = min(longest_s, int(spans.median()) // 3)
    lags = sorted(range(-longest, longest + 1), key=lambda lag: (abs(lag), -lag))
    people, owner = np.unique(person_of(rows).to_numpy(dtype=str), return_inverse=True)
    sums = np.stack([_shifted_moments(rows, recording.to_numpy(dtype=str), owner, lag, len(people)) for lag in lags], axis=1)
    r = _correlation(sums.sum(axis=0))
    drawn = _correlation(resampled_sums(sums, draws, seed))
    best, drawn_best = (_best(values, np.array(lags, dtype=np.float64)) for values in (r, drawn))
    lag = float(best)
    by_lag = dict(zip(lags, r.tolist(), strict=True))
    order = tuple(sorted(lags))
    return Lag(
        lag_s=lag,
        interval=percentile_interval(np.asarray(drawn_best), len(people)),
        pearson_r=by_lag[int(lag)] if np.isfinite(lag) else float("nan"),
        unshifted=by_lag[0],
        at_the_end=abs(lag) == longest > 0,
        longest_s=longest,
        seconds=order,
        curve=tuple(by_lag[one] for one in order),
    )


def _shifted_moments(
    rows: pd.DataFrame, recording: npt.NDArray[np.str_], owner: npt.NDArray[np.int64], lag: int, n_people: int
) -> FloatArray:
    """(people, 3) sums of tt, pp, tp, and how many, of true at s beside predicted at s + lag, less their means in a recording."""
    place = pd.MultiIndex.from_arrays([recording, rows["second"].to_numpy()])
    at = place.get_indexer(pd.MultiIndex.from_arrays([recording, rows["second"].to_numpy() + lag]))
    there = at >= 0
    _, group = np.unique(recording[there], return_inverse=True)
    n = np.maximum(np.bincount(group), 1)
    values = []
    for column, chosen in (("true_percent", np.flatnonzero(there)), ("predicted_percent", at[there])):
        one = rows[column].to_numpy(dtype=np.float64)[chosen]
        values.append(one - (np.bincount(group, weights=one) / n)[group])
    t, p = values
    terms = np.stack([t * t, p * p, t * p, np.ones_like(t)], axis=-1)
    sums = np.zeros((n_people, 4))
    np.add.at(sums, owner[there], terms)
    return sums


def _correlation(sums: FloatArray) -> FloatArray:
    """(..., 4) sums -> (...) correlation; NaN where truth or prediction is constant."""
    tt, pp, tp, n = np.moveaxis(sums, -1, 0)
    constant = np.minimum(tt, pp) <= CONSTANT_VARIANCE * np.maximum(n, 1)
    return np.clip(tp / np.sqrt(np.where(constant, np.nan, tt) * np.where(constant, np.nan, pp)), -1.0, 1.0)


def _best(r: FloatArray, lags: FloatArray) -> FloatArray:
    """(..., lags) correlations -> (...) the lag of the highest, the first of equal ones; NaN where none is above nothing."""
    known = np.where(np.isfinite(r), r, -np.inf)
    place = known.argmax(axis=-1)
    return np.where(known.max(axis=-1) > 0, lags[place], np.nan)
