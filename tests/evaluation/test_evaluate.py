"""metrics.json from a table of predictions: names, fairness between methods, bytes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tast.errors import BadInput, TastError
from tast.evaluation.evaluate import (
    PREDICTION_COLUMNS,
    digest_of_test,
    evaluate,
    labelled,
    plain,
    read_predictions,
    scores_by,
    with_band,
    with_clip_facts,
    write_metrics,
)

TRAIN_MEAN_PERCENT = 92.0


def test_the_names_that_others_rely_on(predictions, baselines):
    metrics = _evaluate(predictions, baselines)
    assert metrics["protocol"] == "subject_independent"
    assert {"rmse", "mae", "pearson_r", "n_clips", "n_subjects"} <= set(metrics["test"])
    assert {"rmse", "mae"} <= set(metrics["constant"])
    for name in ("ratio_of_ratios", "chrominance"):
        assert {"rmse", "mae", "pearson_r"} <= set(metrics[name])


def test_each_labelled_second_of_each_clip_counts_once(predictions, baselines):
    predictions.loc[0, "true_percent"] = np.nan
    metrics = _evaluate(predictions, baselines)
    assert metrics["test"]["n_seconds"] == len(predictions) - 1
    error = (predictions["predicted_percent"] - predictions["true_percent"]).dropna()
    assert metrics["test"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-9)
    truth = predictions["true_percent"].dropna()
    assert metrics["constant"]["mae"] == pytest.approx(np.mean(np.abs(truth - TRAIN_MEAN_PERCENT)), abs=1e-9)
    assert np.isnan(metrics["constant"]["pearson_r"])
    assert metrics["constant"]["skill"] == 0.0


def test_skill_and_the_paired_comparison_are_consistent(predictions, baselines):
    metrics = _evaluate(predictions, baselines)
    against = metrics["test"]["against"]["constant"]
    assert against["skill"] == metrics["test"]["skill"]
    assert against["skill"] == pytest.approx(1 - metrics["test"]["rmse"] / metrics["constant"]["rmse"])
    assert set(metrics["test"]["against"]) == {"constant", "ratio_of_ratios", "chrominance"}


def test_a_method_that_abstains_is_given_the_constant_and_not_an_easier_test(predictions, baselines):
    baselines["chrominance"]["predicted_percent"] = np.nan
    metrics = _evaluate(predictions, baselines)
    assert metrics["chrominance"]["n_abstained"] == len(predictions)
    assert metrics["chrominance"]["rmse"] == metrics["constant"]["rmse"]


def test_a_baseline_that_lacks_a_clip_is_refused(predictions, baselines):
    baselines["chrominance"] = baselines["chrominance"].iloc[:-1]
    with pytest.raises(TastError, match="chrominance says nothing about 1 test seconds, the first of clip"):
        _evaluate(predictions, baselines)


def test_a_prediction_that_is_not_finite_is_refused(predictions, baselines):
    predictions.loc[3, "predicted_percent"] = np.nan
    with pytest.raises(TastError, match=f"1 predictions are not finite, the first of clip {predictions.loc[3, 'clip_id']}"):
        _evaluate(predictions, baselines)


def test_nothing_labelled_is_refused(predictions):
    with pytest.raises(TastError, match="has a label"):
        labelled(predictions.assign(true_percent=np.nan))


def test_the_order_of_rows_changes_no_byte(predictions, baselines, tmp_path):
    shuffled = predictions.sample(frac=1.0, random_state=1)
    for name, table in (("one.json", predictions), ("two.json", shuffled)):
        write_metrics(tmp_path / name, _evaluate(table, baselines))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]


def test_json_has_null_for_nan_and_sorted_keys(predictions, baselines, tmp_path):
    write_metrics(tmp_path / "deep" / "metrics.json", _evaluate(predictions, baselines))
    text = (tmp_path / "deep" / "metrics.json").read_text()
    metrics = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert metrics["constant"]["pearson_r"] is None
    assert list(metrics) == sorted(metrics)
    assert text.endswith("}\n")


def test_plain_values():
    assert plain({"a": np.float32(0.5), "b": [np.int64(3), float("nan")], "c": (-0.0, float("inf"), True, "x", None)}) == {
        "a": 0.5, "b": [3, None], "c": [0.0, None, True, "x", None],
    }  # fmt: skip
    assert str(plain(-1e-9)) == "0.0"


def test_the_test_digest_knows_labels_and_clips_but_not_predictions(predictions):
    digest = digest_of_test(predictions)
    assert digest == digest_of_test(predictions.sample(frac=1.0, random_state=0).assign(predicted_percent=90.0))
    assert digest != digest_of_test(predictions.assign(true_percent=predictions["true_percent"] + 1))
    assert digest != digest_of_test(predictions.iloc[1:])


def test_groups_partition_the_seconds(predictions, manifest):
    rows = with_band(with_clip_facts(predictions, manifest))
    for column in ("subject_id", "record_id", "scenario", "band"):
        groups = scores_by(rows, column)
        assert groups["n_seconds"].sum() == len(rows)
        assert np.sqrt(np.average(groups["rmse"] ** 2, weights=groups["n_seconds"])) == pytest.approx(
            np.sqrt(np.mean((rows["predicted_percent"] - rows["true_percent"]) ** 2))
        )


def test_time_is_the_middle_of_the_second_in_the_recording(predictions, manifest):
    rows = with_clip_facts(predictions, manifest)
    clip = rows[rows["clip_id"] == "s1-0002"]  # starts at 2 s
    assert clip["time_s"].tolist() == [2.5, 3.5, 4.5, 5.5]
    assert set(clip["scenario"]) == {"talking"}


def test_predictions_are_read_and_checked(predictions, tmp_path):
    path = tmp_path / "predictions.parquet"
    with pytest.raises(BadInput, match="no such file"):
        read_predictions(path)
    predictions[list(PREDICTION_COLUMNS)].to_parquet(path)
    pd.testing.assert_frame_equal(read_predictions(path), predictions)
    predictions.drop(columns="second").to_parquet(path)
    with pytest.raises(BadInput, match="no column second"):
        read_predictions(path)
    pd.concat([predictions, predictions.iloc[:1]]).to_parquet(path)
    with pytest.raises(BadInput, match="twice"):
        read_predictions(path)


def _evaluate(predictions, baselines):
    return evaluate(
        predictions, protocol="subject_independent", train_mean_percent=TRAIN_MEAN_PERCENT, baselines=baselines, draws=100, seed=0
    )
