"""The accuracy benchmark's set of real waves, rendered and cut for two people; and its rows on runs made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import sets
from benchmarks.accuracy import rows_by_run, rows_of_all
from benchmarks.runs import BASELINES, CONSTANT, OURS, Run, baseline_table, with_baselines
from benchmarks.sets import SETS, WORKSPACE, clips_folder, kept_clips, params_of_set, phantoms_of
from flows.tables import clips as table_clips
from tast.clip_store import ClipStore
from tast.datasets.oximetry_phone_cam import read_oximetry_phone_cam
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.splits import make_split
from tast.params import Params, changed, load_params
from tast.phantom.session import Session
from tast.seconds import KEY
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
        params = recorded.model_copy(update={"download": download, "runner": runner})
        return kept_clips(folder, "recorded", phantoms_of(params), params)


@needs_recordings
def test_real_people_come_through_the_whole_chain(clips):
    assert set(clips.manifest["subject_id"]) == {"p100001", "p100002", "p100003"} and clips.rejects.empty
    labels = np.concatenate(clips.manifest["spo2_percent"].tolist())
    assert np.nanmin(labels) > 60 and np.nanmax(labels) <= 100


@needs_recordings
def test_baselines_speak_of_every_test_second_and_never_see_the_person(clips, monkeypatch):
    split = make_split(clips.manifest, protocol="leave_one_subject_out", seed=0, fold=0)
    table = baseline_table(clips, split)
    tested = clips.manifest.loc[list(split.test)]
    assert set(table["record_id"]) == set(tested["record_id"]) and list(table.columns) == [*KEY, *BASELINES]
    assert len(table) == 12 and np.isfinite(table[list(BASELINES)]).all(axis=None)  # clips of 8 s that start at 0, 2 and 4 s
    is_tested = clips.manifest["clip_id"].isin(split.test)
    labels = [[50.0] * 8 if one else known for one, known in zip(is_tested, clips.manifest["spo2_percent"], strict=True)]
    monkeypatch.setattr(clips, "manifest", clips.manifest.assign(spo2_percent=labels))
    pd.testing.assert_frame_equal(baseline_table(clips, split), table)


def run(fold: int, person: str, ours: list[float]) -> Run:
    """True 80 and 100; the constant says 90."""
    said = {name: [85.0, 95.0] for name in BASELINES} | {OURS: ours, CONSTANT: [90.0, 90.0]}
    return Run(fold, 0, pd.DataFrame({"subject_id": person, "true_percent": [80.0, 100.0]} | said))


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
    assert rows["RMSE of all runs"] == pytest.approx(np.sqrt(2))
    assert rows["RMSE of all runs, 95 % from"] == 0 and rows["RMSE of all runs, 95 % to"] == pytest.approx(2)
    assert rows["RMSE of all runs less the constant's, 95 % to"] == pytest.approx(-8)


@pytest.mark.parametrize("name", [name for name in SETS if "recorded" not in name])
def test_every_set_is_parameters_that_a_phantom_can_be_planned_from(name: str) -> None:
    params = params_of_set(load_params(PROJECT / "params.yaml"), name)
    phantom = params.download.phantom
    planned = plan_phantom(**phantom.model_dump())
    assert len(planned.sessions) == phantom.subjects * phantom.sessions
    assert len({session.scenario for session in planned.sessions}) == (9 if phantom.layout == "vipl_hr" else 6)


def test_a_method_that_says_nothing_of_a_second_is_given_the_constant() -> None:
    second = {"dataset": "set", "subject_id": ["a", "a"], "record_id": "a", "second": [0, 1]}
    rows = pd.DataFrame(second | {"true_percent": 90.0, "predicted_percent": 91.0, "constant_percent": 88.0})
    beside = pd.DataFrame(second | {name: [95.0, np.nan] for name in BASELINES})
    joined = with_baselines(rows, beside)
    assert joined[OURS].tolist() == [91.0, 91.0] and joined["chrominance"].tolist() == [95.0, 88.0]
    with pytest.raises(ValueError, match="2 seconds are scored, and the baselines speak of 1"):
        with_baselines(rows, beside.iloc[:1])


def small(params: Params) -> Params:
    """A set's parameters with three people of 9 s in small pictures."""
    phantom = params.download.phantom.model_copy(
        update={"subjects": 3, "seconds": 9, "scenarios": ("steady",), "width_px": 160, "height_px": 120, "face_height_px": 96}
        | {"fps_hz": 15}
    )
    download = params.download.model_copy(update={"phantom": phantom})
    return params.model_copy(update={"download": download, "runner": params.runner.model_copy(update={"workers": 1})})


