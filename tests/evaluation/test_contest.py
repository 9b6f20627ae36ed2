"""When a challenger wins: on the same seconds, by a margin, surely, and nowhere much worse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tast.errors import TastError
from tast.evaluation.contest import Rules, judge

RULES = Rules(margin_percent=0.1, confidence=0.9, group_tolerance_percent=0.5, draws=200, seed=0)
N_SUBJECTS, N_SECONDS = 6, 20


def table(errors: dict[int, float] | float) -> pd.DataFrame:
    """20 seconds of each of 6 people, in the scenarios steady (even) and talking (odd), with one error a person."""
    of = errors if isinstance(errors, dict) else dict.fromkeys(range(N_SUBJECTS), errors)
    owner = np.repeat(np.arange(N_SUBJECTS), N_SECONDS)
    true = 85.0 + np.tile(np.arange(N_SECONDS) * 0.5, N_SUBJECTS)
    keys = {"dataset": "phantom", "subject_id": owner.astype(str), "record_id": [f"r{subject}" for subject in owner]}
    values = {"true_percent": true, "predicted_percent": true + np.array([of[subject] for subject in owner])}
    second = np.tile(np.arange(N_SECONDS), N_SUBJECTS)
    return pd.DataFrame(keys | {"second": second, "scenario": np.where(owner % 2, "talking", "steady")} | values)


def test_the_first_has_nobody_to_beat() -> None:
    verdict = judge(table(3.0), None, RULES)
    assert (verdict.wins, verdict.champion_rmse) == (True, None)
    assert verdict.challenger_rmse == pytest.approx(3.0)


def test_better_for_everybody_wins_with_its_interval() -> None:
    verdict = judge(table(1.0), table(2.0), RULES)
    assert verdict.wins and verdict.probability_better == 1.0
    assert (verdict.difference_low, verdict.difference_high) == pytest.approx((-1.0, -1.0))


def test_a_gain_at_or_below_the_margin_is_none() -> None:
    assert "not above the margin of 0.1" in judge(table(1.95), table(2.0), RULES).reason
    assert not judge(table(2.0), table(2.0), replace(RULES, margin_percent=0.0)).wins


def test_better_through_one_person_only_is_not_sure() -> None:
    """Five people a little worse, one much better: the mean gains, but the resamples without that one do not."""
    champion = table({0: 6.0} | dict.fromkeys(range(1, N_SUBJECTS), 1.0))
    challenger = table({0: 2.0} | dict.fromkeys(range(1, N_SUBJECTS), 1.2))
    verdict = judge(challenger, champion, RULES)
    assert not verdict.wins and "better in only" in verdict.reason
    assert verdict.probability_better == pytest.approx(1 - (5 / 6) ** 6, abs=0.12)  # the share of draws that hold person 0


def test_a_group_that_suffers_is_an_objection() -> None:
    champion = table({subject: 3.0 if subject % 2 == 0 else 1.0 for subject in range(N_SUBJECTS)})
    challenger = table({subject: 1.0 if subject % 2 == 0 else 1.6 for subject in range(N_SUBJECTS)})
    verdict = judge(challenger, champion, replace(RULES, confidence=0.0))
    assert not verdict.wins
    assert verdict.worse_groups == ("scenario talking: 1.60 against 1.00",)
    assert judge(challenger, champion, replace(RULES, confidence=0.0, group_tolerance_percent=0.7)).wins


def test_other_seconds_are_refused() -> None:
    with pytest.raises(TastError, match="not scored on the same seconds"):
        judge(table(1.0), table(2.0).iloc[1:], RULES)


def test_order_of_rows_does_not_matter() -> None:
    assert judge(table(1.0).sample(frac=1, random_state=1), table(2.0), RULES) == judge(table(1.0), table(2.0), RULES)
