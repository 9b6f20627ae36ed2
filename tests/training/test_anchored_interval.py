"""The interval of anchored predictions: what it is of a planted slope, and that it holds what it says on people never seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from tast.training.anchored_interval import AnchoredInterval, fit_anchored_interval


def people(seed: int, count: int, *, seconds: int = 40, slope_sd: float = 0.0, noise: float = 1.0) -> pd.DataFrame:
    """Whose SpO2 falls by up to 20 points, read from an unknown level and, where slope_sd is not 0, with an unknown slope."""
    rng = np.random.default_rng(seed)
    parts = []
    for person in range(count):
        true = 98 - rng.uniform(0, 20) * np.linspace(0, 1, seconds)
        slope = 1 + slope_sd * rng.standard_normal()
        given = slope * true + rng.normal(0, 15) + noise * rng.standard_normal(seconds)
        parts.append(pd.DataFrame({
            "dataset": "made", "subject_id": f"{seed}-{person}", "record_id": f"{seed}-{person}", "scenario": "fall",
            "clip_id": "x", "first_frame": 15 * np.arange(seconds), "fps_hz": 15.0, "start_s": np.arange(seconds) * 1.0,
            "second": 0, "true_percent": true, "predicted_percent": np.clip(given, 50, 100), "changing_percent": given,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def coverage(interval: AnchoredInterval, rows: pd.DataFrame) -> float:
    inside = []
    for _, one in rows.groupby("record_id"):
        given, true = one["changing_percent"].to_numpy(), one["true_percent"].to_numpy()
        anchored = given - given[:10].mean() + true[:10].mean()
        width = interval.half_width_percent(anchored - true[:10].mean(), np.arange(len(one)) - 9.0, 0.0)
        inside.append((abs(anchored - true) <= width)[10:])
    return float(np.concatenate(inside).mean())


def test_an_unknown_level_costs_nothing() -> None:
    """Noise of 1, and that of an anchor's mean of ten: 1.645 * sqrt(1.1) half a width."""
    interval = fit_anchored_interval(people(0, 300))
    assert interval is not None and interval.n_subjects == 300
    half_width = interval.half_width_percent(np.array([0.0, 10.0]), np.array([1.0, 20.0]), 0.0)
    assert_allclose(half_width, 1.645 * np.sqrt(1.1), rtol=0.06)


def test_it_holds_nine_of_ten_seconds_of_people_never_seen() -> None:
    interval = fit_anchored_interval(people(1, 150, slope_sd=0.3, noise=0.5))
    assert interval is not None
    assert interval.of_change > 0  # slopes that differ show where SpO2 has moved
    assert coverage(interval, people(2, 150, slope_sd=0.3, noise=0.5)) == pytest.approx(0.9, abs=0.04)


def test_the_anchors_own_uncertainty_adds_as_squares() -> None:
    interval = AnchoredInterval(0.9, 3.0, 0.5, 0.0, 1, 1)
    change = np.array([0.0, 4.0])
    assert_allclose(interval.half_width_percent(change, np.zeros(2), 0.0), [3.0, 3 * np.sqrt(5)])
    assert_allclose(interval.half_width_percent(change, np.zeros(2), 2.0)[0], np.hypot(3.0, 1.6448536 * 2))


def test_time_adds_a_minutes_worth() -> None:
    interval = AnchoredInterval(0.9, 3.0, 0.0, 1.0, 1, 1)
    assert_allclose(interval.half_width_percent(np.zeros(2), np.array([0.0, 60.0]), 0.0), [3.0, 3 * np.sqrt(2)])


def test_light_adds_by_its_logarithm() -> None:
    interval = AnchoredInterval(0.9, 3.0, 0.0, 0.0, 1, 1, of_light=4.0)
    assert_allclose(interval.half_width_percent(np.zeros(2), np.zeros(2), 0.0, np.array([0.0, 0.25])), [3.0, 3 * np.sqrt(2)])


def test_where_a_lamp_is_dimmed_and_the_reading_with_it_the_interval_grows_there_alone() -> None:
    """Half of the people sit under a lamp that is dimmed by a tenth amid the recording, by which they are read 8 points off."""
    rows = people(6, 200, noise=0.5)
    dimmed = (rows["subject_id"].str[-1].astype(int) % 2 == 0) & (rows["start_s"] >= 20)
    rows["changing_percent"] += np.where(dimmed, 8.0, 0.0)
    lit = fit_anchored_interval(rows.assign(brightness=np.where(dimmed, np.log(0.9), 0.0)))
    unlit = fit_anchored_interval(rows)
    assert lit is not None and unlit is not None and lit.of_light > 0 and unlit.of_light == 0
    steady, dark = lit.half_width_percent(np.zeros(2), np.zeros(2), 0.0, np.array([0.0, -np.log(0.9)]))
    assert steady < 0.6 * unlit.least_percent
    assert dark > 2 * steady


def test_of_a_short_recording_half_is_anchored() -> None:
    """Of 4 s two."""
    interval = fit_anchored_interval(people(3, 5, seconds=4))
    assert interval is not None and interval.n_seconds == 5 * 2


def test_without_a_second_that_is_no_anchors_there_is_none() -> None:
    assert fit_anchored_interval(people(4, 3, seconds=1)) is None


def test_one_reading_for_a_whole_recording_is_no_change() -> None:
    assert fit_anchored_interval(people(5, 3).assign(spot_sd_percent=2.0)) is None
