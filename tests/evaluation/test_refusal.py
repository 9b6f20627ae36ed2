"""Refusing by quality: worth something where quality tells errors apart, nothing where it does not, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tast.evaluation.refusal import risk_coverage

RNG = np.random.default_rng(3)
BOOTSTRAP = {"draws": 200, "seed": 0}


def test_refusing_the_worst_helps_where_quality_tells_them_apart() -> None:
    error, people = np.abs(RNG.normal(0, 2, 1000)), np.repeat(list("abcdefghij"), 100)
    apart, alike = (risk_coverage(error, quality, people, **BOOTSTRAP) for quality in (-error, np.ones(1000)))
    assert (apart.rmse[0], alike.rmse[0]) == pytest.approx([np.sqrt(np.mean(error**2))] * 2)
    assert list(apart.rmse) == sorted(apart.rmse, reverse=True)
    assert apart.area < 0.7 * apart.random and apart.gain_interval.low > 0
    assert alike.rmse == pytest.approx([alike.random] * 20) and alike.gain == pytest.approx(0)
    assert (alike.gain_interval.low, alike.gain_interval.high) == pytest.approx((0, 0), abs=1e-9)


def test_a_quality_that_misleads_has_a_negative_gain() -> None:
    error = np.arange(1.0, 11.0)
    assert risk_coverage(error, error, ["a"] * 10, **BOOTSTRAP).gain < -1


def test_half_of_the_seconds_by_hand() -> None:
    """The one without a quality goes first; 0.2, 0.8 and 0.9 follow. Points of the twenty that stand for a whole second."""
    found = risk_coverage([1.0, 2.0, 3.0, 4.0], [0.9, 0.2, 0.8, float("nan")], list("aabb"), **BOOTSTRAP)
    at = {round(share, 2): rmse for share, rmse in zip(found.coverage, found.rmse, strict=True)}
    assert [at[share] for share in (1.0, 0.75, 0.5, 0.25)] == pytest.approx([np.sqrt(30 / 4), np.sqrt(14 / 3), np.sqrt(5), 1.0])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 50), st.integers(0, 3)), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_equal_qualities_is_no_merit(pairs: list[tuple[float, int]], random) -> None:
    first, second = (
        risk_coverage([e for e, _ in one], [q for _, q in one], ["a"] * len(one), draws=1, seed=0)
        for one in (pairs, random.sample(pairs, len(pairs)))
    )
    assert first.rmse == pytest.approx(second.rmse, abs=1e-9) and first.area == pytest.approx(second.area, abs=1e-9)


def test_one_person_has_no_interval_and_nothing_is_an_error() -> None:
    assert np.isnan(risk_coverage([1.0, 2.0], [0.5, 1.0], ["a", "a"], **BOOTSTRAP).gain_interval.low)
    with pytest.raises(ValueError, match="no second to refuse"):
        risk_coverage([], [], [], **BOOTSTRAP)
