"""Scores against answers known by hand, against scipy, and the bootstrap's coverage of the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tast.evaluation.metrics import (
    band_names,
    band_of,
    bootstrap_intervals,
    compare_paired,
    correlation_within,
    detect_hypoxia,
    mean_with_interval,
    score,
    skill,
    subject_moments,
)

TOLERANCE = 1e-9


def test_scores_known_by_hand():
    scores = score([90, 92, 94, 96], [91, 92, 93, 98])  # errors 1, 0, -1, 2
    assert scores.rmse == pytest.approx(np.sqrt(6 / 4), abs=TOLERANCE)
    assert scores.mae == pytest.approx(1.0, abs=TOLERANCE)
    assert scores.bias == pytest.approx(0.5, abs=TOLERANCE)
    assert scores.slope == pytest.approx(22 / 20, abs=TOLERANCE)  # sum tp / sum tt, centred: 22 / 20
    spread = 1.96 * np.std([1, 0, -1, 2], ddof=1)
    assert (scores.limit_low, scores.limit_high) == pytest.approx((0.5 - spread, 0.5 + spread), abs=TOLERANCE)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 200))
def test_correlation_and_slope_agree_with_scipy(seed, n):
    rng = np.random.default_rng(seed)
    true = rng.uniform(75, 100, n)
    predicted = true * 0.7 + rng.normal(0, 2, n)
    scores = score(true, predicted)
    assert scores.pearson_r == pytest.approx(stats.pearsonr(true, predicted).statistic, abs=1e-9)
    assert scores.slope == pytest.approx(stats.linregress(true, predicted).slope, abs=1e-9)


def test_a_constant_has_neither_correlation_nor_slope_but_an_error():
    constant_prediction = score([90, 95, 100], [93.123456789] * 3)
    assert np.isnan(constant_prediction.pearson_r)
    assert constant_prediction.slope == pytest.approx(0.0, abs=1e-6)
    constant_truth = score([97, 97, 97], [96, 97, 98])
    assert np.isnan(constant_truth.pearson_r)
    assert np.isnan(constant_truth.slope)
    assert constant_truth.rmse == pytest.approx(np.sqrt(2 / 3), abs=TOLERANCE)


def test_one_pair_has_an_error_and_no_limits():
    scores = score([97.0], [95.0])
    assert scores.bias == -2.0
    assert np.isnan(scores.limit_low)


@pytest.mark.parametrize("predicted", [[1.0], [np.nan, 2.0], [np.inf, 2.0], [[1.0, 2.0]]])
def test_what_cannot_be_scored_is_refused(predicted):
    with pytest.raises(ValueError, match="true and predicted must"):
        score([1.0, 2.0], predicted)
    with pytest.raises(ValueError, match="N > 0"):
        score([], [])


def test_rmse_bounds_the_spread_of_the_labels():
    """RMSE >= SD * sqrt(1 - R^2) for every predictor: the bound by which published tables can be read."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        true, predicted = rng.normal(95, 2, 60), rng.normal(95, 2, 60)
        scores = score(true, predicted)
        assert scores.rmse >= np.std(true) * np.sqrt(1 - scores.pearson_r**2) - 1e-9


def test_skill_against_a_reference():
    assert skill(1.0, 4.0) == 0.75
    assert skill(4.0, 2.0) == -1.0
    assert np.isnan(skill(1.0, 0.0))


def test_hypoxia_by_hand():
    found = detect_hypoxia([85, 88, 89, 90, 95], [86, 91, 89.9, 89.9, 95])
    assert (found.n_below, found.n_not_below) == (3, 2)
    assert found.sensitivity == pytest.approx(2 / 3)
    assert found.specificity == pytest.approx(1 / 2)
    assert np.isnan(detect_hypoxia([95.0], [80.0]).sensitivity)
    assert np.isnan(detect_hypoxia([80.0], [80.0]).specificity)


def test_bands_hold_their_lower_edge_and_the_last_one_both():
    names = band_names()
    assert [names[i] for i in band_of([69.9, 70, 84.9, 85, 94.9, 95, 100])] == [
        "0-70", "70-80", "80-85", "85-90", "90-95", "95-100", "95-100",
    ]  # fmt: skip


def test_moments_add_up_over_subjects_in_any_order():
    true, predicted, who = np.array([90.0, 95, 92, 99]), np.array([91.0, 94, 92, 97]), np.array(["b", "a", "b", "a"])
    order = [2, 0, 3, 1]
    assert subject_moments(true, predicted, who) == pytest.approx(subject_moments(true[order], predicted[order], who[order]))
    with pytest.raises(ValueError, match="4 predictions but 3 subject ids"):
        subject_moments(true, predicted, who[:3])


def test_interval_is_seeded_and_holds_the_estimate():
    true, predicted, who = _subjects(np.random.default_rng(0), subjects=12, seconds=20, subject_sd=2.0)
    first = bootstrap_intervals(true, predicted, who, draws=500, seed=4)
    assert first == bootstrap_intervals(true, predicted, who, draws=500, seed=4)
    assert first != bootstrap_intervals(true, predicted, who, draws=500, seed=5)
    scores = score(true, predicted)
    for name, interval in first.items():
        assert interval.low < getattr(scores, name) < interval.high, name


def test_an_interval_is_as_wide_as_theory_says():
    """400 people with one second each: the mean error lies within 1.96 standard errors, to 3 % by 4000 draws."""
    rng = np.random.default_rng(3)
    true = rng.uniform(85, 100, 400)
    error = rng.standard_normal(400)
    interval = bootstrap_intervals(true, true + error, np.arange(400), draws=4000, seed=0)["bias"]
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error.std() / 20, rel=0.06)


