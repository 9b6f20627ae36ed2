"""What a run ends with: the table of scores and where to look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from flows.layout import REPORT, SCORES
from flows.mending import LOCK
from tast.tracking.lock import require_output

ROWS = {
    "test": "TAST-Net",
    "ratio_of_ratios": "ratio of ratios",
    "chrominance": "chrominance ratio",
    "chrominance_angle": "chrominance angle",
    "constant": "constant predictor",
}
COLUMNS = {
    "rmse": "RMSE (% SpO2)",
    "mae": "MAE (% SpO2)",
    "pearson_r": "R",
    "r_within_recordings": "R within recordings",
    "skill": "skill",
}


def score_table(metrics: dict[str, Any]) -> Table:
    """Rows: the network beside its baselines. Columns: scores on the test set."""
    table = Table(Column("", no_wrap=True), *COLUMNS.values(), title=score_title(metrics))
    for key, name in ROWS.items():
        if key in metrics:
            table.add_row(name, *(_number(metrics[key].get(column)) for column in COLUMNS))
    return table


def score_title(metrics: dict[str, Any]) -> str:
    test = metrics["test"]
    protocol = str(metrics["protocol"]).replace("_", " ")
    return f"Test set: {test['n_subjects']} people, {test['n_seconds']} seconds of recordings ({protocol})"


def interval_line(metrics: dict[str, Any]) -> str:
    """How often the model's interval held on the test people, and for whom least; empty where it has none."""
    facts = metrics["test"]["interval"]
    if facts["coverage"] is None:
        return ""
    return (
        f"The {facts['nominal_coverage']:.0%} interval (+- {facts['width_percent'] / 2:.1f} % SpO2) holds {facts['coverage']:.0%}"
        f" of the test seconds;"
        f" least often for {facts['worst_person']}: {facts['worst_coverage']:.0%} of {facts['worst_n_seconds']}"
    )


def anchored_line(metrics: dict[str, Any]) -> str:
    """What the model is worth once a recording's first seconds are known, beside who says that nothing changes."""
    facts = metrics.get("anchored")
    if not facts:
        return ""
    return (
        f"Anchored by a reading in a recording's first seconds: RMSE {_number(facts['test']['rmse'])} % SpO2 of the seconds "
        f"after these (SpO2 stays what it was: {_number(facts['stays']['rmse'])})"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def print_summary() -> None:
    console = Console()
    require_output(LOCK.read_text(encoding="utf-8"), SCORES.as_posix(), Path())
    metrics = json.loads(SCORES.read_text())
    console.print(score_table(metrics))
    for line in filter(None, (interval_line(metrics), anchored_line(metrics))):
        console.print(line, highlight=False, markup=False)
    pages = "make ui" if Path("Makefile").is_file() else "python -m flows.ui"
    console.print(f"Report: {REPORT}\nPages:  {pages} (MLflow and Prefect)", highlight=False)
