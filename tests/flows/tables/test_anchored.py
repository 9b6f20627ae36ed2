"""The table of methods, anchored: who reads the change right wins, however wrong the level is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from benchmarks.table import anchored_text
from flows.tables.methods import CONSTANT, STAYS, anchored_results, write_table
from tast.evaluation.table import MethodResult

FACTS = {"protocol": "subject_independent", "seeds": [0], "folds": [0]}


def result(name: str, error: float, slope: float, *, seconds: int = 20, people: int = 4) -> MethodResult:
    """SpO2 falls by a point a second; a method gives it with a slope, off by `error` and a little noise of its own."""
    rng = np.random.default_rng(0)
    parts = []
    for person in range(people):
        true = 98.0 - 0.1 * person - np.arange(seconds)
        given = 98.0 + slope * (true - 98.0) + error + 0.1 * rng.standard_normal(seconds)
        parts.append(pd.DataFrame({
            "dataset": "made", "subject_id": str(person), "record_id": str(person), "second": np.arange(seconds), "run": "0/0",
            "start_s": np.arange(seconds) * 1.0, "true_percent": true, "predicted_percent": np.clip(given, 50, 100),
            "changing_percent": given, "lower_percent": np.nan, "upper_percent": np.nan, "quality": 1.0,
            "constant_percent": 90.0, "spot_sd_percent": np.nan,
        }))  # fmt: skip
    return MethodResult(name, pd.concat(parts, ignore_index=True), 10)


RESULTS = [result("tast_net", 20.0, 1.0), result("other", 0.0, 0.5), result(CONSTANT, -4.0, 0.0)]


def test_a_level_that_is_off_by_twenty_points_costs_nothing() -> None:
    rmse = {
        one.name: float(np.sqrt(np.mean((one.predictions["predicted_percent"] - one.predictions["true_percent"]) ** 2)))
        for one in anchored_results(RESULTS)
    }
    assert list(rmse) == ["tast_net", "other", CONSTANT, STAYS]
    assert rmse["tast_net"] < 0.2 < 3 < rmse["other"] < rmse[STAYS]
    reference = anchored_results(RESULTS)[0].predictions
    assert reference["second"].min() == 10
    assert_allclose(reference["stays_percent"], 98.0 - 4.5 - 0.1 * reference["subject_id"].astype(int), atol=1e-9)


def test_both_tables_stand_in_one_folder(tmp_path: Path) -> None:
    write_table(tmp_path / "made", RESULTS, FACTS)
    files = {path.name for path in (tmp_path / "made").iterdir()}
    assert files == {"facts.json", *(f"{name}.{kind}" for name in ("table", "anchored") for kind in ("md", "csv", "tex", "html"))}
    text = anchored_text(tmp_path / "made")
    assert text.startswith("| method |") and f"| {STAYS} |" in text and "40 labelled seconds" in text


def test_without_a_recording_longer_than_an_anchor_there_is_one_table(tmp_path: Path) -> None:
    short = [result(name, 0.0, 1.0, seconds=9) for name in ("tast_net", CONSTANT)]
    assert anchored_results(short) == []
    write_table(tmp_path / "made", short, FACTS)
    assert not (tmp_path / "made" / "anchored.md").exists()
    assert "No method can be anchored" in anchored_text(tmp_path / "made")
