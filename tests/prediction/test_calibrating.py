"""A camera's profile: planted gains come back, what cannot be learnt is refused; `tast calibrate` does it with videos."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from tast.anchors import Reading
from tast.cli.main import app
from tast.errors import BadInput, TastError, VideoRejected
from tast.prediction.asked import Asked
from tast.prediction.calibrating import calibrate, calibrated
from tast.prediction.causes.findings import Findings
from tast.prediction.predict import delivered, read_video
from tast.prediction.profiles import CameraProfile, read_profile, write_profile
from tast.prediction.trace import PredictedTrace
from tast.records import VideoSource
from tast.saved_model import load_model, weights_digest
from tast.training.domain import LIGHT
from tast.training.interval import PredictionInterval
from tests.prediction.conftest import write_film

PROFILE = CameraProfile(2.0, 10.0, PredictionInterval(0.9, 4.0, 3, 90), None, 80.0, 98.0, "", 3)


def recordings(
    people: int, *, each: int = 2, noise: float = 0.3, level_sd: float = 2.0, fall: float = 12.0
) -> list[pd.DataFrame]:
    """SpO2 is twice what is read, at a level that people differ in."""
    rng = np.random.default_rng(0)
    tables = []
    for person in range(people):
        level = 10 + level_sd * rng.standard_normal()
        for number in range(each):
            true = 98 - fall * rng.uniform(0.5, 1) * np.linspace(0, 1, 40) + noise * rng.standard_normal(40)
            name = f"p{person}-{number}"
            tables.append(pd.DataFrame({
                "dataset": "csv", "subject_id": f"p{person}", "record_id": name, "scenario": "", "clip_id": name,
                "first_frame": np.arange(40), "fps_hz": 1.0, "start_s": np.arange(40.0), "second": 0, "true_percent": true,
                "changing_percent": (true - level) / 2,
            }))  # fmt: skip
    return tables


def test_a_planted_gain_comes_back_and_is_tried_on_people_left_out() -> None:
    profile, left_out = calibrate(recordings(12))
    assert profile.gain == pytest.approx(2, abs=0.05) and profile.level_percent == pytest.approx(10, abs=2)
    assert (profile.person, profile.n_recordings, profile.interval.n_subjects) == ("", 24, 12)
    assert left_out.anchored_rmse < 0.5 < 1.5 < left_out.rmse < left_out.constant_rmse  # people's levels are not to be had
    assert left_out.anchored_rmse < 0.1 * left_out.stays_rmse
    assert left_out.covered == pytest.approx(0.9, abs=0.02)
    assert profile.interval.half_width_percent > 2 and profile.anchored_interval is not None
    assert profile.anchored_interval.least_percent < 1


def test_of_one_person_the_profile_is_that_persons() -> None:
    profile, left_out = calibrate(recordings(1, each=3))
    assert profile.person == "csv/p0" and left_out.rmse < 0.1
    trace = calibrated(read(np.array([40.0, 41.0])), profile)
    of_whom = "from 3 recordings of csv/p0 alone: it holds for nobody else"
    assert trace.basis == (f"read by the profile of a camera and lamp, {of_whom}",)


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(
        TastError, match=r"moves by at most 1\.\d points within a recording; expected 4: one level fixes an offset"
    ):
        calibrate(recordings(5, fall=1.0))
    with pytest.raises(TastError, match="1 recordings of at least 20 s with readings; expected two"):
        calibrate([*recordings(1, each=1), recordings(2)[-1].iloc[:19]])
    rng = np.random.default_rng(1)
    with pytest.raises(TastError, match=r"does not follow SpO2 here \(r within recordings -?0\.\d\d, expected 0\.3\)"):
        calibrate(one.assign(changing_percent=rng.standard_normal(len(one))) for one in recordings(5))
    with pytest.raises(TastError, match=r"r within recordings -1\.00"):
        calibrate(one.assign(changing_percent=-one["changing_percent"]) for one in recordings(5, noise=0.0))


def read(changing: np.ndarray, outside: float = 0.0) -> PredictedTrace:
    ones = np.ones(len(changing))
    findings = Findings({LIGHT: ones * outside})
    return PredictedTrace(
        "a",
        np.arange(len(changing)) * 1.0,
        70 * ones,
        ones,
        ones,
        60 * ones,
        changing,
        np.nan * ones,
        None,
        50.0,
        100.0,
        findings=findings,
    )


def test_a_calibrated_trace_is_inside_of_what_is_known_and_says_how_far_that_goes() -> None:
    trace = delivered(read(np.array([44.0, 40.0, 30.0]), outside=2.0), Asked(profile=PROFILE))
    assert_allclose(trace.spo2_percent, [98, 90, 70])
    assert_allclose(trace.half_width_percent, 4.0)
    beyond = "1 of 3 s lie far beyond the 80 to 98 % that the profile was learnt from"
    assert trace.basis == ("read by the profile of a camera and lamp, from 3 recordings", beyond)
    anchored = trace.anchored([Reading(0.0, 1.0, 88.0, 1.0)])  # 88, 80 and 60
    assert anchored.basis[1:3] == ("anchored by 88 % at 0 to 1 s", beyond)
    with pytest.raises(VideoRejected, match="the light's colour"):
        delivered(read(np.array([44.0]), outside=2.0), Asked())
    again = calibrated(read(np.array([44.0, 40.0])), PROFILE)
    assert_allclose(np.diff(again.changing_percent), -8.0)  # what an anchor moves has the gain


def test_a_profile_is_kept_for_its_model_alone(tmp_path) -> None:
    path = tmp_path / "webcam.json"
    profile, _ = calibrate(recordings(4))
    write_profile(path, profile, "a" * 64)
    assert read_profile(path, "a" * 64) == profile
    with pytest.raises(BadInput, match="a profile of another model"):
        read_profile(path, "b" * 64)
    path.write_text(json.dumps({"weights_sha256": "a" * 64}))
    with pytest.raises(BadInput, match="not a profile"):
        read_profile(path, "a" * 64)
    with pytest.raises(BadInput, match="no such file"):
        read_profile(tmp_path / "none.json", "a" * 64)


@pytest.fixture(scope="module")
def filmed(saved, tmp_path_factory):
    """Two recordings of two people; the oximeter shows a line of what the model reads, as if it followed SpO2."""
    folder = tmp_path_factory.mktemp("webcam")
    model, card = load_model(saved)
    delay_s = card.preprocessing["label_delay_s"]
    for name, seconds in {"anna": 22.0, "bert": 21.4}.items():
        path = write_film(folder / f"{name}.avi", seconds)
        trace = read_video(name, VideoSource(path), model, card)
        moved = trace.changing_percent - trace.changing_percent.mean()
        shown = 90 + 3 * moved / moved.std()
        pd.DataFrame({"times_s": trace.start_s + delay_s + 0.5, "percent": shown}).to_csv(folder / f"{name}.csv", index=False)
    rows = [f"{name},{name},{name}.avi,{name}.csv" for name in ("anna", "bert")]
    (folder / "recordings.csv").write_text("\n".join(["subject_id,record_id,video,spo2", *rows]) + "\n")
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_recordings_on_disk_give_a_profile_that_predict_reads_by(filmed, saved, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    out = tmp_path / "webcam.json"
    result = run("calibrate", filmed, "--model", saved, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "the others' mean" in result.stdout and "of 2 recordings of 2 people" in result.stdout
    profile = read_profile(out, weights_digest(saved))
    assert profile.n_recordings == 2 and profile.gain > 0
    done = run("predict", filmed / "anna.avi", "--model", saved, "--out", tmp_path, "--profile", out)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "anna.csv")
    shown = pd.read_csv(filmed / "anna.csv")["percent"]
    assert np.corrcoef(table["spo2_percent"], shown)[0, 1] > 0.99
    assert (table["coverage"] == 0.9).all()
    both = run("predict", filmed / "anna.avi", "--model", saved, "--out", tmp_path, "--profile", out, "--uncalibrated")
    assert both.exit_code == 2 and "expected one of the two" in both.output


def test_a_camera_under_which_nothing_is_followed_is_refused_in_one_line_and_leaves_no_file(filmed, saved, tmp_path):
    for name in ("anna", "bert"):
        (tmp_path / f"{name}.avi").write_bytes((filmed / f"{name}.avi").read_bytes())
        table = pd.read_csv(filmed / f"{name}.csv")
        table.assign(percent=180 - table["percent"]).to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "recordings.csv").write_text((filmed / "recordings.csv").read_text())
    result = run("calibrate", tmp_path, "--model", saved, "--out", tmp_path / "webcam.json", "--workers", 1)
    assert result.exit_code == 1 and isinstance(result.exception, TastError | SystemExit)
    assert "does not follow SpO2" in f"{result.output}{result.exception}"
    assert not (tmp_path / "webcam.json").exists()
