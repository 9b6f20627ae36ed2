"""When a challenger wins: on people that neither has seen, enough of them, by a margin, surely, and nowhere much worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from tast.errors import TastError
from tast.evaluation.contest import Entrant, Rules, Verdict, judge
from tast.evaluation.metrics import compare_paired

RULES = Rules(fewest_subjects=2, margin_percent=0.1, confidence=0.9, group_tolerance_percent=0.5, draws=200, seed=0)
N_SUBJECTS, N_SECONDS = 6, 20
CONSTANT_PERCENT = 89.75  # the mean of every person's labels


def table(errors: Mapping[int, float] | float) -> pd.DataFrame:
    """20 seconds of each of 6 people, in the scenarios steady (even) and talking (odd), with one error a person."""
    of = errors if isinstance(errors, Mapping) else dict.fromkeys(range(N_SUBJECTS), errors)
    rows = [
        {
            "dataset": "pure", "subject_id": str(subject), "record_id": "a", "clip_id": f"c{subject}", "second": second,
            "scenario": "talking" if subject % 2 else "steady", "true_percent": 85.0 + 0.5 * second,
            "predicted_percent": 85.0 + 0.5 * second + of[subject],
        }
        for subject in of for second in range(N_SECONDS)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def met(
    challenger: pd.DataFrame, champion: pd.DataFrame | None, rules: Rules = RULES, *, seen: Sequence[str] | None = (),
    seen_by_champion: Sequence[str] | None = (), constant_percent: float = CONSTANT_PERCENT,
) -> Verdict:  # fmt: skip
    """The verdict on two tables, and on whom each was trained."""
    other = None if champion is None else Entrant(champion, seen_by_champion)
    return judge(Entrant(challenger, seen), other, constant_percent=constant_percent, rules=rules)


def test_better_for_everybody_wins_with_its_interval() -> None:
    verdict = met(table(1.0), table(2.0))
    assert (verdict.outcome, verdict.reference, verdict.probability_better) == ("better", "champion", 1.0)
    assert (verdict.challenger_rmse, verdict.reference_rmse) == pytest.approx((1.0, 2.0))
    assert (verdict.difference_low, verdict.difference_high) == pytest.approx((-1.0, -1.0))
    assert verdict.people == tuple(f"pure/{subject}" for subject in range(N_SUBJECTS))


def test_a_gain_at_or_below_the_margin_is_none() -> None:
    assert "not above the margin of 0.1" in met(table(1.95), table(2.0)).reason
    assert met(table(2.0), table(2.0), replace(RULES, margin_percent=0.0)).outcome == "not better"


def test_better_through_one_person_only_is_not_sure() -> None:
    """Five people a little worse, one much better: the mean gains, but the resamples without that one do not."""
    champion = table({0: 6.0} | dict.fromkeys(range(1, N_SUBJECTS), 1.0))
    challenger = table({0: 2.0} | dict.fromkeys(range(1, N_SUBJECTS), 1.2))
    verdict = met(challenger, champion)
    assert verdict.outcome == "not better" and "better in only" in verdict.reason
    assert verdict.probability_better == pytest.approx(1 - (5 / 6) ** 6, abs=0.12)  # the share of draws that hold person 0


def test_people_whom_either_has_seen_are_left_out() -> None:
    """Perfect on those whom it was trained on, worse on the others: the others decide."""
    challenger, champion = table({0: 0.0, 1: 0.0} | dict.fromkeys(range(2, N_SUBJECTS), 3.0)), table(2.0)
    verdict = met(challenger, champion, seen=["pure/0", "pure/1", "pure/elsewhere"], seen_by_champion=["pure/5"])
    assert verdict.people == ("pure/2", "pure/3", "pure/4")
    assert (verdict.outcome, verdict.challenger_rmse) == ("not better", pytest.approx(3.0))
    assert met(challenger, champion).challenger_rmse == pytest.approx(3.0 * np.sqrt(4 / 6))


def test_the_same_number_in_another_data_set_is_another_person() -> None:
    assert len(met(table(1.0), table(2.0), seen=["vipl_hr/0", "vipl_hr/1"]).people) == N_SUBJECTS


def test_two_data_sets_with_people_of_one_name_count_each() -> None:
    both = [pd.concat([table({0: error}), table({0: error}).assign(dataset="vipl_hr")]) for error in (1.0, 2.0)]
    assert met(*both).people == ("pure/0", "vipl_hr/0")


def test_too_few_unseen_people_decide_nothing_and_what_is_missing_is_said() -> None:
    rules = replace(RULES, fewest_subjects=4)
    verdict = met(table(1.0), table(2.0), rules, seen=["pure/0"], seen_by_champion=["pure/1", "pure/2", "pure/3"])
    assert (verdict.outcome, verdict.challenger_rmse) == ("undecided", None)
    assert verdict.reason == (
        "2 of the 6 test people are new to all (pure/4, pure/5), promote.fewest_subjects asks for 4: 2 more; "
        "the challenger has seen pure/0; the champion has seen pure/1, pure/2, pure/3"
    )
    assert met(table(1.0), table(2.0), replace(RULES, fewest_subjects=6)).outcome == "better"


@pytest.mark.parametrize("seen", [{"seen": None}, {"seen_by_champion": None}])
def test_a_model_whose_people_are_unknown_cannot_be_judged(seen: dict[str, None]) -> None:
    who = "challenger" if "seen" in seen else "champion"
    verdict = met(table(1.0), table(2.0), **seen)
    assert verdict.outcome == "undecided"
    assert verdict.reason == f"the card of the {who} does not name the people that it was trained on"


@pytest.mark.parametrize("champion", [table({0: 5.0}), None])
def test_one_person_is_no_evidence_whatever_the_rules(champion: pd.DataFrame | None) -> None:
    """A single person has no interval: NaN never wins."""
    lax = replace(RULES, fewest_subjects=1, confidence=0.0, margin_percent=0.0)
    verdict = met(table({0: 0.1}), champion, lax)
    assert verdict.outcome == "not better"
    assert (verdict.probability_better, verdict.difference_low, verdict.difference_high) == (None, None, None)


def test_the_first_must_beat_the_constant_with_its_whole_interval() -> None:
    verdict = met(table(1.0), None)
    assert (verdict.outcome, verdict.reference) == ("better", "constant")
    spread = float(np.std(np.arange(N_SECONDS) * 0.5))
    assert (verdict.challenger_rmse, verdict.reference_rmse) == pytest.approx((1.0, spread))
    assert verdict.difference_high is not None and verdict.difference_high < 0


def test_a_first_one_that_is_worse_than_the_constant_is_not_promoted() -> None:
    verdict = met(table(3.0), None)
    assert verdict.outcome == "not better"
    assert verdict.reason.startswith("not surely better than the mean of its training labels said for all: difference +0.117")


def test_a_first_one_that_beats_the_constant_by_chance_is_not_promoted() -> None:
    """Better for four people and far worse for two: its mean is lower, and the interval holds zero."""
    verdict = met(table({0: 4.6, 1: 4.6} | dict.fromkeys(range(2, N_SUBJECTS), 0.2)), None)
    assert verdict.challenger_rmse < verdict.reference_rmse and verdict.probability_better > 0.5
    assert verdict.outcome == "not better" and verdict.difference_high > 0
    assert "95 % interval" in verdict.reason


def test_a_group_that_surely_suffers_is_an_objection() -> None:
    champion = table({subject: 3.0 if subject % 2 == 0 else 1.0 for subject in range(N_SUBJECTS)})
    challenger = table({subject: 1.0 if subject % 2 == 0 else 1.6 for subject in range(N_SUBJECTS)})
    verdict = met(challenger, champion, replace(RULES, confidence=0.0))
    assert verdict.outcome == "not better"
    assert verdict.worse_groups == ("scenario talking: 1.60 against 1.00 (3 people, +0.60 to +0.60)",)
    assert met(challenger, champion, replace(RULES, confidence=0.0, group_tolerance_percent=0.7)).outcome == "better"


@pytest.mark.parametrize("n_people", [1, 2, 3])
def test_a_scenario_of_one_or_two_people_cannot_veto(n_people: int) -> None:
    """Much worse for 1 to 3 people who alone were dark, better for all others."""
    dark = range(n_people)
    champion, challenger = (
        table(dict.fromkeys(range(N_SUBJECTS), other) | dict.fromkeys(dark, at_night))
        for other, at_night in ((4.0, 1.0), (1.0, 2.0))
    )
    of = [
        rows.assign(scenario=np.where(rows["subject_id"].astype(int) < n_people, "dark", "light"))
        for rows in (challenger, champion)
    ]
    verdict = met(*of, replace(RULES, confidence=0.0))
    assert verdict.outcome == ("better" if n_people < 3 else "not better")


def test_three_seconds_of_a_person_cannot_veto() -> None:
    """A band of SpO2 that three people visit for three seconds each, where the challenger is 5 points worse."""
    champion, challenger = table(3.0), table(1.0)
    brief = champion["second"] >= N_SECONDS - 3
    dropped = np.where(brief, champion["true_percent"] - 20, champion["true_percent"])
    champion = champion.assign(true_percent=dropped, predicted_percent=dropped + 1.0 + 2.0 * ~brief)
    challenger = challenger.assign(true_percent=dropped, predicted_percent=dropped + 1.0 + 5.0 * brief)
    few = champion["subject_id"].isin(["0", "1", "2"]) | ~brief
    verdict = met(challenger[few], champion[few], replace(RULES, confidence=0.0))
    assert verdict.worse_groups == () and verdict.outcome == "better"


def test_a_group_where_the_difference_is_noise_cannot_veto() -> None:
    """Of the three who talk one is far worse and two are better: RMSE 3.5 against 1.5, and an interval that holds zero."""
    champion = table({0: 6.0, 2: 6.0, 4: 6.0, 1: 1.5, 3: 1.5, 5: 1.5})
    challenger = table({0: 1.0, 2: 1.0, 4: 1.0, 1: 6.0, 3: 0.5, 5: 0.5})
    verdict = met(challenger, champion, replace(RULES, confidence=0.0))
    assert verdict.worse_groups == () and verdict.outcome == "better"


def test_other_seconds_are_refused() -> None:
    with pytest.raises(TastError, match="not scored on the same seconds"):
        met(table(1.0), table(2.0).iloc[1:])


def test_order_of_rows_does_not_matter() -> None:
    assert met(table(1.0).sample(frac=1, random_state=1), table(2.0)) == met(table(1.0), table(2.0))


def test_the_figures_are_those_of_the_paired_comparison_of_people() -> None:
    ours, theirs = table({subject: 0.3 * subject for subject in range(N_SUBJECTS)}), table(1.5)
    paired = compare_paired(
        ours["true_percent"], ours["predicted_percent"], theirs["predicted_percent"], ours["subject_id"], draws=200, seed=0
    )
    output = asdict(met(ours, theirs))
    assert (output["difference_low"], output["difference_high"]) == (
        paired.rmse_difference_interval.low, paired.rmse_difference_interval.high,
    )  # fmt: skip


CHANGE = replace(RULES, judged="change")


def moving(slope: float, off: float = 0.0) -> pd.DataFrame:
    """The table of `off`, whose change is followed by `slope` from a level that is no percentage at all."""
    rows = table(off)
    return rows.assign(
        start_s=rows["second"] * 1.0, changing_percent=300 + slope * rows["true_percent"], lower_percent=np.nan,
        upper_percent=np.nan, quality=1.0, spot_sd_percent=np.nan,
    )  # fmt: skip


def test_judged_by_the_change_the_first_must_beat_who_stays_and_its_level_counts_for_nothing() -> None:
    verdict = met(moving(0.8, off=30.0), None, CHANGE)
    assert (verdict.outcome, verdict.reference) == ("better", "stays")
    change = 0.5 * (np.arange(10, 20) - 4.5)  # since the mean of the first ten seconds
    rms = np.sqrt(np.mean(change**2))
    assert (verdict.challenger_rmse, verdict.reference_rmse) == pytest.approx((0.2 * rms, rms))
    lost = met(moving(-0.1), None, CHANGE)
    assert lost.outcome == "not better" and "SpO2 that stays where it was known" in lost.reason
    assert met(moving(0.8, off=30.0), None).outcome == "not better", "by its level it is far off"


def test_judged_by_the_change_the_nearer_slope_wins() -> None:
    verdict = met(moving(0.9, off=30.0), moving(0.5), CHANGE)
    assert (verdict.outcome, verdict.reference) == ("better", "champion")
    assert met(moving(0.9, off=30.0), moving(0.5)).outcome == "not better"


def test_recordings_no_longer_than_an_anchor_decide_nothing() -> None:
    rows = moving(0.9)
    verdict = met(rows[rows["second"] < 10], None, CHANGE)
    assert verdict.outcome == "undecided" and "no recording is longer than the 10 s" in verdict.reason