def stopped_after_two(render: Callable[..., None]) -> Callable[..., None]:
    """Of three sessions that are to be rendered, it is interrupted before the third."""

    def interrupted(sessions: Sequence[Session], **where: Any) -> None:
        render(sessions[:2], **where)
        raise KeyboardInterrupt

    return interrupted


def test_a_set_that_is_tested_on_other_people_tests_them_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAST_CACHE", str(tmp_path / "cache"))
    params = small(params_of_set(load_params(PROJECT / "params.yaml"), "narrow"))
    phantoms = phantoms_of(params, {"other": {**SETS["narrow"].others["other"], "subjects": 1}})
    render = sets._render
    monkeypatch.setattr(sets, "_render", stopped_after_two(render))
    with pytest.raises(KeyboardInterrupt):
        kept_clips(tmp_path, "narrow", phantoms, params)
    rendered: list[int] = []

    def counted(sessions: Sequence[Session], **where: Any) -> None:
        rendered.extend(session.subject for session in sessions)
        render(sessions, **where)

    monkeypatch.setattr(sets, "_render", counted)
    clips = kept_clips(tmp_path, "narrow", phantoms, params)
    assert rendered == [3, 1], "what was rendered before the interruption is kept"
    split = make_split(clips.manifest, **params.split.model_dump())
    labels = clips.manifest.set_index("dataset")["spo2_percent"]
    assert set(clips.manifest["dataset"]) == {"phantom", "other"}
    assert set(clips.manifest.loc[list(split.test), "dataset"]) == {"other"}
    assert set(clips.manifest.loc[[*split.train, *split.val], "dataset"]) == {"phantom"}
    assert np.nanmin(np.concatenate(labels.loc[["other"]].tolist())) >= 94
    assert not (clips.folder.parent / "raw").exists()
    kept_clips(tmp_path, "narrow", phantoms, params)
    assert rendered == [3, 1], "and clips that are there are found"


def test_kept_clips_are_those_of_this_phantom_preprocessing_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = params_of_set(load_params(PROJECT / "params.yaml"), "narrow")

    def folder(own: Params = params, **other: object) -> Path:
        return clips_folder(tmp_path, "narrow", phantoms_of(own, {"other": {"subjects": 1} | other}), own)

    folders = [
        folder(),
        folder(changed(params, {"download.phantom.seconds": 10})),
        folder(changed(params, {"download.phantom.seed": 6})),
        folder(seed=6),
        folder(changed(params, {"preprocess.magnify.alpha": 1})),
    ]
    for module in (sets, table_clips):
        with monkeypatch.context() as patch:
            patch.setattr(module, "code_digest", lambda *_: "other code")
            folders.append(folder())
    assert len(set(folders)) == len(folders) and folder() == folders[0]


def test_recordings_are_known_by_their_content(tmp_path: Path) -> None:
    params = params_of_set(load_params(PROJECT / "params.yaml"), "pure_wide")
    (tmp_path / "recordings").mkdir()
    phantom = phantoms_of(params)["phantom"].model_copy(
        update={"driver": "recorded", "recorded_root": str(tmp_path / "recordings")}
    )
    empty = clips_folder(tmp_path, "recorded", {"phantom": phantom}, params)
    (tmp_path / "recordings/wave.csv").write_text("1")
    assert clips_folder(tmp_path, "recorded", {"phantom": phantom}, params) != empty
