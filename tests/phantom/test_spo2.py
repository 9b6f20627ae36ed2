"""Courses of saturation: range, rate, spread, and no clue in the clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tast.phantom.randomness import stratified_fraction, stream
from tast.phantom.spo2 import GRID_HZ, PROFILES, spo2_course


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), level=st.floats(0, 1), name=st.sampled_from(sorted(PROFILES)), seconds=st.floats(2, 200))
def test_a_course_stays_in_range_and_moves_no_faster_than_blood(seed: int, level: float, name: str, seconds: float) -> None:
    profile = PROFILES[name]
    course = spo2_course(stream(seed, "spo2"), level, profile, -5.0, seconds)
    assert course.times_s[0] == -5 and course.times_s[-1] >= seconds - 1e-9
    assert profile.low_percent - 1e-9 <= course.percent.min() and course.percent.max() <= profile.high_percent + 1e-9
    steepest = np.pi / 2 * profile.recovery_percent_per_s[1] + 0.5  # of a half cosine, and the drift
    assert np.abs(np.diff(course.percent)).max() * GRID_HZ < steepest


@pytest.fixture(scope="module")
def wide() -> np.ndarray:
    """(300 sessions, time) on a common clock."""
    times_s = np.arange(0, 24, 0.5)
    levels = [stratified_fraction(1, "level", k, 6) for k in range(300)]
    return np.array([spo2_course(stream(1, k, "spo2"), levels[k], PROFILES["wide"], -6, 30).at(times_s) for k in range(300)])


def test_wide_sessions_differ_and_each_sweeps(wide: np.ndarray) -> None:
    assert wide.mean(axis=1).std() > 3.5
    assert np.median(np.ptp(wide, axis=1)) > 7
    assert wide.std() > 5


def test_the_clock_tells_nothing_of_the_saturation(wide: np.ndarray) -> None:
    """Mean over 300 sessions is flat: its standard error is about 5.5 / sqrt(300) = 0.32, three of them allowed either way."""
    assert np.abs(wide.mean(axis=0) - wide.mean()).max() < 1.0


def test_from_rest_begins_as_healthy_people_do_and_then_falls() -> None:
    times_s = np.arange(-1.5, 36, 0.5)
    courses = [spo2_course(stream(2, k, "spo2"), k / 99, PROFILES["from_rest"], -6, 42).at(times_s) for k in range(100)]
    rest = np.array(courses)[:, times_s <= 10.5]
    assert rest.min() > 95 and rest.max() <= 99 and np.ptp(rest, axis=1).max() < 1
    assert np.ptp(courses, axis=1).min() > 5


def test_strata_are_each_drawn_once_in_a_run() -> None:
    fractions = np.array([stratified_fraction(9, "level", k, 6) for k in range(12)])
    assert sorted((6 * fractions[:6]).astype(int)) == list(range(6))
    assert sorted((6 * fractions[6:]).astype(int)) == list(range(6))
