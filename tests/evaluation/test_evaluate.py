"""metrics.json from a table of predictions: names, fairness between methods, bytes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tast.errors import TastError
from tast.evaluation.evaluate import evaluate, plain, write_json
from tast.seconds import KEY

TRAIN_MEAN_PERCENT = 92.0


def test_the_names_that_others_rely_on(predictions, baselines):
    metrics = _evaluate(predictions, baselines)
    assert metrics["protocol"] == "subject_independent"
    assert {"rmse", "mae", "pearson_r", "n_clips", "n_subjects"} <= set(metrics["test"])
    assert {"rmse", "mae"} <= set(metrics["constant"])
    assert {"agreement_of_repeated", "record_means", "hypoxia", "a_rms", "bands", "scenarios", "interval"} <= set(metrics["test"])
    assert set(metrics["test"]["scenarios"]["steady"]) == {"n_seconds", "rmse", "mae", "bias"}
    for name in ("ratio_of_ratios", "chrominance"):
        assert {"rmse", "mae", "pearson_r"} <= set(metrics[name])


def test_each_labelled_second_of_a_recording_counts_once(predictions, baselines):
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


def test_a_baseline_that_lacks_a_second_is_refused(predictions, baselines):
    baselines["chrominance"] = baselines["chrominance"].iloc[:-1]
    with pytest.raises(TastError, match="chrominance says nothing about 1 test seconds, the first of recording phantom/s3/s3-01"):
        _evaluate(predictions, baselines)


def test_the_order_of_rows_changes_no_byte(predictions, baselines, tmp_path):
    shuffled = predictions.sample(frac=1.0, random_state=1)
    for name, table in (("one.json", predictions), ("two.json", shuffled)):
        write_json(tmp_path / name, _evaluate(table, baselines))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]


def test_json_has_null_for_nan_and_sorted_keys(predictions, baselines, tmp_path):
    write_json(tmp_path / "deep" / "metrics.json", _evaluate(predictions, baselines))
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


def test_people_of_two_data_sets_with_the_same_names_are_as_many_people_as_they_are(predictions, baselines):
    """Two sets of two people, s0 and s1 in both; merged, each would be two people's errors averaged."""
    shared = predictions.assign(
        dataset=np.where(predictions["subject_id"].isin(["s0", "s1"]), "one", "two"),
        subject_id=predictions["subject_id"].map({"s0": "s0", "s1": "s1", "s2": "s0", "s3": "s1"}),
        record_id="01",
    )
    apart = shared.assign(subject_id=shared["dataset"] + shared["subject_id"])
    keys = {name: shared[[*KEY]].assign(predicted_percent=table["predicted_percent"]) for name, table in baselines.items()}
    of_apart = {name: table.assign(subject_id=apart["subject_id"]) for name, table in keys.items()}
    metrics = _evaluate(shared, keys)
    assert metrics["test"]["n_subjects"] == 4 and metrics["test"]["n_records"] == 4
    expected = _evaluate(apart, of_apart)
    assert metrics["test"]["interval"].pop("worst_person") in ("one/s0", "one/s1", "two/s0", "two/s1")
    expected["test"]["interval"].pop("worst_person")
    names = [[one.pop("name") for one in found["test"]["breakdown"]["person"]] for found in (metrics, expected)]
    assert names == [["one/s0", "one/s1", "two/s0", "two/s1"], ["one/ones0", "one/ones1", "two/twos0", "two/twos1"]]
    assert {**plain(metrics), "test_digest": ""} == {**plain(expected), "test_digest": ""}


def test_two_sets_with_people_01_to_03_are_six_and_the_interval_of_the_bias_is_theirs():
    """Errors -2 in one set and +2 in the other: who merges the namesakes sees no bias and no spread of it."""
    rows = pd.DataFrame(
        {
            "dataset": dataset, "subject_id": who, "record_id": "01", "scenario": "steady", "second": second,
            "start_s": float(second), "true_percent": 90.0 + second,
            "predicted_percent": 90.0 + second + error, "lower_percent": np.nan, "upper_percent": np.nan, "n_clips": 1,
            "quality": np.nan,
        }
        for dataset, error in (("pure", -2.0), ("vipl_hr", 2.0)) for who in ("01", "02", "03") for second in range(4)
    )  # fmt: skip
    metrics = _evaluate(rows, {})
    assert metrics["test"]["n_subjects"] == 6
    interval = metrics["test"]["intervals"]["bias"]
    assert interval["low"] < -1 and interval["high"] > 1
    assert metrics["test"]["agreement_of_repeated"]["limit_high"] > 3.9  # 1.96 times a spread of 2 between people


