"""The table of methods, anchored: who reads the change right wins, however wrong the level is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from benchmarks.table import anchored_text
from flows.tables.methods import CONSTANT, STAYS, anchored_results, write_table
from tast.evaluation.metrics import compare_paired
from tast.evaluation.run_interval import COLUMNS, interval_columns, interval_in
from tast.evaluation.table import MethodResult
from tast.people import person_of
from tast.training.anchored_interval import AnchoredInterval

FACTS = {"protocol": "subject_independent", "seeds": [0], "folds": [0]}


INTERVAL = AnchoredInterval(0.9, 1.0, 0.0, 0.0, 3, 90)  # +- 1 point


def result(
    name: str, error: float, slope: float, *, seconds: int = 20, people: int = 4, interval: AnchoredInterval | None = None
) -> MethodResult:
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
            "constant_percent": 90.0, "spot_sd_percent": np.nan, **interval_columns(interval),
        }))  # fmt: skip
    return MethodResult(name, pd.concat(parts, ignore_index=True), 10)


RESULTS = [result("tast_net", 20.0, 1.0, interval=INTERVAL), result("other", 0.0, 0.5), result(CONSTANT, -4.0, 0.0)]


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
    assert "with the whole interval of the difference: tast_net (0.1" in text and "other (" in text.rpartition("difference:")[2]


def test_each_row_has_its_difference_from_who_stays_and_the_interval_of_its_training(tmp_path: Path) -> None:
    """In all four formats; the table of what is not anchored has no such column."""
    write_table(tmp_path / "made", RESULTS, FACTS)
    table = pd.read_csv(tmp_path / "made" / "anchored.csv").set_index("method")
    rows = {one.name: one.predictions for one in anchored_results(RESULTS)}
    for name in ("tast_net", "other", CONSTANT):
        true, predicted, stays = (
            rows[name][column] for column in ("true_percent", "predicted_percent", "stays_percent")
        )  # fmt: skip
        paired = compare_paired(true, predicted, stays, person_of(rows[name]), draws=5000, seed=0)
        assert_allclose(
            table.loc[name, ["from_stays", "from_stays_low", "from_stays_high"]].astype(float),
            [paired.rmse_difference, paired.rmse_difference_interval.low, paired.rmse_difference_interval.high], rtol=1e-5,
        )  # fmt: skip
    assert table.loc["tast_net", "from_stays_high"] < 0 and table.loc["tast_net", "rmse_high"] > table.loc["tast_net", "rmse_low"]
    assert table.loc[STAYS, ["from_stays", "coverage", "width"]].isna().all() and table.loc[STAYS, "difference"] > 3
    assert table.loc[["other", CONSTANT], ["coverage", "width"]].isna().all(axis=None), "neither was trained"
    assert_allclose(table.loc["tast_net", ["coverage", "width"]].astype(float), [1.0, 2.0])
    heading = "difference from who stays [95 %]"
    for file in ("anchored.md", "anchored.html"):
        assert heading in (tmp_path / "made" / file).read_text()
    assert heading.replace("%", r"\%") in (tmp_path / "made" / "anchored.tex").read_text()
    assert not any("from who stays" in path.read_text() for path in (tmp_path / "made").glob("table.*"))
    assert "from_stays" not in pd.read_csv(tmp_path / "made" / "table.csv")


def test_who_gives_one_value_all_along_is_who_stays(tmp_path: Path) -> None:
    """However its mean is rounded: nothing is gained, and none is better by a quadrillionth of a point."""
    same = RESULTS[1].predictions.assign(predicted_percent=91.7, changing_percent=np.nan)
    write_table(tmp_path / "made", [RESULTS[0], MethodResult("same", same), RESULTS[2]], FACTS)
    table = pd.read_csv(tmp_path / "made" / "anchored.csv").set_index("method")
    assert (table.loc["same", ["from_stays", "from_stays_low", "from_stays_high"]] == 0).all()
    text = (tmp_path / "made" / "anchored.md").read_text()
    assert "+0.00 [+0.00, +0.00]" in text and "same" not in text.rpartition("difference:")[2]


def test_what_is_fitted_beside_a_network_has_not_its_interval() -> None:
    rows = RESULTS[0].predictions
    assert interval_in(rows) == INTERVAL and interval_in(RESULTS[1].predictions) is None
    assert interval_in(rows.drop(columns=list(COLUMNS))) is None  # as an earlier release kept them


def test_without_a_recording_longer_than_an_anchor_there_is_one_table(tmp_path: Path) -> None:
    short = [result(name, 0.0, 1.0, seconds=9) for name in ("tast_net", CONSTANT)]
    assert anchored_results(short) == []
    write_table(tmp_path / "made", short, FACTS)
    assert not (tmp_path / "made" / "anchored.md").exists()
    assert "No method can be anchored" in anchored_text(tmp_path / "made")
