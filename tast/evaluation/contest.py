"""A challenger against the champion on the same seconds: better by a margin, surely so, and nowhere much worse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tast.errors import TastError
from tast.evaluation.evaluate import scores_by, with_band
from tast.evaluation.metrics import compare_paired, score
from tast.people import person_of
from tast.seconds import KEY

GROUPINGS = ("scenario", "band")  # columns of the table that subgroups are made of
FEWEST_SECONDS = 20  # a smaller group says nothing about a model


@dataclass(frozen=True)
class Rules:
    """When a challenger wins.

    margin_percent: by how much its RMSE must be lower, in points of SpO2. confidence: share of paired bootstrap draws of whole
    subjects in which it must be lower. group_tolerance_percent: how much worse its RMSE may be in any scenario or band of SpO2.
    draws, seed: of the bootstrap.
    """

    margin_percent: float
    confidence: float
    group_tolerance_percent: float
    draws: int
    seed: int


@dataclass(frozen=True)
class Verdict:
    """RMSE in percent SpO2; difference: challenger - champion, with its 95 % interval; None where there was no champion.

    worse_groups: "band 75-80: 3.10 against 2.00" for each beyond the tolerance. reason: why it wins or not, without names.
    """

    wins: bool
    reason: str
    challenger_rmse: float
    champion_rmse: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    probability_better: float | None = None
    worse_groups: tuple[str, ...] = ()


def judge(challenger: pd.DataFrame, champion: pd.DataFrame | None, rules: Rules) -> Verdict:
    """Tables of labelled seconds, as from tast.evaluation.predictions.labelled; champion None: there is none to beat.

    Raises TastError where the two are not of the same seconds with the same labels.
    """
    own = score(challenger["true_percent"], challenger["predicted_percent"]).rmse
    if champion is None:
        return Verdict(True, "there was no champion", own)
    challenger, champion = challenger.sort_values(KEY, ignore_index=True), champion.sort_values(KEY, ignore_index=True)
    if not challenger[[*KEY, "true_percent"]].equals(champion[[*KEY, "true_percent"]]):
        raise TastError("not comparable: challenger and champion were not scored on the same seconds with the same labels")
    paired = compare_paired(
        challenger["true_percent"], challenger["predicted_percent"], champion["predicted_percent"], person_of(challenger),
        draws=rules.draws, seed=rules.seed,
    )  # fmt: skip
    worse = _worse_groups(challenger, champion, rules.group_tolerance_percent)
    objection = _objection(-paired.rmse_difference, paired.probability_better, worse, rules)
    return Verdict(
        wins=not objection,
        reason=objection or f"better in {paired.probability_better:.0%} of resampled subjects",
        challenger_rmse=own,
        champion_rmse=own - paired.rmse_difference,
        difference_low=_finite(paired.rmse_difference_interval.low),
        difference_high=_finite(paired.rmse_difference_interval.high),
        probability_better=_finite(paired.probability_better),
        worse_groups=worse,
    )


def _objection(gain: float, probability_better: float, worse: tuple[str, ...], rules: Rules) -> str:
    """Why the challenger does not win; empty where nothing speaks against it."""
    if gain <= 0 or gain < rules.margin_percent:
        return f"the gain of {gain:.3f} is not above the margin of {rules.margin_percent:g}"
    if np.isfinite(probability_better) and probability_better < rules.confidence:
        return f"better in only {probability_better:.0%} of resampled subjects, {rules.confidence:.0%} asked for"
    if worse:
        return f"worse by more than {rules.group_tolerance_percent:g} in {'; '.join(worse)}"
    return ""


def _worse_groups(challenger: pd.DataFrame, champion: pd.DataFrame, tolerance_percent: float) -> tuple[str, ...]:
    worse = []
    for column in GROUPINGS:
        if column == "scenario" and column not in challenger:
            continue
        here, there = (scores_by(with_band(rows), column).set_index(column) for rows in (challenger, champion))
        for name in here.index[here["n_seconds"] >= FEWEST_SECONDS]:
            ours, theirs = float(here.loc[name, "rmse"]), float(there.loc[name, "rmse"])
            if ours - theirs > tolerance_percent:
                worse.append(f"{column} {name}: {ours:.2f} against {theirs:.2f}")
    return tuple(worse)


def _finite(value: float) -> float | None:
    """JSON knows no NaN: the interval of a single subject is none."""
    return value if np.isfinite(value) else None
