"""The predictions table: built from clips, read with checks, known by its digest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tast.errors import BadInput, TastError
from tast.evaluation.predictions import COLUMNS, digest_of_test, labelled, predictions_per_second, read_predictions
from tast.seconds import KEY

WIDTH = {"half_width_percent": 2.0, "lowest_percent": 50.0, "highest_percent": 100.0}


def test_a_second_is_one_row_with_the_mean_of_its_clips(clip_rows, predictions):
    """Clips of four seconds begin 0, 2 and 4 s into a face that begins at 3.4 s: eight seconds, four of them in two clips."""
    assert tuple(predictions.columns) == COLUMNS and len(predictions) == 4 * 8
    one = predictions[predictions["record_id"] == "s1-01"]
    assert one["second"].tolist() == list(range(3, 11))
    assert one["start_s"].tolist() == pytest.approx(np.arange(8) + 3.4)
    assert one["n_clips"].tolist() == [1, 1, 2, 2, 2, 2, 1, 1]
    clips = clip_rows[clip_rows["record_id"] == "s1-01"].set_index(["clip_id", "second"])["predicted_percent"]
    assert one["predicted_percent"].iloc[2] == pytest.approx((clips["s1-0000", 2] + clips["s1-0002", 0]) / 2)
    assert one["predicted_percent"].iloc[7] == pytest.approx(clips["s1-0004", 3])


def test_the_quality_of_a_second_is_the_mean_of_its_clips_that_have_one(clip_rows):
    """Clips of s1 have 0.95, 0.91 and 0.87, the middle one none: a window that was no clip."""
    clip_rows.loc[clip_rows["clip_id"] == "s1-0002", "quality"] = np.nan
    clip_rows.loc[clip_rows["subject_id"] == "s2", "quality"] = np.nan
    table = predictions_per_second(clip_rows, **WIDTH)
    quality = table.loc[table["subject_id"] == "s1", "quality"].tolist()
    assert quality == pytest.approx([0.95] * 4 + [0.87] * 4)
    assert predictions_per_second(clip_rows.iloc[12:24], **WIDTH)["quality"].notna().all()
    assert table.loc[table["subject_id"] == "s2", "quality"].isna().all()


def test_a_second_has_the_codec_of_its_recording(clip_rows):
    """Clips of s0 and s1 are of H.264, those of s2 of PNG; of s3 nothing is known."""
    clip_rows["codec"] = clip_rows["subject_id"].map({"s0": "h264", "s1": "h264", "s2": "png", "s3": ""})
    clip_rows["bits_per_pixel"] = clip_rows["subject_id"].map({"s0": 0.2, "s1": 0.4, "s2": 12.0})
    of_person = predictions_per_second(clip_rows, **WIDTH).groupby("subject_id")
    assert of_person["codec"].first().fillna("unknown").tolist() == ["h264", "h264", "png", "unknown"]
    assert of_person["codec"].nunique().tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(of_person["bits_per_pixel"].mean(), [0.2, 0.4, 12.0, np.nan])


def test_the_interval_ends_where_the_model_does(clip_rows):
    high = clip_rows.assign(predicted_percent=99.0)
    table = predictions_per_second(high, **WIDTH)
    assert set(table["lower_percent"]) == {97.0} and set(table["upper_percent"]) == {100.0}
    without = predictions_per_second(high, **WIDTH | {"half_width_percent": np.nan})
    assert without[["lower_percent", "upper_percent"]].isna().all(axis=None)


def test_a_prediction_that_is_not_finite_is_refused(clip_rows, predictions):
    """Even where another clip shows the same second: the mean of what is left would hide it."""
    clip_rows.loc[3, "predicted_percent"] = np.nan
    with pytest.raises(TastError, match="1 predictions are not finite, the first of clip s0-0000"):
        predictions_per_second(clip_rows, **WIDTH)
    predictions.loc[3, "predicted_percent"] = np.inf
    with pytest.raises(TastError, match="1 predictions are not finite, the first of second phantom/s0/s0-01/6"):
        labelled(predictions)


def test_seconds_without_a_label_are_kept_and_not_scored(clip_rows):
    clip_rows.loc[(clip_rows["clip_id"] == "s0-0000") & (clip_rows["second"] < 3), "true_percent"] = np.nan
    table = predictions_per_second(clip_rows, **WIDTH)
    assert len(table) == 32 and table["true_percent"].isna().sum() == 2  # the third lies in the next clip too
    assert len(labelled(table)) == 30
    with pytest.raises(TastError, match="has a label"):
        labelled(table.assign(true_percent=np.nan))


def test_the_digest_knows_seconds_and_labels_but_not_predictions(predictions):
    digest = digest_of_test(predictions)
    assert digest == digest_of_test(predictions.sample(frac=1.0, random_state=0).assign(predicted_percent=90.0, n_clips=1))
    assert digest != digest_of_test(predictions.assign(true_percent=predictions["true_percent"] + 1))
    assert digest != digest_of_test(predictions.iloc[1:])
    assert digest != digest_of_test(predictions.assign(dataset="other"))
    assert digest != digest_of_test(predictions.assign(second=predictions["second"] + 1))


def test_the_table_is_read_and_checked(predictions, tmp_path):
    path = tmp_path / "predictions.parquet"
    with pytest.raises(BadInput, match="no such file"):
        read_predictions(path)
    predictions.to_parquet(path)
    pd.testing.assert_frame_equal(read_predictions(path), predictions)
    later = ["quality", "spot_sd_percent", "codec", "bits_per_pixel"]
    predictions.drop(columns=later).to_parquet(path)  # as an earlier release wrote it
    assert read_predictions(path)[later].isna().all(axis=None) and tuple(read_predictions(path).columns) == COLUMNS
    predictions.drop(columns="second").to_parquet(path)
    with pytest.raises(BadInput, match="no column second"):
        read_predictions(path)
    pd.concat([predictions, predictions.iloc[:1]]).to_parquet(path)
    with pytest.raises(BadInput, match="twice"):
        read_predictions(path)
    predictions.assign(predicted_percent=np.nan).to_parquet(path)
    with pytest.raises(BadInput, match="not finite"):
        read_predictions(path)
    two_sets = pd.concat([predictions, predictions.assign(dataset="other")], ignore_index=True)
    two_sets.to_parquet(path)
    assert not read_predictions(path).duplicated(KEY).any()
