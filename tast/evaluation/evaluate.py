"""From the predictions table to scores.json: the network beside the constant predictor and the colour ratios.

What is scored: every labelled second of every test recording counts once, with what a user would have been given for it, and each
method is scored on exactly the same seconds. A person is dataset/subject_id.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tast.errors import TastError
from tast.evaluation.agreement import agreement_of_repeated
from tast.evaluation.anchored import anchored_predictions
from tast.evaluation.breakdown import grouped, levels, with_groups
from tast.evaluation.clinical import a_rms_by_band, hypoxia_auc, hypoxia_intervals
from tast.evaluation.metrics import (
    band_names,
    band_of,
    bootstrap_intervals,
    compare_paired,
    correlation_within,
    detect_hypoxia,
    mean_with_interval,
    score,
)
from tast.evaluation.predictions import covered, digest_of_test, labelled
from tast.evaluation.refusal import risk_coverage
from tast.evaluation.skin import bias_by_skin
from tast.evaluation.trend import lag_within_recordings, sign_agreement
from tast.files import whole_file
from tast.people import person_of, recording_of
from tast.seconds import KEY, SPOT, is_spot
from tast.training.anchored_interval import AnchoredInterval

BREAKDOWN = {  # name in scores.json -> column of the rows
    "person": "person", "scenario": "scenario", "motion": "motion", "camera": "camera", "skin_type": "skin_type",
    "codec": "codec", "quality": "quality_third", "band": "band",
}  # fmt: skip
DECIMALS = 6  # of a percent: far below any meaning, above the noise of the last bit


def evaluate(
    predictions: pd.DataFrame,
    *,
    protocol: str,
    train_mean_percent: float,
    baselines: Mapping[str, pd.DataFrame],
    n_clips: int,
    nominal_coverage: float | None,
    draws: int,
    seed: int,
    anchored_interval: AnchoredInterval | None = None,
) -> dict[str, Any]:
    """The content of scores.json.

    predictions: the table of tast.evaluation.predictions, with columns `camera` and `skin_type` where these are known (NaN for
    some rows, or absent). train_mean_percent: the mean label of the training seconds, which the constant predictor gives for all.
    baselines: name of a ratio -> table of KEY and predicted_percent for the same seconds; where a method has no value (NaN) it is
    given the constant, and `n_abstained` counts that. n_clips: of how many clips the table is.
    nominal_coverage: the share of seconds that the table's interval is to hold; None where the model has no interval.
    anchored_interval: that of the model's card for anchored predictions.
    """
    rows = labelled(predictions)
    constant = np.full(len(rows), float(train_mean_percent))
    predicted = {"test": rows["predicted_percent"].to_numpy(dtype=np.float64), "constant": constant}
    abstained = {}
    for name, table in baselines.items():
        predicted[name], abstained[name] = _on_the_same_seconds(rows, table, name, train_mean_percent)
    metrics: dict[str, Any] = {
        name: _section(rows, values, constant, draws=draws, seed=seed) for name, values in predicted.items()
    }
    for name, count in abstained.items():
        metrics[name]["n_abstained"] = count
    metrics["test"] |= _counts(rows) | {"n_clips": n_clips} | _depth(rows, draws=draws, seed=seed)
    metrics["test"]["interval"] = interval_facts(rows, nominal_coverage, draws=draws, seed=seed)
    metrics["test"]["against"] = {
        name: asdict(
            compare_paired(rows["true_percent"], predicted["test"], predicted[name], person_of(rows), draws=draws, seed=seed)
        )
        for name in predicted
        if name != "test"
    }
    metrics["anchored"] = anchored_facts(
        anchored_predictions(predictions, anchored_interval), train_mean_percent=train_mean_percent,
        nominal_coverage=None if anchored_interval is None else anchored_interval.coverage, draws=draws, seed=seed,
    )  # fmt: skip
    return metrics | {"protocol": protocol, "train_mean_percent": float(train_mean_percent), "test_digest": digest_of_test(rows)}


def interval_facts(rows: pd.DataFrame, nominal_coverage: float | None, *, draws: int, seed: int) -> dict[str, Any]:
    """What the interval around the predictions is worth on people that it was not made from.

    nominal_coverage: what it promises. coverage: share of the seconds whose true SpO2 it holds; width_percent: mean from end to
    end; both with 95 % intervals over people, for all seconds and in each of `bands`. worst_person: whose seconds it holds least
    often, of worst_n_seconds. All None where the model has no interval.
    """
    facts: dict[str, Any] = {"nominal_coverage": nominal_coverage} | _coverage(rows, draws=draws, seed=seed)
    facts["bands"] = {
        str(name): {"n_people": person_of(band).nunique(), "n_seconds": len(band)} | _coverage(band, draws=draws, seed=seed)
        for name, band in with_band(rows).groupby("band", sort=True, observed=True)
    }
    by_person = covered(rows).groupby(person_of(rows)).agg(["mean", "size"])
    known = by_person[by_person["mean"].notna()]
    worst = known["mean"].idxmin() if len(known) else None
    return facts | {
        "worst_person": worst,
        "worst_coverage": None if worst is None else known.loc[worst, "mean"],
        "worst_n_seconds": None if worst is None else int(known.loc[worst, "size"]),
    }


def anchored_facts(
    rows: pd.DataFrame, *, train_mean_percent: float, nominal_coverage: float | None, draws: int, seed: int
) -> dict[str, Any] | None:
    """How well a recording is read whose first seconds are known (tast.evaluation.anchored), on the seconds after these.

    test: the model, anchored; stays: who says that SpO2 is what it was; constant: the training mean, anchored by nothing.
    against: what the model gains over these two, paired. None where no recording is longer than an anchor.
    """
    if rows.empty:
        return None
    constant = np.full(len(rows), float(train_mean_percent))
    others = {"stays": rows["stays_percent"].to_numpy(dtype=np.float64), "constant": constant}
    predicted = {"test": rows["predicted_percent"].to_numpy(dtype=np.float64), **others}
    facts: dict[str, Any] = {name: _section(rows, values, constant, draws=draws, seed=seed) for name, values in predicted.items()}
    facts["test"] |= _counts(rows) | {"interval": interval_facts(rows, nominal_coverage, draws=draws, seed=seed)}
    facts["against"] = {
        name: asdict(compare_paired(rows["true_percent"], predicted["test"], values, person_of(rows), draws=draws, seed=seed))
        for name, values in others.items()
    }
    return facts


def spot_facts(rows: pd.DataFrame) -> dict[str, Any]:
    """How much of the test has one reading for a whole recording: it counts for the level of SpO2, never for a trend or R within
    recordings. sd_percent: the mean uncertainty of those labels (1 SD), below which no error means anything; None without any.
    """
    spots = rows[is_spot(rows)]
    return {
        "n_records": recording_of(spots).nunique(), "n_seconds": len(spots),
        "sd_percent": spots[SPOT].mean() if len(spots) else None,
    }  # fmt: skip


def with_band(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, plus `band`: the band of true SpO2 that a second lies in, as an ordered category."""
    names = band_names()
    return rows.assign(band=pd.Categorical.from_codes(band_of(rows["true_percent"]), categories=list(names), ordered=True))


