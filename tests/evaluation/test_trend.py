"""Signs of change counted by hand and second by second, lags that were planted, and both against plain loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tast.evaluation.trend import lag_within_recordings, sign_agreement

BOOTSTRAP = {"draws": 50, "seed": 0}


def table(*recordings: tuple[str, list[float], list[float]], first_second: int = 3) -> pd.DataFrame:
    """One recording each of a person, true and predicted second by second; NaN in the truth leaves a second out."""
    parts = [
        pd.DataFrame(
            {
                "dataset": "planted", "subject_id": who, "record_id": f"{who}-{number}",
                "second": first_second + np.arange(len(true)), "true_percent": true, "predicted_percent": predicted,
            }
        )
        for number, (who, true, predicted) in enumerate(recordings)
    ]  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    return rows[rows["true_percent"].notna()].sample(frac=1.0, random_state=1)


def test_signs_by_hand() -> None:
    """Over two seconds: -2 and -3 (agrees), -1.5 and 0 (does not), 0.5 (too small to count); b's rise of 2 is read as a fall."""
    rows = table(("a", [95, 94.5, 93, 93, 93.5], [96, 95, 93, 95, 95]), ("b", [90, 91, 92], [92, 91, 90]))
    found = sign_agreement(rows, over_s=2, least_change_percent=1.0, **BOOTSTRAP)
    assert (found.n_changes, found.n_people, found.agreement) == (3, 2, pytest.approx(1 / 3))
    assert (found.interval.low, found.interval.high) == (0.0, 0.5), "either person alone"


def test_no_change_says_nothing_and_a_change_does_not_reach_over_a_gap_or_into_the_next_recording() -> None:
    flat = table(("a", [95.0] * 9, [95.0, 90] * 4 + [95.0]))
    found = sign_agreement(flat, **BOOTSTRAP)
    assert found.n_changes == 0 and np.isnan(found.agreement) and np.isnan(found.interval.low)
    nan = float("nan")
    gap = table(("a", [95, nan, 90], [95, 95, 90]), ("a", [80, nan, nan, 85], [80, 80, 85, 85]))
    assert sign_agreement(gap, over_s=1, **BOOTSTRAP).n_changes == 0
    assert sign_agreement(gap, over_s=2, **BOOTSTRAP).n_changes == 1


@pytest.mark.parametrize("lag", [-4, -1, 0, 2, 5])
def test_a_planted_lag_is_found_whatever_the_levels_of_the_recordings(lag: int) -> None:
    rng = np.random.default_rng(lag + 9)
    recordings = []
    for who in "abc":
        course = np.cumsum(rng.normal(0, 1, 80))
        recordings.append((who, list(90 + course[20:60]), list(70 + 9 * ord(who) + 0.5 * course[20 - lag : 60 - lag])))
    found = lag_within_recordings(table(*recordings), **BOOTSTRAP)
    assert (found.lag_s, found.pearson_r) == (lag, pytest.approx(1.0))
    assert (found.interval.low, found.interval.high) == (lag, lag)
    assert found.unshifted == pytest.approx(1.0) if lag == 0 else found.unshifted < 0.99
    assert not found.at_the_end and found.longest_s == 10
    assert found.curve[found.seconds.index(lag)] == max(found.curve)


def test_a_lag_at_the_end_of_what_was_tried_says_so_and_short_recordings_try_less() -> None:
    course = np.cumsum(np.random.default_rng(2).normal(0, 1, 60))
    rows = table(("a", list(course[20:32]), list(course[12:24])))  # 12 s long, 8 s late
    found = lag_within_recordings(rows, **BOOTSTRAP)
    assert found.longest_s == 4 and found.seconds == tuple(range(-4, 5))
    late = table(("a", list(np.arange(12.0) ** 2), [0.0] * 4 + list(np.arange(8.0) ** 2)))
    assert lag_within_recordings(late, **BOOTSTRAP).at_the_end


