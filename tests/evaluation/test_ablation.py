"""The ablation table against numbers known by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tast.evaluation.ablation import ablation_table, as_markdown, scores_of_runs

TRUE = np.array([90.0, 92.0, 94.0, 96.0, 98.0, 100.0, 85.0, 87.0])


def run_of(error: np.ndarray | float, dataset: str = "set") -> pd.DataFrame:
    """Four people with one recording of two labelled seconds each; the constant says 92."""
    people = np.repeat(["a", "b", "c", "d"], 2)
    return pd.DataFrame(
        {
            "dataset": dataset, "subject_id": people, "record_id": people, "second": [0, 1] * 4, "true_percent": TRUE,
            "predicted_percent": TRUE + error, "constant_percent": 92.0,
        }
    )  # fmt: skip


RUNS = {("whole", 0): run_of(1.0), ("whole", 1): run_of(3.0), ("half", 0): run_of(-2.0), ("half", 1): run_of(-4.0)}


def table(runs: dict[tuple[str, int], pd.DataFrame] = RUNS) -> pd.DataFrame:
    return ablation_table(runs, reference="whole", draws=200, seed=0).set_index("variant")


def test_every_number_is_of_all_seconds_together() -> None:
    found = table()
    pooled = np.sqrt([(1 + 9) / 2, (4 + 16) / 2])
    assert list(found.index) == ["whole", "half"]
    assert found["n_seeds"].tolist() == [2, 2]
    np.testing.assert_allclose(found["rmse"], pooled)
    np.testing.assert_allclose(found["mae"], [2.0, 3.0])
    np.testing.assert_allclose(found["bias"], [2.0, -3.0])
    np.testing.assert_allclose(found["difference"], pooled - pooled[0])
    np.testing.assert_allclose(found["skill"], 1 - pooled / np.sqrt(np.mean((TRUE - 92.0) ** 2)))
    np.testing.assert_allclose(found["rmse_sd"], np.sqrt(2))  # of 1 and 3, of 2 and 4


def test_the_error_lies_inside_of_its_interval() -> None:
    """Two seeds that err unlike: the mean of their errors is 3, everybody's pooled error the root of 13."""
    found = table({("whole", 0): run_of(1.0), ("whole", 1): run_of(5.0)}).loc["whole"]
    assert found["rmse"] == pytest.approx(np.sqrt(13))
    assert found["rmse_low"] == pytest.approx(found["rmse"]) == found["rmse_high"]


def test_intervals_are_over_people() -> None:
    found = table()  # everyone's error is the same: no spread
    np.testing.assert_allclose(found["rmse_low"], found["rmse_high"])
    np.testing.assert_allclose(found["difference_low"], found["difference_high"])
    other = table(RUNS | {("half", 0): run_of(np.repeat([0.0, 1.0, 2.0, 6.0], 2))}).loc["half"]
    assert other["rmse_low"] < other["rmse_high"] - 0.5
    assert other["difference_low"] < other["difference"] < other["difference_high"]


def test_people_of_one_id_in_two_data_sets_are_two() -> None:
    """Seeds that score other people: eight of them, four erring by 0 and four by 6, are drawn singly."""
    runs = {("whole", 0): run_of(0.0, "first"), ("whole", 1): run_of(6.0, "second")}
    found = table(runs).loc["whole"]
    assert found["rmse_low"] < found["rmse"] - 0.5 < found["rmse"] + 0.5 < found["rmse_high"]


def test_other_seconds_or_missing_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="'half' was scored on other seconds"):
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
    assert lines[0].startswith("| variant | RMSE [95 %] | SD over runs | difference [95 %] |")
    assert lines[3].startswith("| half | 3.16 [3.16, 3.16] | 1.41 | +0.93 [+0.93, +0.93] | 3.00 | 0.98 | -3.00 | 1.00 |")


def test_one_seed_has_no_deviation() -> None:
    text = as_markdown(table({("whole", 0): run_of(1.0)}).reset_index())
    assert "| 1.00 [1.00, 1.00] | - |" in text
