"""How far predicted SpO2 lies from the truth: scores, and bootstrap intervals that resample whole subjects.

Every score is a function of eleven sums, and sums add up over subjects. A bootstrap draw is therefore a sum of rows of
`subject_moments`, and the point estimate and its interval come from the same few lines. That is why nothing is taken from scipy
or scikit-learn here: they know no sums per person, and a thousand draws would be a thousand calls. Each score is held against
theirs in tests/evaluation/test_independent.py. An error is predicted - true, in points of SpO2 (percent); a positive bias reads
too high.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

HYPOXIA_PERCENT = 90.0
BAND_EDGES_PERCENT = (0.0, 70.0, 80.0, 85.0, 90.0, 95.0, 100.0)
CONSTANT_VARIANCE = 1e-10  # (1e-5 percent)^2: below it a series is constant and has no correlation and no slope
AGREEMENT_Z = 1.96
N_MOMENTS = 11
VALUES_AT_A_TIME = 2**22  # of all draws together: 32 MiB


@dataclass(frozen=True)
class Interval:
    """A 95 % interval; NaN where it cannot be had."""

    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """Agreement of n predictions with the truth, in percent SpO2; NaN where undefined.

    pearson_r: NaN where truth or prediction is constant. slope: of predicted on true by least squares; 1 is perfect, 0 a
    constant.
    limit_low, limit_high: bias -+ 1.96 standard deviations of the error (Bland & Altman 1986), each pair as if independent.
    """

    rmse: float
    mae: float
    pearson_r: float
    bias: float
    slope: float
    limit_low: float
    limit_high: float


SCORE_NAMES = tuple(field.name for field in fields(Scores))


@dataclass(frozen=True)
class PairedComparison:
    """A method against a reference on the same seconds; intervals from the same resampled subjects.

    rmse_difference: method - reference in percent SpO2, negative is better. skill: 1 - RMSE / RMSE of the reference.
    probability_better: the fraction of bootstrap draws in which the method's RMSE is the lower one.
    """

    rmse_difference: float
    rmse_difference_interval: Interval
    skill: float
    skill_interval: Interval
    probability_better: float


@dataclass(frozen=True)
class HypoxiaDetection:
    """Does the prediction say `below the threshold` when the truth does? NaN where there is no such second."""

    threshold_percent: float
    sensitivity: float
    specificity: float
    n_below: int
    n_not_below: int


def score(true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike) -> Scores:
    """Scores of (N,) predictions; raises ValueError where there is nothing to score or a value is not finite."""
    true, predicted = _pairs(true_percent, predicted_percent)
    return Scores(**{name: float(value) for name, value in scores_of_sums(_moments(true, predicted).sum(axis=0)).items()})


def bootstrap_intervals(
    true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, subject_ids: npt.ArrayLike, *, draws: int, seed: int
) -> dict[str, Interval]:
    """95 % percentile interval of every score over `draws` resamples of whole subjects; NaN with fewer than two subjects.

    Seconds of one person are no independent evidence, so the subject is what is drawn (Efron & Tibshirani 1993, ch. 8).
    """
    moments = subject_moments(true_percent, predicted_percent, subject_ids)
    drawn = scores_of_sums(resampled_sums(moments, draws, seed))
    return {name: percentile_interval(drawn[name], len(moments)) for name in SCORE_NAMES}


def correlation_within(
    true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, group_ids: npt.ArrayLike, subject_ids: npt.ArrayLike, *,
    draws: int, seed: int,
) -> tuple[float, Interval]:  # fmt: skip
    """How far predictions follow the truth within each group (a recording, a person), and its 95 % interval over people.

    The repeated-measures correlation of Bakdash & Marusich 2017 (Front. Psychol. 8:456): one slope and a level for each group.
    With levels free, that is Pearson's r of what is left once each group's own means are taken away, so that the sums per person
    which all scores rest on serve here too. What differs between groups, such as whose SpO2 is low, adds nothing to it. NaN where
    truth or prediction is constant within all groups, or there is none.
    """
    if not len(np.asarray(true_percent)):
        return float("nan"), Interval(float("nan"), float("nan"))
    true, predicted = _pairs(true_percent, predicted_percent)
    moments = subject_moments(without_means(true, group_ids), without_means(predicted, group_ids), subject_ids)
    drawn = scores_of_sums(resampled_sums(moments, draws, seed))["pearson_r"]
    return float(scores_of_sums(moments.sum(axis=0))["pearson_r"]), percentile_interval(drawn, len(moments))


def mean_with_interval(values: npt.ArrayLike, subject_ids: npt.ArrayLike, *, draws: int, seed: int) -> tuple[float, Interval]:
    """Mean of (N,) values of seconds, and its 95 % interval over people; NaN with fewer than two."""
    value, subjects = np.asarray(values, dtype=np.float64), np.asarray(subject_ids, dtype=str)
    _, owner = np.unique(subjects, return_inverse=True)
    sums = np.stack([np.bincount(owner), np.bincount(owner, weights=value)], axis=-1).astype(np.float64)
    n, total = np.moveaxis(resampled_sums(sums, draws, seed), -1, 0)
    return float(value.mean()), percentile_interval(total / n, len(sums))


def compare_paired(
    true_percent: npt.ArrayLike,
    predicted_percent: npt.ArrayLike,
    reference_percent: npt.ArrayLike,
    subject_ids: npt.ArrayLike,
    *,
    draws: int,
    seed: int,
) -> PairedComparison:
    """A method against a reference, both (N,) on the same truth: the subjects are drawn once for both."""
    method = subject_moments(true_percent, predicted_percent, subject_ids)
    reference = subject_moments(true_percent, reference_percent, subject_ids)
    here, there = (scores_of_sums(moments.sum(axis=0))["rmse"] for moments in (method, reference))
    drawn_here, drawn_there = (scores_of_sums(resampled_sums(moments, draws, seed))["rmse"] for moments in (method, reference))
    several = len(method) > 1
    return PairedComparison(
        rmse_difference=float(here - there),
        rmse_difference_interval=percentile_interval(drawn_here - drawn_there, len(method)),
        skill=float(skill(here, there)),
        skill_interval=percentile_interval(skill(drawn_here, drawn_there), len(method)),
        probability_better=float(np.mean(drawn_here < drawn_there)) if several else float("nan"),
    )


def skill(rmse: npt.ArrayLike, reference_rmse: npt.ArrayLike) -> FloatArray:
    """1 - RMSE / RMSE of the reference: 1 perfect, 0 no better than it, negative worse; NaN where the reference is perfect."""
    reference = np.asarray(reference_rmse, dtype=np.float64)
    return 1.0 - np.asarray(rmse, dtype=np.float64) / np.where(reference > 0, reference, np.nan)


def detect_hypoxia(
    true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, threshold_percent: float = HYPOXIA_PERCENT
) -> HypoxiaDetection:
    """Sensitivity and specificity of `SpO2 < threshold`, (N,) against (N,)."""
    true, predicted = _pairs(true_percent, predicted_percent)
    below, called = true < threshold_percent, predicted < threshold_percent
    n_below, n_not_below = int(below.sum()), int((~below).sum())
    return HypoxiaDetection(
        threshold_percent=threshold_percent,
        sensitivity=float((called & below).sum() / n_below) if n_below else float("nan"),
        specificity=float((~called & ~below).sum() / n_not_below) if n_not_below else float("nan"),
        n_below=n_below,
        n_not_below=n_not_below,
    )


def band_of(true_percent: npt.ArrayLike, edges_percent: tuple[float, ...] = BAND_EDGES_PERCENT) -> npt.NDArray[np.int64]:
    """(N,) index of the band [edge, next edge) that each true value lies in; the last band holds its upper edge as well."""
    index = np.searchsorted(np.asarray(edges_percent), np.asarray(true_percent, dtype=np.float64), side="right") - 1
    return np.clip(index, 0, len(edges_percent) - 2)


def band_names(edges_percent: tuple[float, ...] = BAND_EDGES_PERCENT) -> tuple[str, ...]:
    """The bands as text: `85-90`."""
    return tuple(f"{low:g}-{high:g}" for low, high in pairwise(edges_percent))


def subject_moments(true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike, subject_ids: npt.ArrayLike) -> FloatArray:
    """(subjects, 11) sums per subject, subjects in sorted order."""
    true, predicted = _pairs(true_percent, predicted_percent)
    subjects, owner = np.unique(np.asarray(subject_ids, dtype=str), return_inverse=True)
    if owner.shape != true.shape:
        raise ValueError(f"{len(true)} predictions but {len(owner)} subject ids")
    sums = np.zeros((len(subjects), N_MOMENTS))
    np.add.at(sums, owner, _moments(true, predicted))
    return sums


def without_means(values: FloatArray, group_ids: npt.ArrayLike) -> FloatArray:
    """(N,) values less the mean of their group."""
    _, group = np.unique(np.asarray(group_ids, dtype=str), return_inverse=True)
    return values - (np.bincount(group, weights=values) / np.bincount(group))[group]


def _pairs(true_percent: npt.ArrayLike, predicted_percent: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    true, predicted = (np.asarray(values, dtype=np.float64) for values in (true_percent, predicted_percent))
    if true.ndim != 1 or true.shape != predicted.shape or true.size == 0:
        raise ValueError(f"true and predicted must both be (N,) with N > 0, not {true.shape} and {predicted.shape}")
    if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise ValueError("true and predicted must be finite: leave unlabelled seconds out first")
    return true, predicted


def _moments(true: FloatArray, predicted: FloatArray) -> FloatArray:
    """(N, 11) terms of the sums; truth, prediction and error are centred too, or the variances would cancel to noise."""
    t, p, error = true - true.mean(), predicted - predicted.mean(), predicted - true
    e = error - error.mean()
    return np.stack([np.ones_like(t), t, p, t * t, p * p, t * p, error, np.abs(error), error * error, e, e * e], axis=-1)


def scores_of_sums(sums: FloatArray) -> dict[str, FloatArray]:
    """Scores of (..., 11) sums, by name, each (...)."""
    n, t, p, tt, pp, tp, error, absolute, squared, e, ee = np.moveaxis(sums, -1, 0)
    variance_true, variance_predicted, covariance = tt / n - (t / n) ** 2, pp / n - (p / n) ** 2, tp / n - t * p / n**2
    variance_true = np.where(variance_true > CONSTANT_VARIANCE, variance_true, np.nan)
    variance_predicted = np.where(variance_predicted > CONSTANT_VARIANCE, variance_predicted, np.nan)
    bias = error / n
    spread = AGREEMENT_Z * np.sqrt(np.maximum(ee - e**2 / n, 0.0) / np.where(n > 1, n - 1, np.nan))
    return {
        "rmse": np.sqrt(squared / n),
        "mae": absolute / n,
        "pearson_r": np.clip(covariance / np.sqrt(variance_true * variance_predicted), -1.0, 1.0),
        "bias": bias,
        "slope": covariance / variance_true,
        "limit_low": bias - spread,
        "limit_high": bias + spread,
    }


def resampled_sums(moments: FloatArray, draws: int, seed: int) -> FloatArray:
    """(draws, K) sums of (subjects, K): in each draw as many subjects as there are, with replacement.

    For equal seeds and numbers of subjects the same subjects are drawn, whatever is summed.
    """
    at_a_time = max(1, VALUES_AT_A_TIME // max(1, moments.size))
    chosen = _drawn(len(moments), draws, seed)
    parts = [moments[chosen[start : start + at_a_time]].sum(axis=1) for start in range(0, draws, at_a_time)]
    return np.concatenate(parts) if parts else np.empty((0, *moments.shape[1:]))


def times_drawn(n_subjects: int, draws: int, seed: int) -> FloatArray:
    """(draws, n_subjects): how often each of them is drawn, of the same draws as those of `resampled_sums`."""
    places = _drawn(n_subjects, draws, seed) + n_subjects * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * n_subjects).reshape(draws, n_subjects).astype(np.float64)


def _drawn(n_subjects: int, draws: int, seed: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(n_subjects, size=(draws, n_subjects))


def percentile_interval(drawn: FloatArray, n_subjects: int) -> Interval:
    """95 % of the draws (D,) of a statistic; NaN with fewer than two subjects, or where most draws have none (NaN)."""
    usable = drawn[np.isfinite(drawn)]
    if n_subjects < 2 or len(usable) < len(drawn) / 2:  # undefined in most draws: an interval of the rest would mislead
        return Interval(float("nan"), float("nan"))
    low, high = np.percentile(usable, [2.5, 97.5])
    return Interval(float(low), float(high))
