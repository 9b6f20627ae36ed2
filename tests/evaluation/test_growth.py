"""Scores of many people take memory by the seconds, not by people times people: 50,000 recordings took 9 GB."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tast.evaluation import metrics
from tast.evaluation.clinical import hypoxia_intervals
from tast.evaluation.metrics import resampled_sums, times_drawn
from tast.evaluation.refusal import risk_coverage

PEOPLE, DRAWS = 800, 400
MOST_MIB = 150  # people times people, of all draws, would be 2 GB; people times seconds 10 MB for each second of a person
RNG = np.random.default_rng(3)
TRUE = RNG.uniform(80, 100, 5 * PEOPLE)
PREDICTED = TRUE + RNG.normal(0, 3, TRUE.size)
OWNER = np.repeat(np.arange(PEOPLE), 5).astype(str)
QUALITY = RNG.uniform(size=TRUE.size)


def test_times_drawn_are_the_draws_of_the_sums() -> None:
    moments = RNG.normal(size=(7, 3))
    assert np.array_equal(times_drawn(7, 50, seed=4), resampled_sums(np.eye(7), 50, seed=4))
    np.testing.assert_allclose(times_drawn(7, 50, seed=4) @ moments, resampled_sums(moments, 50, seed=4))


def test_sums_are_the_same_bits_however_many_draws_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = RNG.normal(size=(40, 11))
    at_once = resampled_sums(moments, 101, seed=5)
    monkeypatch.setattr(metrics, "VALUES_AT_A_TIME", 7 * moments.size)
    assert np.array_equal(resampled_sums(moments, 101, seed=5), at_once)


@pytest.mark.parametrize(
    "scored",
    [
        partial(hypoxia_intervals, TRUE, PREDICTED, OWNER, draws=DRAWS, seed=0),
        partial(risk_coverage, PREDICTED - TRUE, QUALITY, OWNER, draws=DRAWS, seed=0),
        partial(resampled_sums, RNG.normal(size=(20 * PEOPLE, 11)), DRAWS, 0),
    ],
    ids=["hypoxia", "refusal", "sums"],
)
def test_memory_of_many_people(scored: Callable[[], Any]) -> None:
    tracemalloc.start()
    try:
        scored()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / 2**20 < MOST_MIB
