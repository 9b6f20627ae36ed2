"""The accuracy benchmark's set of real waves, rendered and cut for two people; and its rows on runs made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy import BASELINES, CONSTANT, OURS, Run, baseline_table, clips_in, rows_by_run, rows_of_all
from benchmarks.sets import SETS, WORKSPACE, make_clips, params_of_set
from tast.clip_store import ClipStore
from tast.datasets.oximetry_phone_cam import read_oximetry_phone_cam
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.splits import make_split
from tast.errors import TastError
from tast.params import Params, changed, load_params
from tast.seconds import KEY, labels_per_second
from tests.benchmarks.test_recorded import REAL, needs_recordings
from tests.end_to_end.conftest import PROJECT


@pytest.fixture(scope="module")
def recorded() -> Params:
    return params_of_set(load_params(PROJECT / "params.yaml"), "recorded", REAL)


@needs_recordings
def test_a_set_changes_what_it_names_and_nothing_else(recorded):
    base = load_params(PROJECT / "params.yaml")
    people = {one.subject_id for one in read_oximetry_phone_cam(REAL)}
    assert recorded.download.phantom.subjects == len(people) and recorded.split.protocol == "leave_one_subject_out"
    assert recorded.preprocess.magnify == base.preprocess.magnify and recorded.train.learning_rate == base.train.learning_rate
    assert "recorded_root" not in SETS["recorded"].changes["download"]["phantom"], "the set itself is left as it is"


@pytest.fixture(scope="module")
def clips(recorded: Params, tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Three people, one session each."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAST_CACHE", str(folder / "cache"))
        phantom = recorded.download.phantom.model_copy(update={"subjects": 3, "sessions": 1})
        download = recorded.download.model_copy(update={"phantom": phantom})
        runner = recorded.runner.model_copy(update={"workers": 1})
        return make_clips(recorded.model_copy(update={"download": download, "runner": runner}), folder)


@needs_recordings
def test_real_people_come_through_the_whole_chain(clips):
    assert set(clips.manifest["subject_id"]) == {"p100001", "p100002", "p100003"} and clips.rejects.empty
    labels = np.concatenate(clips.manifest["spo2_percent"].tolist())
    assert np.nanmin(labels) > 60 and np.nanmax(labels) <= 100


@needs_recordings
def test_baselines_speak_of_every_test_second_and_never_see_the_person(clips, monkeypatch):
    split = make_split(clips.manifest, protocol="leave_one_subject_out", seed=0, fold=0)
    table = baseline_table(clips, split)
    recording = clips.manifest.loc[list(split.test)]
    assert set(table["record_id"]) == set(recording["record_id"]) and list(table.columns) == [*KEY, *BASELINES]
    assert len(table) == len(labels_per_second(recording)) and np.isfinite(table[list(BASELINES)]).all(axis=None)
    tested = clips.manifest["clip_id"].isin(split.test)
    labels = [[50.0] * 8 if one else known for one, known in zip(tested, clips.manifest["spo2_percent"], strict=True)]
    monkeypatch.setattr(clips, "manifest", clips.manifest.assign(spo2_percent=labels))
    pd.testing.assert_frame_equal(baseline_table(clips, split), table)


def run(fold: int, person: str, ours: list[float]) -> Run:
    """True 80 and 100; the constant says 90."""
    said = {name: [85.0, 95.0] for name in BASELINES} | {OURS: ours, CONSTANT: [90.0, 90.0]}
    return Run(fold, 0, pd.DataFrame({"dataset": "phantom", "subject_id": person, "true_percent": [80.0, 100.0]} | said))


def test_rows_of_all_people_score_their_seconds_together():
    rows = {row.name: row for row in rows_of_all([run(0, "a", [80.0, 100.0]), run(1, "b", [88.0, 92.0])])}
    assert rows["people"].value == 2 and rows["TAST-Net: MAE"].value == 4 and rows["TAST-Net: MAE"].ratio == pytest.approx(0.8)
    assert rows["TAST-Net: sensitivity, SpO2 < 90 %"].value == 1 and rows["TAST-Net: MAE"].aim == 1
    assert rows["constant predictor: MAE"].value == 10 and rows["constant predictor: MAE"].aim is None
    assert rows["time only: RMSE"].value == 5


def test_rows_by_run_tell_the_worst():
    rows = {row.name: row.value for row in rows_by_run([run(0, "a", [80.0, 100.0]), run(1, "b", [82.0, 98.0])], WORKSPACE)}
    assert rows["RMSE over the constant predictor's, worst run"] == pytest.approx(0.2)
    assert rows["RMSE, mean"] == 1 and rows["time only: RMSE, mean"] == 5 and rows["chrominance: R, mean"] == pytest.approx(1)
    assert rows["slope, mean"] == pytest.approx(0.9) and rows["bias, mean"] == 0
    assert rows["RMSE of all runs, 95 % from"] == 0 and rows["RMSE of all runs, 95 % to"] == pytest.approx(2)
    assert rows["RMSE less the constant's, 95 % to"] == pytest.approx(-8)


@pytest.mark.parametrize("name", [name for name in SETS if name != "recorded"])
def test_every_set_is_parameters_that_a_phantom_can_be_planned_from(name: str) -> None:
    params = params_of_set(load_params(PROJECT / "params.yaml"), name)
    phantom = params.download.phantom
    planned = plan_phantom(**phantom.model_dump())
    assert len(planned.sessions) == phantom.subjects * phantom.sessions
    assert len({session.scenario for session in planned.sessions}) == (9 if phantom.layout == "vipl_hr" else 6)


def test_a_set_that_is_tested_on_other_people_tests_them_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAST_CACHE", str(tmp_path / "cache"))
    narrow = replace(SETS["narrow"], tested_on={**(SETS["narrow"].tested_on or {}), "subjects": 1})
    params = params_of_set(load_params(PROJECT / "params.yaml"), "narrow")
    small = {"subjects": 3, "seconds": 9, "scenarios": ("steady",), "width_px": 160, "height_px": 120, "face_height_px": 96}
    phantom = params.download.phantom.model_copy(update=small | {"fps_hz": 15})
    download = params.download.model_copy(update={"phantom": phantom})
    params = params.model_copy(update={"download": download, "runner": params.runner.model_copy(update={"workers": 1})})
    clips = clips_in(tmp_path, params, narrow)
    split = make_split(clips.manifest, **params.split.model_dump())
    labels = clips.manifest.set_index("dataset")["spo2_percent"]
    assert set(clips.manifest["dataset"]) == {"phantom", "other"}
    assert set(clips.manifest.loc[list(split.test), "dataset"]) == {"other"}
    assert set(clips.manifest.loc[[*split.train, *split.val], "dataset"]) == {"phantom"}
    assert np.nanmin(np.concatenate(labels.loc[["other"]].tolist())) >= 94
    assert clips_in(tmp_path, params, narrow).digest == clips.digest
    with pytest.raises(TastError, match="another phantom"):
        clips_in(tmp_path, changed(params, {"download.phantom.seconds": 10}), narrow)
    with pytest.raises(TastError, match="other preprocessing"):
        clips_in(tmp_path, changed(params, {"preprocess.magnify.alpha": 1}), narrow)
