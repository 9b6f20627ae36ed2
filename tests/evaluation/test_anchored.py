"""Anchored predictions scored: from what is known of the first seconds, on the seconds after these."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from tast.evaluation.anchored import anchored_predictions
from tast.evaluation.evaluate import anchored_facts
from tast.training.anchored_interval import AnchoredInterval

INTERVAL = AnchoredInterval(0.9, 2.0, 0.0, 0.0, 8, 70)
ASKED = {"train_mean_percent": 90.0, "nominal_coverage": 0.9, "draws": 50, "seed": 0}


def recording(true: np.ndarray, given: np.ndarray, name: str = "a", begin_s: float = 0.0) -> pd.DataFrame:
    n = len(true)
    return pd.DataFrame({
        "dataset": "made", "subject_id": name, "record_id": name, "scenario": "fall", "second": np.arange(n),
        "start_s": begin_s + np.arange(n), "true_percent": true, "predicted_percent": np.clip(given, 50, 100),
        "lower_percent": np.nan, "upper_percent": np.nan, "n_clips": 1, "quality": 1.0, "spot_sd_percent": np.nan,
        "codec": None, "bits_per_pixel": np.nan, "changing_percent": given,
    })  # fmt: skip


FALLING = np.concatenate([np.full(10, 98.0), np.arange(98.0, 88.0, -1.0)])


def test_a_change_is_read_right_whatever_the_level_is() -> None:
    """Given 30 points too high, all of it above what can be."""
    rows = anchored_predictions(recording(FALLING, FALLING + 30), INTERVAL)
    assert rows["second"].tolist() == list(range(10, 20))  # the anchor's own are not scored
    assert_allclose(rows["predicted_percent"], FALLING[10:])
    assert_allclose(rows["stays_percent"], 98.0)
    assert_allclose(rows["upper_percent"], np.minimum(FALLING[10:] + 2, 100))


def test_light_that_is_another_than_at_the_anchor_widens_the_interval_as_predict_does() -> None:
    of_light = AnchoredInterval(0.9, 2.0, 0.0, 0.0, 8, 70, of_light=4.0)
    brightness = np.concatenate([np.tile([-0.1, 0.1], 5), np.zeros(5), np.full(4, 0.25), [np.nan]])
    rows = anchored_predictions(recording(FALLING, FALLING).assign(brightness=brightness), of_light)
    assert_allclose(rows["predicted_percent"] - rows["lower_percent"], [2] * 5 + [2 * np.sqrt(2)] * 4 + [2])


def test_where_the_face_is_first_seen_late_its_seconds_are_counted_from_there() -> None:
    rows = anchored_predictions(recording(FALLING, FALLING, begin_s=3.4), INTERVAL)
    assert rows["start_s"].min() == 13.4


def test_a_method_that_gives_no_number_before_the_bounds_is_anchored_by_what_it_gives() -> None:
    given = recording(FALLING, FALLING - 5).assign(changing_percent=np.nan)
    assert_allclose(anchored_predictions(given, None)["predicted_percent"], FALLING[10:])
    assert anchored_predictions(given, None)["lower_percent"].isna().all()


def test_recordings_no_longer_than_an_anchor_have_no_second_to_score() -> None:
    short = recording(FALLING[:10], FALLING[:10])
    assert anchored_predictions(short, INTERVAL).empty
    assert anchored_facts(anchored_predictions(short, INTERVAL), **ASKED) is None
    both = pd.concat([short, recording(FALLING, FALLING, "b")])
    assert set(anchored_predictions(both, INTERVAL)["record_id"]) == {"b"}


def test_one_reading_for_a_whole_recording_anchors_nothing() -> None:
    spots = pd.concat([recording(FALLING, FALLING), recording(FALLING, FALLING, "b").assign(spot_sd_percent=2.0)])
    assert set(anchored_predictions(spots, INTERVAL)["record_id"]) == {"a"}


def test_it_stands_beside_who_says_that_nothing_changes() -> None:
    people = pd.concat([recording(FALLING, 20 + FALLING, "a"), recording(FALLING - 2, FALLING - 9, "b")])
    facts = anchored_facts(anchored_predictions(people, INTERVAL), **ASKED)
    assert facts is not None
    assert facts["test"]["rmse"] < 1e-9
    assert_allclose(facts["stays"]["rmse"], np.sqrt(np.mean(np.arange(10.0) ** 2)))
    assert facts["test"]["n_seconds"] == 20 and facts["test"]["interval"]["coverage"] == 1.0
    assert facts["against"]["stays"]["rmse_difference"] < -5