def test_the_bootstrap_covers_a_known_bias_where_resampling_seconds_would_not():
    """Errors of one subject share an offset (SD 2) about a true bias of 1: 95 % intervals of 20 subjects must hold it."""
    rng = np.random.default_rng(1)
    held_by_subject, held_by_second = 0, 0
    for trial in range(200):
        true, predicted, who = _subjects(rng, subjects=20, seconds=30, subject_sd=2.0, bias=1.0)
        interval = bootstrap_intervals(true, predicted, who, draws=200, seed=trial)["bias"]
        held_by_subject += interval.low <= 1.0 <= interval.high
        naive = bootstrap_intervals(true, predicted, np.arange(len(true)), draws=200, seed=trial)["bias"]
        held_by_second += naive.low <= 1.0 <= naive.high
    assert held_by_subject >= 0.86 * 200  # nominal 95 %, percentile intervals of 20 subjects a little less; SE 1.5 %
    assert held_by_second <= 0.6 * 200


def test_one_subject_gives_no_interval():
    interval = bootstrap_intervals([90.0, 95.0], [91.0, 95.0], ["only", "only"], draws=50, seed=0)["rmse"]
    assert np.isnan(interval.low)
    assert np.isnan(interval.high)


def test_paired_comparison_sees_a_small_but_steady_difference():
    """B = A with every error 10 % larger: unpaired intervals overlap widely, the paired one leaves zero out."""
    true, predicted, who = _subjects(np.random.default_rng(2), subjects=10, seconds=20, subject_sd=3.0)
    worse = true + 1.1 * (predicted - true)
    paired = compare_paired(true, predicted, worse, who, draws=500, seed=0)
    assert paired.skill == pytest.approx(1 - 1 / 1.1, abs=1e-9)
    assert paired.rmse_difference < 0
    assert paired.rmse_difference_interval.high < 0
    assert paired.probability_better == 1.0
    here, there = (bootstrap_intervals(true, values, who, draws=500, seed=0)["rmse"] for values in (predicted, worse))
    assert here.high > there.low


def _subjects(rng, *, subjects, seconds, subject_sd, bias=0.0):
    who = np.repeat([f"s{i:02d}" for i in range(subjects)], seconds)
    true = rng.uniform(80, 100, subjects * seconds)
    offset = np.repeat(rng.normal(bias, subject_sd, subjects), seconds)
    return true, true + offset + rng.normal(0, 0.5, len(true)), who


GROUPS = np.repeat(["a", "b", "c", "d"], [4, 6, 5, 3])
TRUE_18 = np.array([96.1, 96.2, 90.3, 85.7, 81.1, 87.7, 88.2, 80.9, 81.0, 100.0, 93.0, 84.7, 88.7, 99.5, 98.0, 96.9, 87.8, 89.9])
PREDICTED_18 = np.array(
    [55.1, 55.8, 51.3, 53.6, 57.4, 59.3, 63.6, 60.9, 51.0, 68.0, 44.9, 43.1, 41.1, 52.8, 51.6, 76.9, 68.5, 72.4]
)


def test_correlation_within_groups_is_the_repeated_measures_correlation():
    """Pingouin 0.7.0's rm_corr of these numbers; and by its definition, an analysis of covariance with a level for each group."""
    found, _ = correlation_within(TRUE_18, PREDICTED_18, GROUPS, GROUPS, draws=10, seed=0)
    assert found == pytest.approx(0.8233224566080785, abs=1e-12)
    levels = (GROUPS[:, None] == np.unique(GROUPS)).astype(float)

    def residual(design):
        return float(np.sum((PREDICTED_18 - design @ np.linalg.lstsq(design, PREDICTED_18, rcond=None)[0]) ** 2))

    explained = 1 - residual(np.column_stack([levels, TRUE_18])) / residual(levels)
    assert found == pytest.approx(np.sqrt(explained), abs=1e-9)


def test_levels_of_groups_make_no_correlation_within_them():
    """Each group's mean is read perfectly and no change within it: r of all is high, within groups it is none."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 30)
    level = rng.uniform(75, 98, 40)[group]
    true, predicted = level + rng.normal(0, 1, 1200), level + rng.normal(0, 1, 1200)
    within, interval = correlation_within(true, predicted, group, group, draws=300, seed=0)
    assert score(true, predicted).pearson_r > 0.95
    assert abs(within) < 0.1 and interval.low < 0 < interval.high


def test_a_constant_within_groups_has_no_correlation_and_one_person_no_interval():
    constant, _ = correlation_within(TRUE_18, GROUPS == "a", GROUPS, GROUPS, draws=10, seed=0)
    assert np.isnan(constant)
    _, interval = correlation_within(TRUE_18, PREDICTED_18, GROUPS, np.zeros(18), draws=10, seed=0)
    assert np.isnan(interval.low) and np.isnan(interval.high)


def test_the_interval_of_a_mean_is_over_people_and_not_over_seconds():
    """Ten people of 100 seconds, each held always or never: ten independent values, whatever the seconds."""
    people = np.repeat(np.arange(10), 100)
    held = (people < 7).astype(float)
    mean, interval = mean_with_interval(held, people, draws=4000, seed=0)
    assert mean == pytest.approx(0.7)
    expected = 0.7 + np.array([-1.96, 1.96]) * np.sqrt(0.7 * 0.3 / 10)  # 0.42 to 0.98; over seconds 0.67 to 0.73
    np.testing.assert_allclose([interval.low, interval.high], expected, atol=0.05)