def write_json(path: Path, content: Mapping[str, Any] | Sequence[Any], *, sort_keys: bool = True) -> None:
    """Write JSON with rounded numbers, NaN as null; the file is whole or not there."""
    with whole_file(path) as part:
        part.write_text(json.dumps(plain(content), indent=2, sort_keys=sort_keys, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numpy scalars as Python's, numbers rounded, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return (round(value, DECIMALS) + 0.0) if math.isfinite(value) else None  # + 0.0: no -0.0
    return value


def _on_the_same_seconds(rows: pd.DataFrame, table: pd.DataFrame, name: str, train_mean_percent: float) -> tuple[np.ndarray, int]:
    joined = rows[KEY].merge(table[[*KEY, "predicted_percent"]], on=KEY, how="left", validate="one_to_one", indicator=True)
    unknown = recording_of(joined[joined["_merge"] != "both"])
    if len(unknown):
        raise TastError(f"{name} says nothing about {len(unknown)} test seconds, the first of recording {unknown.iloc[0]}")
    values = joined["predicted_percent"].to_numpy(dtype=np.float64)
    silent = ~np.isfinite(values)
    return np.where(silent, train_mean_percent, values), int(silent.sum())


def _section(rows: pd.DataFrame, values: np.ndarray, constant: np.ndarray, *, draws: int, seed: int) -> dict[str, Any]:
    truth, people = rows["true_percent"], person_of(rows)
    against_constant = compare_paired(truth, values, constant, people, draws=draws, seed=seed)
    intervals = bootstrap_intervals(truth, values, people, draws=draws, seed=seed) | {"skill": against_constant.skill_interval}
    within = {}
    followed = ~is_spot(rows)
    for name, group, of in (("r_within_recordings", recording_of(rows), followed), ("r_within_people", people, slice(None))):
        within[name], intervals[name] = correlation_within(
            truth[of], values[of], group[of], people[of], draws=draws, seed=seed
        )  # fmt: skip
    return (
        asdict(score(truth, values))
        | within
        | {
            "skill": against_constant.skill,
            "intervals": {name: asdict(interval) for name, interval in intervals.items()},
        }
    )


def _coverage(rows: pd.DataFrame, *, draws: int, seed: int) -> dict[str, Any]:
    means: dict[str, Any] = {}
    intervals = {}
    for name, values in {"coverage": covered(rows), "width_percent": rows["upper_percent"] - rows["lower_percent"]}.items():
        means[name], intervals[name] = mean_with_interval(values, person_of(rows), draws=draws, seed=seed)
    return means | {"intervals": {name: asdict(interval) for name, interval in intervals.items()}}


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    return {"n_subjects": person_of(rows).nunique(), "n_records": recording_of(rows).nunique(), "n_seconds": len(rows)}


def _depth(rows: pd.DataFrame, *, draws: int, seed: int) -> dict[str, Any]:
    """What one number hides: repeats, levels, trend, hypoxia, A_rms, skin, what refusing is worth, and every group."""
    people = person_of(rows)
    true, predicted = rows["true_percent"], rows["predicted_percent"]
    error = predicted - true
    means = rows.groupby(recording_of(rows), sort=True)[["true_percent", "predicted_percent"]].mean()
    named = with_groups(with_band(rows))
    differ = rows["quality"].nunique() > 1  # or no second is worse than another, and there is nothing to refuse by
    breakdown = {name: grouped(named, column, draws=draws, seed=seed) for name, column in BREAKDOWN.items()}
    return {
        "agreement_of_repeated": asdict(agreement_of_repeated(error, people)),
        "record_means": asdict(score(means["true_percent"], means["predicted_percent"])),
        "levels": levels(rows, draws=draws, seed=seed),
        "spot_readings": spot_facts(rows),
        "trend": {
            "sign": asdict(sign_agreement(rows, draws=draws, seed=seed)),
            "lag": asdict(lag_within_recordings(rows, draws=draws, seed=seed)),
        },
        "hypoxia": asdict(detect_hypoxia(true, predicted))
        | {"auc": hypoxia_auc(true, predicted)}
        | {
            "intervals": {
                name: asdict(one) for name, one in hypoxia_intervals(true, predicted, people, draws=draws, seed=seed).items()
            }
        },
        "a_rms": {
            f"{one.low_percent:g}-{one.high_percent:g}": asdict(one)
            for one in a_rms_by_band(true, predicted, people, draws=draws, seed=seed)
        },
        "skin": asdict(bias_by_skin(rows, draws=draws, seed=seed)),
        "refusal": asdict(risk_coverage(error, rows["quality"], people, draws=draws, seed=seed)) if differ else None,
        "bands": _in_short(breakdown["band"]),
        "scenarios": _in_short(breakdown["scenario"]),
        "breakdown": breakdown,
    }


def _in_short(groups: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    return {one["name"]: {name: one[name] for name in ("n_seconds", "rmse", "mae", "bias")} for one in groups}
