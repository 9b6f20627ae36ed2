"""Levels and groups: each is the score of its own rows, groups part the seconds, and thirds of quality are thirds."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from tast.datasets import ladh, mcd_rppg, sums
from tast.evaluation.agreement import agreement, agreement_of_repeated
from tast.evaluation.breakdown import MOTION, UNKNOWN, grouped, levels, with_groups
from tast.evaluation.evaluate import BREAKDOWN, with_band
from tast.evaluation.metrics import score
from tast.people import person_of, recording_of
from tast.phantom.scenarios import SCENARIOS

BOOTSTRAP = {"draws": 50, "seed": 0}


@pytest.fixture
def rows(predictions: pd.DataFrame) -> pd.DataFrame:
    """Two recordings of each of four people, the second read 1 % higher, by two cameras; s3's skin is not known."""
    again = predictions.assign(record_id=predictions["record_id"] + "b", predicted_percent=predictions["predicted_percent"] + 1)
    both = pd.concat([predictions.assign(camera="one"), again.assign(camera="two")], ignore_index=True)
    return both.assign(
        skin_type=both["subject_id"].map({"s0": "II", "s1": "V", "s2": "II"}), codec=both["camera"].map({"one": "h264"})
    )


def test_each_level_is_the_score_of_its_means(rows: pd.DataFrame) -> None:
    found = levels(rows, **BOOTSTRAP)
    for name, key in {"recordings": recording_of(rows), "people": person_of(rows)}.items():
        means = rows.groupby(key)[["true_percent", "predicted_percent"]].mean()
        expected = asdict(score(means["true_percent"], means["predicted_percent"]))
        assert {score: found[name][score] for score in ("rmse", "mae", "pearson_r", "bias")} == pytest.approx(
            {score: expected[score] for score in ("rmse", "mae", "pearson_r", "bias")}, abs=1e-9
        )
    assert [found[name]["n"] for name in ("seconds", "recordings", "people")] == [64, 8, 4]
    error = rows["predicted_percent"] - rows["true_percent"]
    assert found["seconds"]["limit_high"] == agreement_of_repeated(error, person_of(rows)).limit_high
    per_recording, per_person = error.groupby(recording_of(rows)).mean(), error.groupby(person_of(rows)).mean()
    of_recordings = agreement_of_repeated(per_recording, [name.rpartition("/")[0] for name in per_recording.index])
    assert found["recordings"]["limit_high"] == pytest.approx(of_recordings.limit_high, abs=1e-9)
    assert found["people"]["limit_high"] == pytest.approx(agreement(per_person).limit_high, abs=1e-9)
    assert found["people"]["intervals"]["bias"]["low"] <= found["people"]["bias"] <= found["people"]["intervals"]["bias"]["high"]


@pytest.mark.parametrize("name", BREAKDOWN)
def test_groups_part_the_seconds_and_have_the_scores_of_their_rows(rows: pd.DataFrame, name: str) -> None:
    named = with_groups(with_band(rows))
    found = grouped(named, BREAKDOWN[name], **BOOTSTRAP)
    assert sum(one["n_seconds"] for one in found) == len(rows)
    errors = [one["rmse"] for one in found]
    assert np.average(np.square(errors), weights=[one["n_seconds"] for one in found]) == pytest.approx(
        np.mean((rows["predicted_percent"] - rows["true_percent"]) ** 2), abs=1e-9
    )
    for one in found:
        part = named[named[BREAKDOWN[name]].astype(object).where(named[BREAKDOWN[name]].notna(), UNKNOWN) == one["name"]]
        assert one["pearson_r"] == pytest.approx(score(part["true_percent"], part["predicted_percent"]).pearson_r, nan_ok=True)
        assert one["n_people"] == person_of(part).nunique()
        assert np.isnan(one["intervals"]["rmse"]["low"]) == (one["n_people"] == 1), "one person has no interval over people"
        assert one["coverage"] == pytest.approx(part["true_percent"].between(part["lower_percent"], part["upper_percent"]).mean())


def test_the_unknown_are_a_group_of_their_own_at_the_end_and_an_absent_column_has_none(rows: pd.DataFrame) -> None:
    assert [one["name"] for one in grouped(rows, "skin_type", **BOOTSTRAP)] == ["II", "V", UNKNOWN]
    assert grouped(rows, "colour", **BOOTSTRAP) == []
    nobody = grouped(rows.assign(skin_type=None), "skin_type", **BOOTSTRAP)
    assert [(one["name"], one["n_seconds"]) for one in nobody] == [(UNKNOWN, 64)]


def test_thirds_of_quality_are_those_of_pandas_and_ties_lie_together(rows: pd.DataFrame) -> None:
    quality = np.random.default_rng(0).permutation(np.linspace(0.2, 1.0, len(rows)))
    thirds = with_groups(rows.assign(quality=quality))["quality_third"]
    assert (thirds.cat.codes == pd.qcut(quality, 3, labels=False)).all()
    assert thirds.cat.categories[0].startswith("0.20 to ") and thirds.cat.categories[2].endswith(" to 1.00")
    few = with_groups(rows.assign(quality=np.where(np.arange(len(rows)) < 8, 0.5, 1.0)))["quality_third"]
    assert few.nunique() <= 2 and few.notna().all()
    some = with_groups(rows.assign(quality=np.where(np.arange(len(rows)) < 8, np.nan, quality)))["quality_third"]
    assert some.isna().sum() == 8
    assert with_groups(rows.assign(quality=np.nan))["quality_third"].isna().all()


def test_every_scenario_of_the_data_sets_has_a_motion(rows: pd.DataFrame) -> None:
    assert set(SCENARIOS) <= set(MOTION)
    assert {*mcd_rppg.SCENARIOS.values(), *sums.STATES.values(), *ladh.STATIONS.values()} <= set(MOTION)
    assert with_groups(rows.assign(scenario="in the car"))["motion"].isna().all()
