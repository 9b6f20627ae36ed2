"""From a table of predictions to metrics.json: the network beside the constant predictor and the colour ratios.

What is scored: every labelled second of every test clip counts once. Clips overlap, so a second of a recording counts once for
each clip that holds it. Each method is scored on exactly the same seconds.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tast.errors import BadInput, TastError
from tast.evaluation.agreement import agreement_of_repeated
from tast.evaluation.metrics import band_names, band_of, bootstrap_intervals, compare_paired, detect_hypoxia, score
from tast.files import whole_file

PREDICTION_COLUMNS = ("dataset", "subject_id", "record_id", "clip_id", "second", "true_percent", "predicted_percent")
KEY = ["clip_id", "second"]
DECIMALS = 6  # of a percent: far below any meaning, above the noise of the last bit


def read_predictions(path: Path) -> pd.DataFrame:
    """predictions.parquet: one row per clip and second; `second` counts from 0 within the clip.

    Raises BadInput where a column is missing or a (clip_id, second) occurs twice.
    """
    try:
        table = pd.read_parquet(path)
    except FileNotFoundError:
        raise BadInput(path, "no such file", "a table of predictions (run `dvc repro evaluate`)") from None
    missing = [column for column in PREDICTION_COLUMNS if column not in table.columns]
    if missing:
        raise BadInput(path, f"no column {', '.join(missing)}", f"the columns {', '.join(PREDICTION_COLUMNS)}")
    if table.duplicated(KEY).any():
        raise BadInput(path, "the same clip and second twice", "one row per clip and second")
    return table


def with_clip_facts(predictions: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """The predictions, plus what the clip manifest knows: `scenario`, and `time_s`, the middle of the second in its recording."""
    facts = manifest.set_index("clip_id").loc[predictions["clip_id"], ["scenario", "start_s"]]
    time_s = facts["start_s"].to_numpy(dtype=np.float64) + predictions["second"].to_numpy(dtype=np.float64) + 0.5
    return predictions.assign(scenario=facts["scenario"].to_numpy(), time_s=time_s)


def labelled(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows that can be scored, in a fixed order; a prediction that is not finite is an error and not a row less."""
    broken = predictions.loc[~np.isfinite(predictions["predicted_percent"]), "clip_id"]
    if len(broken):
        raise TastError(f"{len(broken)} predictions are not finite, the first of clip {broken.iloc[0]}")
    rows = predictions.loc[np.isfinite(predictions["true_percent"])].sort_values(KEY, ignore_index=True)
    if rows.empty:
        raise TastError("no second of the test clips has a label: nothing to evaluate")
    return rows


