"""Which of all scores stand in a run of MLflow's, by names that its page groups at the slash; the rest is in scores.json.

With the curves of a training and what MLflow samples of a machine with one GPU, a run has no more than 40 metrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tast.evaluation.predictions import covered, labelled
from tast.people import person_of, recording_of

TEST_RMSE = "test/rmse"
FIGURES = {  # metric -> its place in what evaluate gives
    TEST_RMSE: "test.rmse",
    "test/rmse_low": "test.intervals.rmse.low",  # 95 %, over people
    "test/rmse_high": "test.intervals.rmse.high",
    "test/mae": "test.mae",
    "test/bias": "test.bias",
    "test/pearson_r": "test.pearson_r",
    "test/r_within_people": "test.r_within_people",
    "test/slope": "test.slope",
    "test/skill": "test.skill",
    "test/coverage": "test.interval.coverage",
    "test/interval_width_percent": "test.interval.width_percent",
    "test/a_rms": "test.a_rms.70-100.a_rms",
    "test/hypoxia_auc": "test.hypoxia.auc",
    "test/n_seconds": "test.n_seconds",
    "test/n_subjects": "test.n_subjects",
    "anchored/rmse": "anchored.test.rmse",
    "anchored/pearson_r": "anchored.test.pearson_r",
    "anchored/coverage": "anchored.test.interval.coverage",
    "anchored/stays_rmse": "anchored.stays.rmse",
    "constant/rmse": "constant.rmse",
    "ratio_of_ratios/rmse": "ratio_of_ratios.rmse",
    "chrominance/rmse": "chrominance.rmse",
    "chrominance_angle/rmse": "chrominance_angle.rmse",
}
CURVES = {  # column of the learning curve -> metric
    "train_loss": "training/loss",
    "learning_rate": "training/learning_rate",
    "val_loss": "validation/loss",
    "val_rmse_percent": "validation/rmse",
}
NO_SCORES = ("training/", "validation/", "system/")
OF_ONE_RUN = ("_low", "_high")  # ends of its own interval


def figures(scores: Mapping[str, Any]) -> dict[str, float]:
    """Metric -> value, of what evaluate gives; without those that cannot be had."""
    found = {name: value_at(scores, place) for name, place in FIGURES.items()}
    return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}


def value_at(scores: Mapping[str, Any], place: str) -> float | None:
    """The number at a dotted place of nested mappings; None where there is none."""
    found: Any = scores
    for part in place.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def by_recording(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per test recording, the worst first: whose, true and predicted SpO2 (%), errors (points), share that the interval
    holds."""
    rows = labelled(predictions)
    error = rows["predicted_percent"] - rows["true_percent"]
    seconds = rows.assign(
        recording=recording_of(rows), person=person_of(rows), error=error, absolute=error.abs(), squared=error**2,
        held=covered(rows),
    )  # fmt: skip
    table = seconds.groupby(["recording", "person", "scenario"], as_index=False).agg(
        seconds=("second", "size"), true_percent=("true_percent", "mean"), predicted_percent=("predicted_percent", "mean"),
        rmse=("squared", "mean"), mae=("absolute", "mean"), bias=("error", "mean"), coverage=("held", "mean"),
    )  # fmt: skip
    return table.assign(rmse=np.sqrt(table["rmse"])).round(3).sort_values("rmse", ascending=False, ignore_index=True)


def is_score(metric: str) -> bool:
    """Whether a mean over folds says something: not of counts, curves, intervals and what was sampled of the machine."""
    method, _, score = metric.partition("/")
    counted = score.startswith("n_") or score.endswith(OF_ONE_RUN)
    return bool(method and score) and "/" not in score and not counted and not metric.startswith(NO_SCORES)
