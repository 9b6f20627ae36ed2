"""The columns of `dvc exp show` and the points of DVC's diagrams, against answers known by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tast.evaluation.agreement import agreement, agreement_of_repeated
from tast.evaluation.headline import MOST_POINTS, headline, plot_data


def seconds(people: int = 2, each: int = 5) -> pd.DataFrame:
    """SpO2 of 90 to 94 % said 1, 2, ... points too high for the first, second, ... person."""
    rows = pd.DataFrame([{"subject_id": f"s{person}", "second": second} for person in range(people) for second in range(each)])
    true = 90.0 + rows["second"] % 5
    error = 1.0 + rows["subject_id"].str[1:].astype(int)
    return rows.assign(dataset="d", record_id="r" + rows["subject_id"], true_percent=true, predicted_percent=true + error)


def test_six_figures_stand_for_all_scores() -> None:
    scores = {
        "test": {"rmse": 2.0, "mae": 1.5, "pearson_r": 0.8, "skill": 0.3, "interval": {"coverage": None}, "bias": 9.0},
        "anchored": {"test": {"rmse": 1.0}},
    }
    assert headline(scores) == {"rmse": 2.0, "mae": 1.5, "r": 0.8, "skill": 0.3, "coverage": None, "anchored_rmse": 1.0}
    assert headline(scores | {"anchored": None})["anchored_rmse"] is None


def test_points_are_the_seconds_and_limits_those_of_repeated_measures() -> None:
    rows = seconds()
    found = plot_data(rows, {}, lowest_percent=50.0, highest_percent=100.0)
    assert [(one["true_percent"], one["predicted_percent"]) for one in found["predictions"][4:6]] == [(94.0, 95.0), (90.0, 92.0)]
    limits = agreement_of_repeated([1.0] * 5 + [2.0] * 5, ["s0"] * 5 + ["s1"] * 5)
    first = found["agreement"][0]
    assert (first["mean_percent"], first["error_percent"], first["recording"]) == (90.5, 1.0, "d/s0/rs0")
    assert [first[name] for name in ("bias", "limit_low", "limit_high")] == pytest.approx(
        [limits.bias, limits.limit_low, limits.limit_high], abs=1e-4
    )
    assert found["calibration"] == []


def test_limits_of_one_person_are_those_of_the_seconds() -> None:
    rows = seconds(people=1).assign(predicted_percent=[91.0, 92.0, 93.0, 94.0, 96.0])
    expected = agreement([1.0, 1.0, 1.0, 1.0, 2.0])
    first = plot_data(rows, {}, lowest_percent=50.0, highest_percent=100.0)["agreement"][0]
    assert first["limit_high"] == pytest.approx(expected.limit_high, abs=1e-4)


def test_calibration_is_the_share_that_each_width_holds() -> None:
    """Errors of 1 and 2 points: half a width of 1.5 holds one half; above the highest percent nothing is given."""
    found = plot_data(seconds(), {0.5: 1.5, 0.9: 2.0, 0.1: 0.5}, lowest_percent=50.0, highest_percent=100.0)["calibration"]
    assert [(one["promised"], one["held"]) for one in found] == [(0.5, 0.5), (0.9, 1.0), (0.1, 0.0)]
    cut = plot_data(seconds(), {0.9: 2.0}, lowest_percent=50.0, highest_percent=93.5)["calibration"]
    assert cut[0]["held"] == pytest.approx(0.8)  # of both people the second of 94 % is above it


def test_a_large_test_set_is_drawn_thinned_from_end_to_end() -> None:
    rows = seconds(people=3, each=MOST_POINTS)
    found = plot_data(rows, {}, lowest_percent=50.0, highest_percent=100.0)
    assert len(found["predictions"]) == len(found["agreement"]) == MOST_POINTS
    assert np.unique([one["recording"] for one in found["predictions"]]).tolist() == ["d/s0/rs0", "d/s1/rs1", "d/s2/rs2"]
    assert found["predictions"][-1]["second"] == MOST_POINTS - 1