def evaluate(
    predictions: pd.DataFrame,
    *,
    protocol: str,
    train_mean_percent: float,
    baselines: Mapping[str, pd.DataFrame],
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """The content of metrics.json.

    predictions: PREDICTION_COLUMNS of the test clips, with `scenario` where with_clip_facts added it.
    train_mean_percent: the mean label of the training clips, which the constant predictor says for ever.
    baselines: name of a ratio -> table of clip_id, second, predicted_percent for the same seconds; where
    a method says nothing (NaN) it is given the constant, and `n_abstained` counts that.
    """
    rows = labelled(predictions)
    constant = np.full(len(rows), float(train_mean_percent))
    said = {"test": rows["predicted_percent"].to_numpy(dtype=np.float64), "constant": constant}
    abstained = {}
    for name, table in baselines.items():
        said[name], abstained[name] = _on_the_same_seconds(rows, table, name, train_mean_percent)
    metrics: dict[str, Any] = {name: _section(rows, values, constant, draws=draws, seed=seed) for name, values in said.items()}
    for name, count in abstained.items():
        metrics[name]["n_abstained"] = count
    metrics["test"] |= _counts(rows) | _depth(rows)
    metrics["test"]["against"] = {
        name: asdict(compare_paired(rows["true_percent"], said["test"], said[name], rows["subject_id"], draws=draws, seed=seed))
        for name in said
        if name != "test"
    }
    return metrics | {"protocol": protocol, "train_mean_percent": float(train_mean_percent), "test_digest": digest_of_test(rows)}


def scores_by(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Scores of each group of a column (`subject_id`, `record_id`, `scenario`, `band`): one row per group, sorted by it."""
    groups = []
    for name, group in rows.groupby(column, sort=True, observed=True):
        truth = group["true_percent"]
        numbers = {"n_seconds": len(group), "true_min": truth.min(), "true_mean": truth.mean(), "true_max": truth.max()}
        groups.append({column: name} | numbers | asdict(score(truth, group["predicted_percent"])))
    return pd.DataFrame(groups)


def with_band(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, plus `band`: the band of true SpO2 that a second lies in, as an ordered category."""
    names = band_names()
    return rows.assign(band=pd.Categorical.from_codes(band_of(rows["true_percent"]), categories=list(names), ordered=True))


def digest_of_test(predictions: pd.DataFrame) -> str:
    """sha256 of which seconds of which clips were tested, with which labels; the same for every method on the same test set."""
    rows = labelled(predictions)
    keys = zip(rows["dataset"], rows["clip_id"], rows["second"], rows["true_percent"], strict=True)
    text = "\n".join(f"{dataset}\t{clip_id}\t{second}\t{true:.6f}" for dataset, clip_id, second, true in keys)
    return hashlib.sha256(text.encode()).hexdigest()


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write JSON with sorted keys and rounded numbers, NaN as null; the file is whole or not there."""
    with whole_file(path) as part:
        part.write_text(json.dumps(plain(metrics), indent=2, sort_keys=True, allow_nan=False) + "\n")


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
    unknown = joined.loc[joined["_merge"] != "both", "clip_id"]
    if len(unknown):
        raise TastError(f"{name} says nothing about {len(unknown)} test seconds, the first of clip {unknown.iloc[0]}")
    values = joined["predicted_percent"].to_numpy(dtype=np.float64)
    silent = ~np.isfinite(values)
    return np.where(silent, train_mean_percent, values), int(silent.sum())


def _section(rows: pd.DataFrame, values: np.ndarray, constant: np.ndarray, *, draws: int, seed: int) -> dict[str, Any]:
    truth, subjects = rows["true_percent"], rows["subject_id"]
    against_constant = compare_paired(truth, values, constant, subjects, draws=draws, seed=seed)
    intervals = bootstrap_intervals(truth, values, subjects, draws=draws, seed=seed) | {"skill": against_constant.skill_interval}
    return asdict(score(truth, values)) | {
        "skill": against_constant.skill,
        "intervals": {name: asdict(interval) for name, interval in intervals.items()},
    }


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    counted = {"n_clips": "clip_id", "n_subjects": "subject_id", "n_records": "record_id"}
    return {name: int(rows[column].nunique()) for name, column in counted.items()} | {"n_seconds": len(rows)}


def _depth(rows: pd.DataFrame) -> dict[str, Any]:
    """What one number hides: agreement with repeats, clip means, hypoxia, bands of SpO2, scenarios."""
    error = rows["predicted_percent"] - rows["true_percent"]
    clip_means = rows.groupby("clip_id", sort=True)[["true_percent", "predicted_percent"]].mean()
    depth = {
        "agreement_of_repeated": asdict(agreement_of_repeated(error, rows["subject_id"])),
        "clip_means": asdict(score(clip_means["true_percent"], clip_means["predicted_percent"])),
        "hypoxia": asdict(detect_hypoxia(rows["true_percent"], rows["predicted_percent"])),
        "bands": _grouped(with_band(rows), "band"),
    }
    return depth | ({"scenarios": _grouped(rows, "scenario")} if "scenario" in rows.columns else {})


def _grouped(rows: pd.DataFrame, column: str) -> dict[str, dict[str, float]]:
    table = scores_by(rows, column).astype({column: str}).set_index(column)
    return table[["n_seconds", "rmse", "mae", "bias"]].to_dict(orient="index")