def test_the_trend_is_scored_within_recordings_and_within_people(predictions, baselines):
    """Second recordings of the same people, 10 % lower in truth and higher in prediction: good within each, bad over both."""
    again = predictions.assign(
        record_id="02", true_percent=predictions["true_percent"] - 10, predicted_percent=predictions["predicted_percent"] + 10
    )
    metrics = _evaluate(pd.concat([predictions, again], ignore_index=True), {})
    test = metrics["test"]
    assert test["r_within_recordings"] > 0.9 and test["r_within_people"] < 0
    assert test["intervals"]["r_within_recordings"]["low"] > 0.9
    assert np.isnan(metrics["constant"]["r_within_recordings"]) and np.isnan(metrics["constant"]["r_within_people"])


def test_coverage_and_width_of_the_interval_are_of_the_test_people(predictions, baselines):
    """Half the seconds of s3 lie outside of what is drawn, everybody else's within; each end is 3 % off, 100 % the highest."""
    outside = (predictions["subject_id"] == "s3") & (predictions["second"] % 2 == 0)
    rows = predictions.assign(
        lower_percent=predictions["true_percent"] - 3 + 7 * outside, upper_percent=predictions["true_percent"] + 3 + 7 * outside
    )
    facts = _evaluate(rows, baselines)["test"]["interval"]
    assert facts["nominal_coverage"] == 0.9
    assert facts["coverage"] == pytest.approx(1 - 4 / 32) and facts["width_percent"] == pytest.approx(6.0)
    assert (facts["worst_person"], facts["worst_coverage"], facts["worst_n_seconds"]) == ("phantom/s3", 0.5, 8)
    assert facts["intervals"]["coverage"]["low"] < facts["coverage"] < facts["intervals"]["coverage"]["high"] <= 1
    assert sum(band["n_seconds"] for band in facts["bands"].values()) == 32
    held = sum(band["coverage"] * band["n_seconds"] for band in facts["bands"].values())
    assert held == pytest.approx(28) and all(1 <= band["n_people"] <= 4 for band in facts["bands"].values())


def test_a_model_without_an_interval_has_no_coverage(predictions, baselines, tmp_path):
    metrics = _evaluate(predictions.assign(lower_percent=np.nan, upper_percent=np.nan), baselines)
    write_json(tmp_path / "metrics.json", metrics)
    facts = json.loads((tmp_path / "metrics.json").read_text())["test"]["interval"]
    assert facts["coverage"] is None and facts["width_percent"] is None and facts["worst_person"] is None


def _evaluate(predictions, baselines):
    return evaluate(
        predictions, protocol="subject_independent", train_mean_percent=TRAIN_MEAN_PERCENT, baselines=baselines, n_clips=12,
        nominal_coverage=0.9, draws=100, seed=0,
    )  # fmt: skip


def test_a_spot_reading_counts_for_the_level_and_for_no_trend(predictions, baselines):
    """One recording's truth becomes a single reading: the scores of all seconds know it, R within recordings does not."""
    first = predictions["record_id"] == predictions["record_id"].iloc[0]
    predictions.loc[first, "true_percent"] = 97.0
    spot = predictions.assign(spot_sd_percent=np.where(first, 2.2, np.nan))
    metrics, without = _evaluate(spot, baselines), _evaluate(predictions[~first], baselines)
    assert metrics["test"]["spot_readings"] == {"n_records": 1, "n_seconds": first.sum(), "sd_percent": pytest.approx(2.2)}
    assert metrics["test"]["r_within_recordings"] == pytest.approx(without["test"]["r_within_recordings"])
    assert metrics["test"]["trend"]["lag"]["curve"] == pytest.approx(without["test"]["trend"]["lag"]["curve"], nan_ok=True)
    assert metrics["test"]["rmse"] == _evaluate(predictions, baselines)["test"]["rmse"] != without["test"]["rmse"]
    alone = _evaluate(spot[first], baselines)["test"]
    assert np.isnan(alone["r_within_recordings"]) and np.isnan(alone["trend"]["lag"]["lag_s"])
