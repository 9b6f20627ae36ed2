"""The rows of one method: the scores that every table shows, hypoxia among them, and how they stand to a published figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from benchmarks.results import Row
from tast.evaluation.metrics import HYPOXIA_PERCENT, detect_hypoxia, score


@dataclass(frozen=True)
class Published:
    """What a paper reports on the same data: mae in percent SpO2, sensitivity and specificity of SpO2 below HYPOXIA_PERCENT."""

    paper: str
    mae_percent: float
    sensitivity: float
    specificity: float


HOFFMAN_2022 = Published("CNN of Hoffman et al. 2022", mae_percent=5.00, sensitivity=0.81, specificity=0.79)


def method_rows(
    name: str, true_percent: npt.ArrayLike, said_percent: npt.ArrayLike, published: Published, *, is_ours: bool = False
) -> list[Row]:
    """RMSE, MAE, R, bias, sensitivity and specificity of (N,) predictions; is_ours: its published figures are bars to reach.

    Where all values are one, R is not defined and has no row.
    """
    scores, hypoxia = score(true_percent, said_percent), detect_hypoxia(true_percent, said_percent)
    aim, below = 1.0 if is_ours else None, f"SpO2 < {HYPOXIA_PERCENT:g} %"
    rows = [
        Row(f"{name}: RMSE", scores.rmse, "% SpO2", better="lower"),
        Row(f"{name}: MAE", scores.mae, "% SpO2", published.paper, scores.mae / published.mae_percent, better="lower", aim=aim),
        Row(f"{name}: R", scores.pearson_r, "1"),
        Row(f"{name}: bias", scores.bias, "% SpO2", better="lower"),
    ]
    for what, reached, reported in (
        ("sensitivity", hypoxia.sensitivity, published.sensitivity),
        ("specificity", hypoxia.specificity, published.specificity),
    ):
        rows.append(Row(f"{name}: {what}, {below}", reached, "1", published.paper, reached / reported, aim=aim))
    return [row for row in rows if row.value == row.value]
