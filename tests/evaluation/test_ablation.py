"""The ablation table against numbers known by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tast.evaluation.ablation import ablation_table, as_markdown, scores_of_runs

TRUE = np.array([90.0, 92.0, 94.0, 96.0, 98.0, 100.0, 85.0, 87.0])


def run_of(error: np.ndarray | float) -> pd.DataFrame:
    """Four people of one recording of two seconds each."""
    who = np.repeat(["a", "b", "c", "d"], 2)
    keys = {"dataset": "phantom", "subject_id": who, "record_id": who, "second": [0, 1] * 4}
    return pd.DataFrame(keys | {"true_percent": TRUE, "predicted_percent": TRUE + error})


RUNS = {("whole", 0): run_of(1.0), ("whole", 1): run_of(3.0), ("half", 0): run_of(-2.0), ("half", 1): run_of(-4.0)}


def table(runs: dict[tuple[str, int], pd.DataFrame] = RUNS) -> pd.DataFrame:
    return ablation_table(runs, reference="whole", constant_percent=92.0, draws=200, seed=0).set_index("variant")


def test_means_over_seeds_and_pooled_differences() -> None:
    found = table()
    assert list(found.index) == ["whole", "half"]
    assert found["n_seeds"].tolist() == [2, 2]
    np.testing.assert_allclose(found["rmse"], [2.0, 3.0])
    np.testing.assert_allclose(found["rmse_sd"], np.sqrt(2))
    np.testing.assert_allclose(found["bias"], [2.0, -3.0])
    np.testing.assert_allclose(found[["pearson_r", "slope"]], 1.0)
    np.testing.assert_allclose(found["difference"], [0.0, np.sqrt(10) - np.sqrt(5)])  # of sqrt((4 + 16) / 2), sqrt((1 + 9) / 2)
    constant = np.sqrt(np.mean((TRUE - 92.0) ** 2))
    np.testing.assert_allclose(found["skill"], 1 - np.array([2.0, 3.0]) / constant)


def test_intervals_are_over_people() -> None:
    found = table()  # everyone's error is the same: no spread
    np.testing.assert_allclose(found["rmse_low"], found["rmse_high"])
    np.testing.assert_allclose(found["difference_low"], found["difference_high"])
    other = table(RUNS | {("half", 0): run_of(np.repeat([0.0, 1.0, 2.0, 6.0], 2))}).loc["half"]
    assert other["rmse_low"] < other["rmse_high"] - 0.5
    assert other["difference_low"] < other["difference"] < other["difference_high"]


def test_other_seconds_or_missing_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="'half' was tested on other seconds"):
        table(RUNS | {("half", 0): run_of(0.0).iloc[:-1]})
    with pytest.raises(ValueError, match=r"'half' lacks seeds \[1\]"):
        table({key: rows for key, rows in RUNS.items() if key != ("half", 1)})


def test_one_row_per_run() -> None:
    found = scores_of_runs(RUNS)
    assert found[["variant", "seed"]].to_records(index=False).tolist() == list(RUNS)
    np.testing.assert_allclose(found["rmse"], [1.0, 3.0, 2.0, 4.0])


def test_markdown_has_a_line_for_each_variant_and_signs_where_they_matter() -> None:
    lines = as_markdown(table().reset_index()).splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("| variant | RMSE [95 %] | SD over seeds | difference [95 %] |")
    assert lines[3].startswith("| half | 3.00 [3.16, 3.16] | 1.41 | +0.93 [+0.93, +0.93] | 3.00 | 1.00 | -3.00 | 1.00 |")


def test_one_seed_has_no_deviation() -> None:
    text = as_markdown(table({("whole", 0): run_of(1.0)}).reset_index())
    assert "| 1.00 [1.00, 1.00] | - |" in text
