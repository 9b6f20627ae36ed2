"""Every statistic of the project's own against another implementation, on random and on adversarial values, within 1e-9.

The other side is scipy, scikit-learn, statsmodels or pandas; exact fractions where squares about 1e6 are beyond them. The
values: whole percents with their many ties, thousandths, constants, one person, offsets of a million.
"""

from __future__ import annotations

import itertools
import warnings
from fractions import Fraction
from statistics import fmean, mean

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn import metrics as sk
from statsmodels.formula.api import ols

from tast.evaluation.agreement import agreement, agreement_of_repeated
from tast.evaluation.clinical import a_rms_by_band, hypoxia_auc, hypoxia_intervals
from tast.evaluation.metrics import (
    bootstrap_intervals,
    compare_paired,
    correlation_within,
    detect_hypoxia,
    mean_with_interval,
    score,
)
from tast.evaluation.refusal import risk_coverage

LIMIT = 1e-9
QUICK = settings(max_examples=40, deadline=None)
BOOTSTRAP = {"draws": 40, "seed": 3}


def near(value: float) -> object:
    """Within 1e-9, or, of a million, within what its floats can hold."""
    return pytest.approx(value, abs=LIMIT, rel=4e-15, nan_ok=True)


@st.composite
def series(draw: st.DrawFn, n: int) -> np.ndarray:
    """(n,) percents: of one value, of whole numbers with ties, or of thousandths; sometimes about a million."""
    kind = draw(st.sampled_from(("constant", "whole", "thousandths")))
    if kind == "constant":
        values = np.full(n, draw(st.integers(60, 100)) + draw(st.sampled_from((0.0, 0.3))))
    elif kind == "whole":
        values = np.array(draw(st.lists(st.integers(86, 94), min_size=n, max_size=n)), dtype=float)
    else:
        values = np.array(draw(st.lists(st.integers(65_000, 100_000), min_size=n, max_size=n))) / 1000
    return values + draw(st.sampled_from((0.0, 0.0, 1e6)))


