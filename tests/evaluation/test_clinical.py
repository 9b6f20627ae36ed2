"""A_rms by band and the area for hypoxia, against counts by hand and another way to the same number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from tast.evaluation.clinical import A_RMS_LIMIT_PERCENT, a_rms_by_band, hypoxia_auc

BOOTSTRAP = {"draws": 200, "seed": 0}
RNG = np.random.default_rng(3)


def test_each_second_counts_in_its_band_and_in_the_whole() -> None:
    true = np.array([69.9, 70.0, 79.9, 80.0, 90.0, 100.0])
    error = np.array([50.0, 1.0, 3.0, 2.0, 4.0, 6.0])
    whole, *bands = a_rms_by_band(true, true + error, ["a", "a", "b", "b", "c", "c"], **BOOTSTRAP)
    assert (whole.n_seconds, whole.n_people) == (5, 3), "below 70 the standard asks nothing"
    assert whole.a_rms == pytest.approx(np.sqrt(np.mean(error[1:] ** 2)))
    assert [(one.low_percent, one.n_seconds, one.n_people) for one in bands] == [(70, 2, 2), (80, 1, 1), (90, 2, 1)]
    assert [one.a_rms for one in bands] == pytest.approx([np.sqrt(5), 2.0, np.sqrt(26)])
    assert [one.bias for one in bands] == pytest.approx([2.0, 2.0, 5.0])
    assert [one.within_limit for one in bands] == [True, True, False]


def test_at_the_limit_it_passes_and_an_empty_band_says_nothing() -> None:
    whole, low, middle, high = a_rms_by_band(
        [75.0, 76.0], [75 + A_RMS_LIMIT_PERCENT, 76 - A_RMS_LIMIT_PERCENT], ["a", "a"], **BOOTSTRAP
    )
    assert whole.within_limit is True and low.within_limit is True
    assert (middle.n_seconds, middle.within_limit, high.within_limit) == (0, None, None)
    assert np.isnan(middle.a_rms)


def test_the_area_is_that_of_a_rank_test() -> None:
    true, predicted = RNG.uniform(80, 100, 300), RNG.uniform(80, 100, 300).round()
    below = true < 90
    u = mannwhitneyu(-predicted[below], -predicted[~below]).statistic
    assert hypoxia_auc(true, predicted) == pytest.approx(u / (below.sum() * (~below).sum()), abs=1e-9)
    assert hypoxia_auc(true, true) == 1.0 and hypoxia_auc(true, -true) == 0.0


def test_without_both_there_is_no_area() -> None:
    assert np.isnan(hypoxia_auc([95.0, 96.0], [90.0, 96.0])) and np.isnan(hypoxia_auc([85.0], [85.0]))
