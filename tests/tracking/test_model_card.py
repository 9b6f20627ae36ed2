"""The figures of a run, its table of recordings and the model's card as a person reads it, from scores known by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flows.system_metrics import GPU_QUERY
from tast.saved_model import ModelCard
from tast.tracking.figures import CURVES, FIGURES, by_recording, figures, is_score
from tast.tracking.model_card import model_card
from tast.training.interval import PredictionInterval
from tast.training.labels import LabelScaling

SCORES = {
    "protocol": "subject_independent",
    "train_mean_percent": 90.0,
    "test": {
        "rmse": 2.25, "pearson_r": None, "n_subjects": 3, "intervals": {"rmse": {"low": 2.0, "high": 2.5}},
        "interval": {"coverage": 0.85}, "a_rms": {"70-100": {"a_rms": 2.3}},
    },
    "constant": {"rmse": 4.0}, "anchored": None,
}  # fmt: skip
PARAMS = {"download.phantom.worlds.count": 12, "download.phantom.profile": "wide"}
MACHINE = 8  # MLflow's names of one without a GPU


def card(*people: str) -> ModelCard:
    return ModelCard(
        model_name="tast_net", config={}, preprocessing={"clips": {"length_s": 8, "fps_hz": 15, "size_px": 64}},
        input_kind="pulse_locked", frame_size_px=16, scaling=LabelScaling(90.0, 6.0), data_digest="c" * 64, code_version="1",
        interval=PredictionInterval(0.9, 3.0, 2, 50), people_seen=people, codecs={"mjpeg": 1.25},
    )  # fmt: skip


def test_figures_are_those_that_there_are() -> None:
    assert figures(SCORES) == {
        "test/rmse": 2.25, "test/rmse_low": 2.0, "test/rmse_high": 2.5, "test/coverage": 0.85, "test/a_rms": 2.3,
        "test/n_subjects": 3.0, "constant/rmse": 4.0,
    }  # fmt: skip


def test_a_run_and_the_parent_of_folds_have_no_more_than_forty_metrics() -> None:
    assert len(FIGURES) + len(CURVES) + MACHINE + len(GPU_QUERY) - 1 <= 40
    assert 1 + 2 * sum(map(is_score, FIGURES)) <= 40
    assert all(name.count("/") == 1 for name in [*FIGURES, *CURVES.values()])


def test_of_counts_curves_and_ends_of_intervals_no_mean_is_taken() -> None:
    names = ["test/rmse", "test/n_seconds", "test/rmse_low", "validation/rmse", "system/cpu", "folds", "constant/rmse"]
    assert [name for name in names if is_score(name)] == ["test/rmse", "constant/rmse"]


def test_recordings_stand_in_a_table_the_worst_first() -> None:
    rows = pd.DataFrame({"subject_id": ["a", "a", "b"], "second": [0, 1, 0], "true_percent": [90.0, 92.0, 95.0]})
    rows = rows.assign(
        dataset="d", record_id="r", scenario="steady", predicted_percent=[91.0, 91.0, 98.0], lower_percent=[89.0, 89.0, np.nan],
        upper_percent=[91.5, 91.5, np.nan],
    )  # fmt: skip
    table = by_recording(rows).set_index("recording")
    assert table.index.tolist() == ["d/b/r", "d/a/r"]
    assert table.loc["d/a/r", ["seconds", "rmse", "mae", "bias", "coverage"]].tolist() == [2, 1.0, 1.0, 0.0, 0.5]
    assert table.loc["d/b/r", "rmse"] == 3.0 and np.isnan(table.loc["d/b/r", "coverage"])


def test_a_card_says_what_for_whom_it_has_seen_how_good_and_where() -> None:
    text = model_card(card("phantom/p1", "phantom/p2"), SCORES, PARAMS)
    for expected in (
        "**For** research", "No medical device", "2 in training and validation, 3 others in the test", "12 worlds",
        "rendered", "| RMSE (% SpO2) | 2.25 | 2.00 to 2.50 |", "an RMSE of 4.00 % SpO2", "mjpeg (from 1.2 bits a pixel)",
        "+- 3.0 % SpO2 for 90%; of the test it held 85%", "subject independent",
    ):  # fmt: skip
        assert expected in text
    assert "| R |" not in text and len(text) < 5000  # what MLflow's tables hold


@pytest.mark.parametrize("people", [("pure/01",), ("pure/01", "phantom/p1")])
def test_a_card_of_living_people_does_not_call_them_rendered(people: tuple[str, ...]) -> None:
    assert "rendered" not in model_card(card(*people), SCORES, PARAMS)
