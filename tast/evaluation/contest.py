"""A challenger against the champion, or against who knows nothing where there is none, on people that neither has seen.

Judged is what people use a model for: the level of SpO2, or how it changes from a known moment on.

An answer is a value: better, not better, or undecided where the evidence does not reach. Failures raise. Seconds of one person
are no independent evidence, so people are what is counted, resampled and asked for, also of a group that objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tast.anchors import SPAN_S
from tast.errors import TastError
from tast.evaluation.anchored import anchored_predictions
from tast.evaluation.evaluate import with_band
from tast.evaluation.metrics import PairedComparison, compare_paired, score
from tast.people import person_of
from tast.seconds import KEY

Outcome = Literal["better", "not better", "undecided"]
Reference = Literal["champion", "constant", "stays"]

GROUPINGS = ("scenario", "band")  # columns of the table that subgroups are made of
FEWEST_SECONDS = 20  # a smaller group says nothing about a model,
FEWEST_PEOPLE_IN_GROUP = 3  # nor does one of fewer people: of two who differ, a resample leaves one out half of the time
MOST_NAMES = 8  # of people, in a sentence


@dataclass(frozen=True)
class Rules:
    """When a challenger wins.

    judged: `level`, each second's SpO2 by itself; `change`, that of the seconds after the first 10 s of each recording,
    whose SpO2 is known. fewest_subjects: people of the test set that neither model has seen; with fewer nothing is decided.
    margin_percent: by how much its RMSE must be lower than the champion's, in points of SpO2. confidence: share of paired
    bootstrap draws of whole people in which it must be lower. group_tolerance_percent: how much worse its RMSE may be in
    any scenario or band of SpO2. draws, seed: of the bootstrap.
    """

    fewest_subjects: int
    margin_percent: float
    confidence: float
    group_tolerance_percent: float
    draws: int
    seed: int
    judged: Literal["level", "change"] = "level"


@dataclass(frozen=True)
class Entrant:
    """A model in a contest: its labelled seconds of the test people, and everybody that it was trained or validated on.

    people_seen: as tast.people.person_of names them; None where its card does not say.
    """

    rows: pd.DataFrame
    people_seen: Sequence[str] | None


@dataclass(frozen=True)
class Verdict:
    """What came of a contest. RMSE in percent SpO2; difference: challenger - reference, with its 95 % interval over people.

    reason: why it wins or not, or what is missing for a decision, without names of versions. people: whom both were judged
    on. reference: what it was judged against: the champion, `constant_percent` said for all, or SpO2 that stays where it
    was. worse_groups: "band 75-80: 3.10 against 2.00 ..." for each that objects. Numbers are None where nothing was scored.
    """

    outcome: Outcome
    reason: str
    people: tuple[str, ...] = ()
    reference: Reference = "champion"
    challenger_rmse: float | None = None
    reference_rmse: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    probability_better: float | None = None
    worse_groups: tuple[str, ...] = ()


def judge(challenger: Entrant, champion: Entrant | None, *, constant_percent: float, rules: Rules) -> Verdict:
    """The challenger against the champion, or, where there is none, against `constant_percent` said for every second; of changes,
    against who says that SpO2 stays where it was known.

    Both are judged on the people of the test set that neither has seen. Raises TastError where the two tables are not of the same
    seconds with the same labels.
    """
    nothing: Reference = "constant" if rules.judged == "level" else "stays"
    reference = nothing if champion is None else "champion"
    entrants = {"challenger": challenger} | ({} if champion is None else {"champion": champion})
    seen = {name: frozenset(one.people_seen) for name, one in entrants.items() if one.people_seen is not None}
    for name in entrants.keys() - seen.keys():
        return Verdict(
            "undecided", f"the card of the {name} does not name the people that it was trained on", reference=reference
        )
    ours = _judged(challenger.rows, rules)
    if champion is None:
        theirs = ours.assign(predicted_percent=ours["stays_percent"] if nothing == "stays" else constant_percent)
    else:
        theirs = _on_the_same_seconds(ours, _judged(champion.rows, rules))
    unseen = new_to_all(ours, seen.values())
    people = tuple(sorted(set(person_of(ours[unseen]))))
    if len(people) < rules.fewest_subjects:
        return Verdict("undecided", _missing(ours, people, seen, rules), people, reference)
    ours, theirs = ours[unseen], theirs[unseen]
    paired = _compare(ours, theirs, rules)
    worse = _worse_groups(ours, theirs, rules) if reference == "champion" else ()
    objection = _objection(paired, worse, rules) if reference == "champion" else _objection_of(nothing, paired)
    rmse = score(ours["true_percent"], ours["predicted_percent"]).rmse
    return Verdict(
        outcome="not better" if objection else "better",
        reason=objection or f"better in {paired.probability_better:.0%} of resampled people",
        people=people,
        reference=reference,
        challenger_rmse=rmse,
        reference_rmse=rmse - paired.rmse_difference,
        difference_low=_finite(paired.rmse_difference_interval.low),
        difference_high=_finite(paired.rmse_difference_interval.high),
        probability_better=_finite(paired.probability_better),
        worse_groups=worse,
    )


def new_to_all(rows: pd.DataFrame, people_seen: Iterable[Collection[str]]) -> pd.Series:
    """True for each row of a person whom no model has seen; people_seen: of each model, as tast.people.person_of names them."""
    return ~person_of(rows).isin(frozenset().union(*people_seen))


def _judged(rows: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    return (anchored_predictions(rows, None) if rules.judged == "change" else rows).sort_values(KEY, ignore_index=True)


def _on_the_same_seconds(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    if not ours[[*KEY, "true_percent"]].equals(theirs[[*KEY, "true_percent"]]):
        raise TastError("not comparable: challenger and champion were not scored on the same seconds with the same labels")
    return theirs


def _missing(rows: pd.DataFrame, people: tuple[str, ...], seen: dict[str, frozenset[str]], rules: Rules) -> str:
    """What an undecided contest lacks: how many people, and who has seen those that there are."""
    if rows.empty:
        return f"no recording is longer than the {SPAN_S:g} s whose SpO2 is known; promote.judged = {rules.judged!r} needs some"
    tested = sorted(set(person_of(rows)))
    lacking = rules.fewest_subjects - len(people)
    unseen = f"{len(people)} of the {len(tested)} test people {'is' if len(people) == 1 else 'are'} new to all ({_names(people)})"
    known = [f"the {who} has seen {_names(both)}" for who, whom in seen.items() if (both := sorted(whom.intersection(tested)))]
    return "; ".join([f"{unseen}, promote.fewest_subjects asks for {rules.fewest_subjects}: {lacking} more", *known])


def _names(people: Sequence[str]) -> str:
    more = f" and {len(people) - MOST_NAMES} more" if len(people) > MOST_NAMES else ""
    return (", ".join(people[:MOST_NAMES]) or "nobody") + more


def _compare(ours: pd.DataFrame, theirs: pd.DataFrame, rules: Rules) -> PairedComparison:
    return compare_paired(
        ours["true_percent"], ours["predicted_percent"], theirs["predicted_percent"], person_of(ours),
        draws=rules.draws, seed=rules.seed,
    )  # fmt: skip


def _objection(paired: PairedComparison, worse: tuple[str, ...], rules: Rules) -> str:
    """Why the challenger does not win; empty where nothing speaks against it. A number that is none never wins."""
    gain, sure = -paired.rmse_difference, paired.probability_better
    if not gain > 0 or gain < rules.margin_percent:
        return f"the gain of {gain:.3f} is not above the margin of {rules.margin_percent:g}"
    if not sure >= rules.confidence:
        return f"better in only {sure:.0%} of resampled people, {rules.confidence:.0%} asked for"
    if worse:
        return f"worse by more than {rules.group_tolerance_percent:g} in {'; '.join(worse)}"
    return ""


def _objection_of(nothing: Reference, paired: PairedComparison) -> str:
    interval = paired.rmse_difference_interval
    if interval.high < 0:
        return ""
    nobody = {"constant": "the mean of its training labels said for all", "stays": "SpO2 that stays where it was known"}
    return (
        f"not surely better than {nobody[nothing]}: difference {paired.rmse_difference:+.3f}, "
        f"95 % interval {interval.low:+.3f} to {interval.high:+.3f}"
    )


def _worse_groups(ours: pd.DataFrame, theirs: pd.DataFrame, rules: Rules) -> tuple[str, ...]:
    """Groups in which the challenger is worse by more than the tolerance, and by more than chance among its people gives."""
    worse = []
    banded = with_band(ours)
    for column in (name for name in GROUPINGS if name in banded):
        for name, group in banded.groupby(column, sort=True, observed=True):
            n_people = person_of(group).nunique()
            if len(group) < FEWEST_SECONDS or n_people < FEWEST_PEOPLE_IN_GROUP:
                continue
            paired = _compare(group, theirs.loc[group.index], rules)
            low, high = paired.rmse_difference_interval.low, paired.rmse_difference_interval.high
            if paired.rmse_difference > rules.group_tolerance_percent and low > 0:
                here = score(group["true_percent"], group["predicted_percent"]).rmse
                figures = f"{here:.2f} against {here - paired.rmse_difference:.2f}"
                worse.append(f"{column} {name}: {figures} ({n_people} people, {low:+.2f} to {high:+.2f})")
    return tuple(worse)


def _finite(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if np.isfinite(value) else None
