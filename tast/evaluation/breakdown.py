"""The same scores at every level and in every group: seconds, recordings and people; by who, what, where and how well seen.

A group's intervals are over its people, so that one person has none.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from tast.evaluation.agreement import agreement, agreement_of_repeated
from tast.evaluation.clinical import a_rms
from tast.evaluation.metrics import Interval, bootstrap_intervals, mean_with_interval, score
from tast.evaluation.predictions import covered
from tast.people import person_of, recording_of

UNKNOWN = "unknown"
MOTION = {  # what a scenario of the data sets asks of the head; of PhysDrive's drivers and of others nothing is known
    **dict.fromkeys(("steady", "stable", "bright", "dark", "long_distance"), "still"),
    "talking": "talking", "exercise": "after exercise", "phone_stable": "phone in hand",
    **dict.fromkeys(("slow_translation", "fast_translation", "small_rotation", "medium_rotation", "motion"), "head moves"),
    "phone_motion": "head moves",
    **dict.fromkeys(("before_squats", "rest_morning", "rest_afternoon", "sitting", "standing"), "still"),
    **dict.fromkeys(("sitting_care", "standing_care"), "head moves"),  # people brush their teeth and comb their hair
    **dict.fromkeys(("after_squats", "after_stairs", "after_stairs_oxygen", "after_exercise"), "after exercise"),
}  # fmt: skip
WITH_INTERVALS = ("rmse", "mae", "pearson_r", "bias")


def levels(rows: pd.DataFrame, *, draws: int, seed: int) -> dict[str, dict[str, Any]]:
    """Scores of all `seconds`, of the means of `recordings` and of the means of `people`, with 95 % intervals over people.

    limit_low, limit_high: of agreement, with repeats (Bland & Altman 2007) where a person has several; each as if independent
    where nobody has. a_rms: of those whose true mean is 70 to 100 %.
    """
    tables = {"seconds": rows.assign(person=person_of(rows))}
    for name, key in {"recordings": recording_of(rows), "people": person_of(rows)}.items():
        means = rows.assign(person=person_of(rows)).groupby(key, sort=True)
        tables[name] = means.agg({"true_percent": "mean", "predicted_percent": "mean", "person": "first"})
    return {name: _level(table, draws, seed) for name, table in tables.items()}


def _level(table: pd.DataFrame, draws: int, seed: int) -> dict[str, Any]:
    true, predicted, people = table["true_percent"], table["predicted_percent"], table["person"]
    error = predicted - true
    limits = agreement_of_repeated(error, people) if people.duplicated().any() else agreement(error)
    return (
        asdict(score(true, predicted))
        | {"limit_low": limits.limit_low, "limit_high": limits.limit_high, "a_rms": a_rms(true, predicted), "n": len(table)}
        | {"intervals": _intervals(true, predicted, people, draws, seed)}
    )


def grouped(rows: pd.DataFrame, column: str, *, draws: int, seed: int) -> list[dict[str, Any]]:
    """One entry for each group of a column: name, counts, range of the truth, scores, a_rms, and intervals over its people.

    coverage: share of its seconds that the interval around the predictions holds. Sorted by the column; seconds whose value is
    not known make a group of their own, the last. Empty where the rows have no such column.
    """
    if column not in rows:
        return []
    known = rows[column].dropna()
    names = list(known.cat.categories) if isinstance(known.dtype, pd.CategoricalDtype) else sorted(known.unique())
    parts = [(str(name), rows[rows[column] == name]) for name in names] + [(UNKNOWN, rows[rows[column].isna()])]
    return [_group(name, part, draws, seed) for name, part in parts if len(part)]


def _group(name: str, rows: pd.DataFrame, draws: int, seed: int) -> dict[str, Any]:
    true, predicted, people = rows["true_percent"], rows["predicted_percent"], person_of(rows)
    coverage, of_coverage = mean_with_interval(covered(rows), people, draws=draws, seed=seed)
    return (
        {"name": name, "n_people": people.nunique(), "n_recordings": recording_of(rows).nunique(), "n_seconds": len(rows)}
        | {"true_min": true.min(), "true_mean": true.mean(), "true_max": true.max()}
        | asdict(score(true, predicted))
        | {"a_rms": a_rms(true, predicted), "coverage": coverage}
        | {"intervals": _intervals(true, predicted, people, draws, seed) | {"coverage": asdict(of_coverage)}}
    )


def _intervals(true: pd.Series, predicted: pd.Series, people: pd.Series, draws: int, seed: int) -> dict[str, Any]:
    if people.nunique() < 2:  # hundreds of recordings have one person each: nothing is drawn for them
        return {name: asdict(Interval(float("nan"), float("nan"))) for name in WITH_INTERVALS}
    found = bootstrap_intervals(true, predicted, people, draws=draws, seed=seed)
    return {name: asdict(found[name]) for name in WITH_INTERVALS}


def with_groups(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, plus what they are broken down by: person, recording, motion, quality_third.

    motion: of MOTION, None for a scenario that is not there. quality_third: low, middle and high of the seconds whose quality is
    known, with the range that each holds; equal qualities lie in one, so that there may be fewer.
    """
    return rows.assign(
        person=person_of(rows), recording=recording_of(rows), motion=rows["scenario"].map(MOTION),
        quality_third=_thirds(rows["quality"]),
    )  # fmt: skip


def _thirds(quality: pd.Series) -> pd.Series:
    known = quality.dropna()
    if known.empty:
        return pd.Series([None] * len(quality), index=quality.index, dtype=object)
    edges = np.unique(np.quantile(known, [0, 1 / 3, 2 / 3, 1]))
    place = np.clip(np.searchsorted(edges, known, side="left") - 1, 0, max(len(edges) - 2, 0))
    parts = known.groupby(place)
    names = [f"{part.min():.2f} to {part.max():.2f}" for _, part in parts]
    return pd.Series(pd.Categorical.from_codes(parts.ngroup(), names, ordered=True), index=known.index).reindex(quality.index)