@st.composite
def tables(draw: st.DrawFn, most: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True and predicted percents of people, one to five of them, in any order."""
    n = draw(st.integers(1, most))
    people = np.array(draw(st.lists(st.sampled_from("abcde"[: draw(st.integers(1, 5))]), min_size=n, max_size=n)))
    return draw(series(n)), draw(series(n)), people


@QUICK
@given(tables())
def test_scores(table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    true, predicted, _ = table
    found = score(true, predicted)
    assert found.rmse == near(sk.root_mean_squared_error(true, predicted))
    assert found.mae == near(sk.mean_absolute_error(true, predicted))
    assert found.bias == near(fmean(predicted - true))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        correlated = len(true) > 1 and np.ptp(true) > 0 and np.ptp(predicted) > 0
        assert found.pearson_r == near(stats.pearsonr(true, predicted).statistic if correlated else np.nan)
    assert found.slope == near(stats.linregress(true, predicted).slope if len(true) > 1 and np.ptp(true) > 0 else np.nan)
    spread = 1.96 * exact_sd(predicted - true)
    assert (found.limit_low, found.limit_high) == (near(found.bias - spread), near(found.bias + spread))
    plain = agreement(predicted - true)
    assert (plain.limit_low, plain.limit_high) == (near(found.limit_low), near(found.limit_high))


def exact_sd(values: np.ndarray) -> float:
    if len(values) < 2:
        return float("nan")
    exact = [Fraction(float(one)) for one in values]
    return float(sum((one - mean(exact)) ** 2 for one in exact) / (len(exact) - 1)) ** 0.5


@QUICK
@given(tables())
def test_limits_of_repeated_measures(table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """The formulas of Bland & Altman 2007 in exact fractions; a bias of a million among the errors."""
    true, predicted, people = table
    error = predicted - true
    groups = [[Fraction(float(one)) for one in error[people == who]] for who in np.unique(people)]
    n, k = len(error), len(groups)
    found = agreement_of_repeated(error, people)
    if k < 2 or n <= k:
        assert np.isnan(found.limit_low) and np.isnan(found.limit_high)
        return
    whole = mean([one for group in groups for one in group])
    within = sum((one - mean(group)) ** 2 for group in groups for one in group) / (n - k)
    between = sum(len(group) * (mean(group) - whole) ** 2 for group in groups) / (k - 1)
    size = (n**2 - sum(len(group) ** 2 for group in groups)) / Fraction((k - 1) * n)
    spread = 1.96 * float(within + max((between - within) / size, 0)) ** 0.5
    assert (found.bias, found.limit_high) == (near(float(whole)), near(float(whole) + spread))


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 30))
def test_limits_of_repeated_measures_are_those_of_an_analysis_of_variance(seed: int, people: int, seconds: int) -> None:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), rng.integers(2, 2 + seconds, people))
    error = rng.normal(0, 2, people)[who] + rng.normal(0, 1, len(who))
    table = sm.stats.anova_lm(ols("error ~ C(who)", {"error": error, "who": who}).fit())
    between, within = table["mean_sq"]
    sizes = np.bincount(who)
    size = (len(who) - np.sum(sizes**2) / len(who)) / (people - 1)
    found = agreement_of_repeated(error, who)
    assert found.limit_high - found.bias == near(1.96 * np.sqrt(within + max((between - within) / size, 0)))


@QUICK
@given(tables())
def test_correlation_within_people(table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    true, predicted, people = table
    found, _ = correlation_within(true, predicted, people, people, **BOOTSTRAP)
    t, p = (pd.Series(one) - pd.Series(one).groupby(people).transform("mean") for one in (true, predicted))
    if max(t.abs()) < 1e-6 or max(p.abs()) < 1e-6:  # constant within every person, or but for the rounding of a mean of a million
        assert np.isnan(found)
    else:
        assert found == near(stats.pearsonr(t, p).statistic)


@QUICK
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_correlation_within_people_is_that_of_an_analysis_of_covariance(seed: int, people: int) -> None:
    """Bakdash & Marusich 2017: the share of the slope's square sum in what people's levels leave, with the slope's sign."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), 12)
    true = rng.uniform(75, 98, people)[who] + rng.normal(0, 2, len(who))
    predicted = rng.uniform(75, 98, people)[who] + 0.7 * true + rng.normal(0, 1, len(who))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a factor of one level has no degree of freedom
        fit = ols("predicted ~ true + C(who)" if people > 1 else "predicted ~ true", locals()).fit()
    of_slope = sm.stats.anova_lm(fit, typ=2).loc["true", "sum_sq"]
    expected = np.sign(fit.params["true"]) * np.sqrt(of_slope / (of_slope + fit.ssr))
    assert correlation_within(true, predicted, who, who, **BOOTSTRAP)[0] == near(expected)


@QUICK
@given(tables())
def test_hypoxia(table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    true, predicted, people = table
    below, called = true < 90, predicted < 90
    found = detect_hypoxia(true, predicted)
    assert found.sensitivity == near(sk.recall_score(below, called, zero_division=np.nan))
    assert found.specificity == near(sk.recall_score(~below, ~called, zero_division=np.nan))
    area = hypoxia_auc(true, predicted)
    both = below.any() and not below.all()
    pairs = np.sum(below) * np.sum(~below)
    assert area == near(stats.mannwhitneyu(-predicted[below], -predicted[~below]).statistic / pairs if both else np.nan)
    intervals = hypoxia_intervals(true, predicted, people, **BOOTSTRAP)
    for name, of_draw in {
        "auc": lambda weight: _area(below, predicted, weight),
        "sensitivity": lambda weight: np.average(called[below], weights=weight[below]) if weight[below].any() else np.nan,
        "specificity": lambda weight: np.average(~called[~below], weights=weight[~below]) if weight[~below].any() else np.nan,
    }.items():
        assert_interval(intervals[name], [of_draw(weight) for weight in weights(people)], people)


def _area(below: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> float:
    drawn = weight > 0
    if len(np.unique(below[drawn])) < 2:
        return float("nan")
    return float(sk.roc_auc_score(below[drawn], -predicted[drawn], sample_weight=weight[drawn]))


def weights(people: np.ndarray) -> list[np.ndarray]:
    """How often each row is drawn, draw by draw, as the bootstrap of the project draws people."""
    names, owner = np.unique(people, return_inverse=True)
    chosen = np.random.default_rng(BOOTSTRAP["seed"]).integers(len(names), size=(BOOTSTRAP["draws"], len(names)))
    return [np.bincount(one, minlength=len(names)).astype(float)[owner] for one in chosen]


def assert_interval(found: object, drawn: list[float], people: np.ndarray) -> None:
    """The 2.5th and 97.5th percentile of the draws; none with one person, or where most draws have no value."""
    known = [one for one in drawn if np.isfinite(one)]
    if len(np.unique(people)) < 2 or len(known) < len(drawn) / 2:
        assert np.isnan(found.low) and np.isnan(found.high)
    else:
        assert (found.low, found.high) == (near(np.percentile(known, 2.5)), near(np.percentile(known, 97.5)))


@QUICK
@given(tables())
def test_intervals_are_those_of_scores_on_the_rows_of_the_people_drawn(table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    true, predicted, people = table
    found = bootstrap_intervals(true, predicted, people, **BOOTSTRAP)
    drawn = weights(people)
    rmse = [sk.root_mean_squared_error(true, predicted, sample_weight=weight) for weight in drawn]
    assert_interval(found["rmse"], rmse, people)
    assert_interval(found["mae"], [sk.mean_absolute_error(true, predicted, sample_weight=weight) for weight in drawn], people)
    assert_interval(found["bias"], [np.average(predicted - true, weights=weight) for weight in drawn], people)
    of_mean = mean_with_interval(predicted, people, **BOOTSTRAP)
    assert of_mean[0] == near(fmean(predicted))
    assert_interval(of_mean[1], [np.average(predicted, weights=weight) for weight in drawn], people)
    other = np.roll(predicted, 1)
    against = compare_paired(true, predicted, other, people, **BOOTSTRAP)
    there = [sk.root_mean_squared_error(true, other, sample_weight=weight) for weight in drawn]
    assert_interval(against.rmse_difference_interval, list(np.subtract(rmse, there)), people)


@QUICK
@given(tables())
def test_a_rms(table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    true, predicted, people = table
    edges = [(70, 100), (70, 80), (80, 90), (90, 100)]
    for found, (low, high) in zip(a_rms_by_band(true, predicted, people, **BOOTSTRAP), edges, strict=True):
        inside = (true >= low) & ((true <= high) if high == 100 else (true < high))
        assert (found.n_seconds, found.n_people) == (inside.sum(), len(set(people[inside])))
        if inside.any():
            assert found.a_rms == near(sk.root_mean_squared_error(true[inside], predicted[inside]))
            assert found.within_limit == (found.a_rms <= 4)
        else:
            assert np.isnan(found.a_rms) and found.within_limit is None


@QUICK
@given(st.lists(st.tuples(st.integers(-50, 50), st.sampled_from((0.0, 0.5, 0.75, 1.0, float("nan")))), min_size=1, max_size=6))
def test_refusing_is_the_mean_over_all_orders_of_what_is_equal(pairs: list[tuple[int, float]]) -> None:
    """Every order that goes from the best quality to the worst, NaN the last; of a few seconds all can be gone through."""
    error, quality = np.array(pairs, dtype=float).T
    rank = np.nan_to_num(quality, nan=-1)
    orders = [list(one) for one in itertools.permutations(range(len(error))) if (np.diff(rank[list(one)]) <= 0).all()]
    squares = np.mean([np.cumsum(error[order] ** 2) for order in orders], axis=0)
    running = np.sqrt(squares / np.arange(1, len(error) + 1))
    found = risk_coverage(error, quality, ["a"] * len(error), draws=2, seed=0)
    kept = np.arange(1, len(error) + 1) / len(error)
    area = integrate.trapezoid(running, kept) / (kept[-1] - kept[0]) if len(error) > 1 else running[0]
    assert found.area == near(area) and found.random == near(running[-1]) and found.gain == near(running[-1] - area)
    assert found.rmse == tuple(near(running[int(np.ceil(round(share * len(error), 9))) - 1]) for share in found.coverage)


@QUICK
@given(tables(most=20), st.integers(0, 2**32 - 1))
def test_the_interval_of_a_gain_is_of_the_rows_of_the_people_drawn(
    table: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    true, predicted, people = table
    quality = np.random.default_rng(seed).permutation(len(true)) / len(true)  # no ties but a person with itself
    error = (predicted - true) % 10
    gains = []
    for weight in weights(people):
        rows = np.repeat(np.arange(len(error)), weight.astype(int))
        gains.append(risk_coverage(error[rows], quality[rows], people[rows], draws=1, seed=0).gain)
    assert_interval(risk_coverage(error, quality, people, **BOOTSTRAP).gain_interval, gains, people)
