"""The few figures that a table of experiments has a column for, and the points that its diagrams are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tast.evaluation.agreement import agreement, agreement_of_repeated
from tast.people import person_of, recording_of
from tast.training.interval import around

MOST_POINTS = 2000  # of a diagram: more hide each other, and a page of several experiments would not scroll
DECIMALS = 4


def headline(scores: Mapping[str, Any]) -> dict[str, float | None]:
    """Six figures of what evaluate gives: RMSE and MAE (% SpO2), R, skill, the share of seconds that the interval holds, and the
    RMSE from a recording's first seconds on, these known (`anchored`); null where one cannot be had."""
    test, anchored = scores["test"], scores["anchored"]
    return {
        "rmse": test["rmse"],
        "mae": test["mae"],
        "r": test["pearson_r"],
        "skill": test["skill"],
        "coverage": test["interval"]["coverage"],
        "anchored_rmse": anchored["test"]["rmse"] if anchored else None,
    }


def plot_data(
    rows: pd.DataFrame, half_widths_percent: Mapping[float, float], *, lowest_percent: float, highest_percent: float
) -> dict[str, list[dict[str, Any]]]:
    """Diagram -> its points, one mapping each: predictions, agreement (Bland-Altman) and calibration of the interval.

    rows: labelled seconds of the predictions table, of which at most MOST_POINTS are drawn. half_widths_percent: coverage that an
    interval promises -> its half width; empty where the model has none. lowest_percent, highest_percent: what the model can give.
    """
    true, predicted = (rows[name].to_numpy(np.float64) for name in ("true_percent", "predicted_percent"))
    repeated = agreement_of_repeated(predicted - true, person_of(rows))
    found = repeated if np.isfinite(repeated.limit_low) else agreement(predicted - true)  # of one person
    points = pd.DataFrame(
        {"true_percent": true, "predicted_percent": predicted, "mean_percent": (true + predicted) / 2,
         "error_percent": predicted - true, "bias": found.bias, "limit_low": found.limit_low, "limit_high": found.limit_high,
         "recording": recording_of(rows).to_numpy(), "second": rows["second"].to_numpy()},
    ).round(DECIMALS)  # fmt: skip
    shown = points.iloc[np.unique(np.linspace(0, len(points) - 1, MOST_POINTS).astype(int))]
    calibration = []
    for promised, half_width in half_widths_percent.items():
        lower, upper = around(predicted, half_width, lowest_percent, highest_percent)
        held = float(np.mean((lower <= true) & (true <= upper)))
        calibration.append(
            {"promised": promised, "held": round(held, DECIMALS), "half_width_percent": round(half_width, DECIMALS)}
        )
    return {
        "predictions": _records(shown[["true_percent", "predicted_percent", "recording", "second"]]),
        "agreement": _records(shown[["mean_percent", "error_percent", "bias", "limit_low", "limit_high", "recording", "second"]]),
        "calibration": calibration,
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Without what is no number: JSON has no name for it."""
    return [{str(k): v for k, v in row.items() if v == v} for row in table.to_dict("records")]
