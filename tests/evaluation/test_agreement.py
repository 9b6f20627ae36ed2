"""Limits of agreement against answers known by hand and against a simulation with known variances."""

from __future__ import annotations

import numpy as np
import pytest

from tast.evaluation.agreement import agreement, agreement_of_repeated


def test_limits_by_hand():
    found = agreement([1.0, 3.0])  # SD sqrt(2)
    assert found.bias == 2.0
    assert (found.limit_low, found.limit_high) == pytest.approx((2 - 1.96 * np.sqrt(2), 2 + 1.96 * np.sqrt(2)))


def test_repeated_limits_by_hand():
    """Groups (0, 2) and (4, 6): within 2, between-group mean square 16, size 2, so between (16 - 2) / 2 = 7; SD 3."""
    found = agreement_of_repeated([0.0, 2.0, 4.0, 6.0], ["a", "a", "b", "b"])
    assert found.bias == 3.0
    assert (found.limit_low, found.limit_high) == pytest.approx((3 - 1.96 * 3, 3 + 1.96 * 3))


def test_people_with_many_seconds_and_people_with_few():
    """Groups (0, 2) and (4, 6, 4, 6), means 1 and 5 about 22/6: within 6 / 4 = 1.5, between-group mean square 64 / 3, group size
    (36 - 4 - 16) / 6 = 8 / 3, so between (64 / 3 - 1.5) / (8 / 3) = 7.4375; SD sqrt(8.9375)."""
    found = agreement_of_repeated([0.0, 2.0, 4.0, 6.0, 4.0, 6.0], ["a", "a", "b", "b", "b", "b"])
    assert found.bias == pytest.approx(22 / 6)
    assert (found.limit_high - found.limit_low) / (2 * 1.96) == pytest.approx(np.sqrt(8.9375))


def test_repeated_limits_find_the_variances_of_a_simulation():
    """40 subjects of unequal length, between SD 2, within SD 1: total sqrt(5) = 2.236, to 15 % over 40 subjects."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 60, 40)
    who = np.repeat(np.arange(40), sizes)
    error = np.repeat(rng.normal(0, 2, 40), sizes) + rng.normal(0, 1, len(who))
    found = agreement_of_repeated(error, who)
    assert (found.limit_high - found.limit_low) / (2 * 1.96) == pytest.approx(np.sqrt(5), rel=0.15)


def test_no_difference_between_subjects_gives_no_negative_variance():
    found = agreement_of_repeated([-1.0, 1.0, -1.0, 1.0], ["a", "a", "b", "b"])
    assert found.limit_high == pytest.approx(1.96 * np.sqrt(2))


def test_too_little_for_limits():
    assert np.isnan(agreement([1.0]).limit_low)
    assert np.isnan(agreement_of_repeated([1.0, 2.0], ["a", "a"]).limit_low)