@pytest.mark.parametrize("predicted", [[90.0] * 12, list(-np.arange(12.0))], ids=["constant", "against"])
def test_what_does_not_follow_has_no_lag(predicted: list[float]) -> None:
    found = lag_within_recordings(table(("a", list(np.arange(12.0)), predicted)), **BOOTSTRAP)
    assert np.isnan(found.lag_s) and np.isnan(found.pearson_r) and not found.at_the_end
    assert np.isnan(lag_within_recordings(table(("a", [95.0], [95.0])), **BOOTSTRAP).lag_s)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from((0.0, 1e6)))
def test_both_are_what_loops_over_recordings_count(seed: int, offset: float) -> None:
    """scipy's pearsonr on the differences from each recording's means, of the seconds that overlap at a lag."""
    rng = np.random.default_rng(seed)
    recordings = []
    for who in ("a", "b", "c", "d")[: rng.integers(1, 5)]:
        true = np.where(rng.random(18) < 0.2, np.nan, np.rint(90 + np.cumsum(rng.normal(0, 1, 18)))) + offset
        recordings.append((who, true.tolist(), (np.nan_to_num(true, nan=90.0) + rng.normal(0, 1, 18)).tolist()))
    rows = table(*recordings)
    agree = n = 0
    left: dict[int, list[tuple[float, float]]] = {}
    for _, one in rows.groupby("record_id"):
        true, predicted = (one.set_index("second")[f"{name}_percent"] for name in ("true", "predicted"))
        for second in true.index:
            if second + 5 in true.index and abs(true[second + 5] - true[second]) >= 1:
                n += 1
                agree += (true[second + 5] > true[second]) == (predicted[second + 5] > predicted[second])
        for lag in range(-5, 6):
            both = [second for second in true.index if second + lag in true.index]
            t, p = true[both].to_numpy(), predicted[[second + lag for second in both]].to_numpy()
            left.setdefault(lag, []).extend(zip(t - t.mean(), p - p.mean(), strict=True) if both else [])
    signs = sign_agreement(rows, **BOOTSTRAP)
    assert signs.n_changes == n and signs.agreement == pytest.approx(agree / n if n else np.nan, abs=1e-9, nan_ok=True)
    found = lag_within_recordings(rows, longest_s=5, **BOOTSTRAP)
    for lag, r in zip(found.seconds, found.curve, strict=True):
        t, p = np.array(left[lag]).T
        expected = stats.pearsonr(t, p).statistic if np.ptp(t) > 0 < np.ptp(p) else np.nan
        assert r == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_spot_reading_is_no_trend() -> None:
    """Beside a recording that is followed perfectly, one with a single reading: signs, lag and r are the first's alone."""
    wave = list(90 + 3 * np.sin(np.arange(40) / 3))
    followed, held = table(("a", wave, wave)), table(("b", [97.0] * 40, wave))
    both = pd.concat([followed, held.assign(spot_sd_percent=2.0)], ignore_index=True)
    signs, alone = sign_agreement(both, **BOOTSTRAP), sign_agreement(followed, **BOOTSTRAP)
    assert (signs.agreement, signs.n_changes, signs.n_people) == (1.0, alone.n_changes, 1)
    found = lag_within_recordings(both, **BOOTSTRAP)
    assert (found.lag_s, found.pearson_r) == (0.0, pytest.approx(1.0))
    unmarked = lag_within_recordings(pd.concat([followed, held], ignore_index=True), **BOOTSTRAP)
    assert unmarked.pearson_r < 0.8, "a held label would count against whoever follows"
    nothing = lag_within_recordings(held.assign(spot_sd_percent=2.0), **BOOTSTRAP)
    assert np.isnan(nothing.lag_s) and np.isnan(nothing.pearson_r)
    assert sign_agreement(held.assign(spot_sd_percent=2.0), **BOOTSTRAP).n_changes == 0
