"""What a run ends with: the table of scores and where to look."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table

from flows.layout import METRICS, REPORT

ROWS = {
    "test": "TAST-Net",
    "ratio_of_ratios": "ratio of ratios",
    "chrominance": "chrominance ratio",
    "chrominance_angle": "chrominance angle",
    "constant": "constant predictor",
}
COLUMNS = {"rmse": "RMSE (% SpO2)", "mae": "MAE (% SpO2)", "pearson_r": "R"}


def score_table(metrics: dict[str, dict[str, float]]) -> Table:
    """Rows: the network beside its baselines. Columns: RMSE, MAE and Pearson's R on the test set."""
    table = Table("", *COLUMNS.values(), title=score_title(metrics))
    for key, name in ROWS.items():
        if key in metrics:
            table.add_row(name, *(_number(metrics[key].get(column)) for column in COLUMNS))
    return table


def score_title(metrics: dict[str, dict[str, float]]) -> str:
    test = metrics["test"]
    return f"Test set: {test['n_subjects']} subjects, {test['n_clips']} clips ({str(metrics['protocol']).replace('_', ' ')})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def print_summary() -> None:
    console = Console()
    console.print(score_table(json.loads(METRICS.read_text())))
    console.print(f"Report: {REPORT}\nPages:  make ui (MLflow and Prefect)", highlight=False)
