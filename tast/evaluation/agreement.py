"""Limits of agreement (Bland & Altman 1986), and those that know that a subject was measured many times (2007)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.evaluation.metrics import AGREEMENT_Z


@dataclass(frozen=True)
class Agreement:
    """Bias and 95 % limits of agreement of predicted - true, in percent SpO2; NaN limits where they cannot be had."""

    bias: float
    limit_low: float
    limit_high: float


def agreement(error_percent: npt.ArrayLike) -> Agreement:
    """Limits of (N,) errors as if all were independent: what papers of this field report."""
    error = np.asarray(error_percent, dtype=np.float64)
    spread = float(np.std(error, ddof=1)) if len(error) > 1 else float("nan")
    return _limits(float(error.mean()), spread)


def agreement_of_repeated(error_percent: npt.ArrayLike, subject_ids: npt.ArrayLike) -> Agreement:
    """Limits of (N,) errors of (N,) subjects, each measured many times while the true value varies.

    Bland & Altman 2007 (J. Biopharm. Stat. 17:571), section 3: the variance of one new measurement on one new subject is
    the variance within subjects plus that between subjects, from a one-way analysis of variance with unequal group sizes.
    """
    error = np.asarray(error_percent, dtype=np.float64)
    subjects, owner = np.unique(np.asarray(subject_ids, dtype=str), return_inverse=True)
    sizes = np.bincount(owner)
    n, k = len(error), len(subjects)
    if k < 2 or n <= k:
        return _limits(float(error.mean()), float("nan"))
    means = np.bincount(owner, weights=error) / sizes
    within = float(np.sum((error - means[owner]) ** 2) / (n - k))
    between_square = float(np.sum(sizes * (means - error.mean()) ** 2) / (k - 1))
    effective_size = (n**2 - float(np.sum(sizes.astype(np.float64) ** 2))) / ((k - 1) * n)
    between = max((between_square - within) / effective_size, 0.0)
    return _limits(float(error.mean()), float(np.sqrt(within + between)))


def _limits(bias: float, spread: float) -> Agreement:
    return Agreement(bias, bias - AGREEMENT_Z * spread, bias + AGREEMENT_Z * spread)
