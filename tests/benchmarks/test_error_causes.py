"""What an error goes with: planted errors that do, and that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.error_causes import (
    BEGIN,
    BEHIND,
    END,
    KNOWN,
    PAGE,
    SINCE,
    UNCLEAR,
    correlation,
    lines,
    narrower,
    rows_of,
    seconds_of,
)


def rows(count: int) -> pd.DataFrame:
    """One row per second of people whom a lamp that dims makes read wrong, from second 20 on; how clear the pulse is does not."""
    rng = np.random.default_rng(0)
    parts = []
    for number in range(count):
        start_s = np.arange(40.0)
        light = np.where(start_s >= 20, rng.uniform(0, 0.5), 0.0)
        true = 97 - rng.uniform(0, 10) * start_s / 40
        given = true + 10 * light * rng.choice([-1, 1]) + 0.2 * rng.standard_normal(40)
        parts.append(pd.DataFrame({
            "dataset": "made", "subject_id": str(number), "record_id": str(number), "scenario": "a", "clip_id": "x",
            "first_frame": 15 * np.arange(40), "fps_hz": 15.0, "start_s": start_s, "second": 0, "true_percent": true,
            "predicted_percent": given, "changing_percent": given + rng.normal(0, 20),
        } | {name: rng.uniform(0, 1, 40) for name in KNOWN} | {BEHIND: 3 - light}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_light_that_makes_the_error_is_found_and_the_pulse_is_not() -> None:
    _, anchored = seconds_of(rows(30))
    assert len(anchored) == 30 * 30
    rank, low, high = correlation(anchored, BEHIND)
    assert 0 < low < rank < high and rank > 0.5
    _, low, high = correlation(anchored, UNCLEAR)
    assert low < 0 < high
    assert narrower(anchored, BEHIND) < 0.85 < 0.97 < narrower(anchored, UNCLEAR) <= 1


def test_the_light_is_that_since_the_anchor() -> None:
    _, anchored = seconds_of(rows(3))
    assert (anchored.loc[anchored[SINCE] < 10, BEHIND] == 0).all()
    assert anchored.loc[anchored[SINCE] > 11, BEHIND].max() == pytest.approx(0.5, abs=0.4)


def test_the_page_has_its_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    table = lines(rows_of(*seconds_of(rows(6))))
    assert table[0] == "6 people alone, 6 anchored." and sum(line.startswith("| anchored |") for line in table) == 8
