"""`tast predict`: tables, pictures, refusals and exit codes, as a user meets them."""

from __future__ import annotations

import json
import os
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from tast.cli.main import app
from tast.cli.predict import Format
from tast.digests import OWN, content_digest
from tast.errors import BadInput, TastError
from tast.interchange.formats import FORMATS as EXCHANGES
from tast.prediction.files import FORMATS
from tast.prediction.profiles import CameraProfile, write_profile
from tast.saved_model import weights_digest
from tast.training.interval import PredictionInterval
from tests.prediction.conftest import film, saved, videos, write_film  # noqa: F401


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture(scope="module")
def short_film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_film(tmp_path_factory.mktemp("short") / "a.avi", 4.1).read_bytes()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def test_a_folder_with_one_refused_video_gives_the_others_and_exit_code_1(videos, saved, tmp_path):  # noqa: F811
    result = run(videos, "--model", saved, "--out", tmp_path, "--workers", 1)
    assert result.exit_code == 1, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".predicted", "anna-day1.csv", "anna-day1.png", "bert-day1.csv", "bert-day1.png",
    ]  # fmt: skip
    assert "\nnobody: refused: no face" in result.stdout
    assert result.stdout.count("90 %: ± 3.5") == 2 and "calibrated by" not in result.stdout
    assert len(pd.read_csv(tmp_path / "bert-day1.csv")) == 6


def test_one_video_is_told_second_by_second_in_the_format_of_choice(videos, saved, tmp_path):  # noqa: F811
    result = run(videos / "anna" / "day1.avi", "--model", saved, "--out", tmp_path, "--format", "json")
    assert result.exit_code == 0, result.output
    output = json.loads((tmp_path / "day1.json").read_text())
    assert len(output["seconds"]) == 5
    assert f"{output['seconds'][4]['spo2_percent']:.1f}" in result.stdout and "mean" in result.stdout
    assert (tmp_path / "day1.png").read_bytes().startswith(b"\x89PNG")


def test_an_anchor_moves_what_is_predicted_and_is_said(saved, short_film, tmp_path):  # noqa: F811
    (tmp_path / "day1.avi").write_bytes(short_film)
    asked = ("--model", saved, "--out", tmp_path / "out", "--format", "json", "--min-quality", 0)
    result = run(tmp_path / "day1.avi", *asked, "--anchor", "95.5")
    assert result.exit_code == 0, result.output
    output = json.loads((tmp_path / "out" / "day1.json").read_text())
    assert sum(one["spo2_percent"] for one in output["seconds"]) / len(output["seconds"]) == pytest.approx(95.5, abs=0.01)
    assert output["anchor"]["readings"] == [{"begin_s": 0.0, "end_s": 10.0, "spo2_percent": 95.5, "sd_percent": 1.0}]
    said = ("anchored by 95.5 % at 0 to 10 s", "no interval: the model knows none")  # its card is of before
    assert output["basis"] == list(said) and all(f"day1: {line}" in result.stdout for line in said)


def test_an_offset_is_kept_of_one_recording_for_another(saved, short_film, tmp_path):  # noqa: F811
    for name in ("monday", "tuesday"):
        (tmp_path / f"{name}.avi").write_bytes(short_film)
    kept, model = tmp_path / "anna.json", ("--model", saved, "--min-quality", 0)
    done = CliRunner().invoke(app, [*map(str, ["anchor", tmp_path / "monday.avi", "--anchor", "95.5", "--out", kept, *model])])
    assert done.exit_code == 0, done.output
    assert "monday is read" in done.output
    result = run(tmp_path / "tuesday.avi", *model, "--anchor", kept, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert pd.read_csv(tmp_path / "tuesday.csv")["spo2_percent"].mean() == pytest.approx(95.5, abs=0.01)


@pytest.fixture(scope="module")
def cameras(saved, tmp_path_factory):  # noqa: F811
    """Two profiles, and a table of which video has which: the gain of one is twice the other's."""
    folder = tmp_path_factory.mktemp("cameras")
    for name, gain in (("webcam", 0.5), ("phone", 1.0)):
        profile = CameraProfile(gain, 90 - 92 * gain, PredictionInterval(0.9, 2.5, 3, 90), None, 80.0, 98.0, "", 3)
        write_profile(folder / f"{name}.json", profile, weights_digest(saved))
    (folder / "cameras.csv").write_text("video,profile\na,webcam.json\nb,phone.json\ncamera,webcam.json\n")
    return folder


def test_videos_of_several_cameras_are_read_at_once(saved, short_film, cameras, tmp_path):  # noqa: F811
    for name in ("a", "b", "c"):
        (tmp_path / "films" / f"{name}.avi").parent.mkdir(exist_ok=True)
        (tmp_path / "films" / f"{name}.avi").write_bytes(short_film)
    asked = ("--model", saved, "--workers", 1, "--format", "json", "--min-quality", 0)
    result = run(tmp_path / "films", *asked, "--out", tmp_path, "--profile", cameras / "cameras.csv")
    assert result.exit_code == 1 and "c: refused: the table of profiles has none of it (but of a, b, camera)" in result.stdout
    assert not (tmp_path / "c.json").exists()
    a, b = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("a", "b"))
    assert (a["calibrated_by"], a["profile"]["gain"], b["profile"]["gain"]) == ("profile", 0.5, 1.0)
    assert a["basis"] == ["read by the profile of a camera and lamp, from 3 recordings"]
    assert f"all 2: {a['basis'][0]}" in result.stdout and result.stdout.count("90 %: ± 2.5") == 2
    again = run(tmp_path / "films", *asked, "--out", tmp_path, "--profile", cameras / "cameras.csv", "--resume")
    assert "2 of 3 videos were read before" in again.stdout
    other = run(tmp_path / "films", *asked, "--out", tmp_path, "--profile", cameras / "phone.json", "--resume")
    assert other.exit_code == 0 and "all 3: read by the profile" in other.stdout  # one profile for all
    assert "2 tables in" in other.stdout and "read anew" in other.stdout
    spans = [np.ptp([second["spo2_percent"] for second in one["seconds"]]) for one in (a, b)]
    assert 2 * spans[0] == pytest.approx(spans[1], abs=0.03)


def test_an_anchor_kept_by_a_profile_holds_beside_it_alone(saved, short_film, cameras, tmp_path):  # noqa: F811
    (tmp_path / "a.avi").write_bytes(short_film)
    kept, model, webcam = tmp_path / "anna.json", ("--model", saved, "--min-quality", 0), ("--profile", cameras / "webcam.json")
    done = CliRunner().invoke(app, [*map(str, ["anchor", tmp_path / "a.avi", "--anchor", 97, "--out", kept, *model, *webcam])])
    assert done.exit_code == 0, done.output
    result = run(tmp_path / "a.avi", *model, *webcam, "--anchor", kept, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["spo2_percent"].mean() == pytest.approx(97, abs=0.01) and set(table["calibrated_by"]) == {"profile+anchor"}
    assert "anchored by what was kept of another recording" in result.stdout
    for others in ((), ("--profile", cameras / "phone.json")):
        caught = run(tmp_path / "a.avi", *model, *others, "--anchor", kept, "--out", tmp_path).exception
        assert isinstance(caught, TastError) and "the anchor of a was kept with a" in str(caught) and "\n" not in str(caught)


def test_a_table_of_an_earlier_run_is_not_taken_for_a_refused_videos(saved, short_film, tmp_path):  # noqa: F811
    (tmp_path / "a.avi").write_bytes(short_film)
    asked = (tmp_path / "a.avi", "--model", saved, "--out", tmp_path)
    assert run(*asked, "--min-quality", 0).exit_code == 0
    result = run(*asked, "--min-quality", 1)
    assert result.exit_code == 1 and f"{tmp_path / 'a.csv'} is of an earlier run: this one refuses its video" in result.stdout
    assert "earlier run" not in run(*asked, "--min-quality", 1, "--format", "parquet").stdout


def test_a_trend_and_percentages_are_not_asked_for_at_once(saved, tmp_path):  # noqa: F811
    result = run("a.avi", "--model", saved, "--out", tmp_path, "--anchor", "97", "--uncalibrated")
    assert result.exit_code == 2 and "expected one of the two" in result.output


def test_a_trend_is_told_without_a_percentage(saved, short_film, tmp_path):  # noqa: F811
    (tmp_path / "a.avi").write_bytes(short_film)
    result = run(tmp_path / "a.avi", "--model", saved, "--out", tmp_path, "--min-quality", 0, "--uncalibrated")
    assert result.exit_code == 0, result.output
    assert "trend (no scale)" in result.stdout and "SpO2 (%)" not in result.stdout
    assert "a: no percentage is known: its trend is the change since the first 10 s" in result.stdout
    assert "interval" not in result.stdout and " to –" not in result.stdout


@pytest.mark.parametrize(
    ("anchor", "said"), [("97%", "neither a reading nor a file"), ("60=97", "an anchor of 55 to 65 s"), ("12", "12 %")]
)
def test_an_anchor_that_is_none_is_refused(saved, short_film, tmp_path, anchor, said):  # noqa: F811
    (tmp_path / "a.avi").write_bytes(short_film)
    result = run(tmp_path / "a.avi", "--model", saved, "--out", tmp_path, "--min-quality", 0, "--anchor", anchor)
    assert result.exit_code == 1 and not (tmp_path / "a.csv").exists()
    assert said in f"{result.output} {result.exception}"


@pytest.mark.parametrize(("people", "warned"), [(["phantom/01", "phantom/02"], True), (["phantom/01", "pure/01"], False)])
def test_a_model_that_has_seen_rendered_people_alone_says_so_once(saved, short_film, tmp_path, people, warned):  # noqa: F811
    shutil.copytree(saved, tmp_path / "model")
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    card |= {"people_seen": people}
    (tmp_path / "model" / "model.json").write_text(json.dumps(card | {OWN: content_digest(card)}))
    for name in ("a", "b"):
        (tmp_path / f"{name}.avi").write_bytes(short_film)
    names = [tmp_path / f"{name}.avi" for name in ("a", "b")]
    result = run(*names, "--model", tmp_path / "model", "--out", tmp_path / "out", "--format", "json", "--workers", 1)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("has seen rendered people alone") == warned
    output = json.loads((tmp_path / "out" / "b.json").read_text())
    assert output["trained_on"] == sorted({person.split("/")[0] for person in people})
    assert (output["caution"] is not None) == warned


def test_an_interrupted_folder_goes_on_where_it_stopped(saved, tmp_path, monkeypatch):  # noqa: F811
    """Interrupted after its first video, as by Ctrl-C; read again only where the video or an option has changed."""
    from tast.prediction import batch

    predict_video, names, interruptions = batch.predict_video, [], [KeyboardInterrupt()]

    def output(name, *arguments, **options):
        names.append(name)
        if names == ["a", "b"] and interruptions:
            raise interruptions.pop()
        return predict_video(name, *arguments, **options)

    def read(*arguments):
        names.clear()
        here = "--workers", 1, "--memory-gb", 0  # in this process
        return run(tmp_path / "films", "--model", saved, "--out", tmp_path / "out", *here, *arguments)

    monkeypatch.setattr(batch, "predict_video", output)
    write_film(tmp_path / "films" / "a.avi", 4.1)
    for name in ("b", "c"):
        shutil.copy(tmp_path / "films" / "a.avi", tmp_path / "films" / f"{name}.avi")
    assert read().exit_code == 130
    table = (tmp_path / "out" / "a.csv").read_bytes()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.csv", "a.png", ".predicted"}
    result = read("--resume")
    assert (result.exit_code, names) == (0, ["b", "c"]), result.output
    assert "1 of 3 videos were read before" in result.stdout
    assert (tmp_path / "out" / "a.csv").read_bytes() == table
    os.utime(tmp_path / "films" / "b.avi", (0, 0))
    (tmp_path / "out" / "c.csv").unlink()
    assert read("--resume").exit_code == 0 and names == ["b", "c"]
    result = read("--resume")
    assert (result.exit_code, names) == (0, []) and "3 of 3 videos were read before" in result.stdout
    assert read("--resume", "--min-quality", 0.1).exit_code == 0 and names == ["a", "b", "c"]
    result = read("--resume")
    assert names == ["a", "b", "c"] and "3 tables in" in result.stdout  # those that are there are of the other option
    (tmp_path / "out" / "a.csv").write_text("edited")
    assert read("--resume").exit_code == 0 and names == ["a"]
    monkeypatch.setattr("tast.provenance.code_digest", lambda *modules: "edited")
    result = read("--resume")
    assert names == ["a", "b", "c"] and "rest on another model, option, video, code or library: read anew" in result.stdout


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: b"", "cannot be opened"),
        (lambda content: b"hello", "cannot be opened"),
        (lambda content: content[:40], "cannot be opened"),
        (lambda content: content[: len(content) // 3], "shorter than one period of 0.4 Hz; damaged after frame 3"),
    ],
)
def test_an_unreadable_or_damaged_video_is_refused_with_the_reason(saved, short_film, tmp_path, spoil, said):  # noqa: F811
    (tmp_path / "bad.avi").write_bytes(spoil(short_film))
    result = run(tmp_path / "bad.avi", "--model", saved, "--out", tmp_path / "out")
    assert result.exit_code == 1 and said in result.stdout
    assert not (tmp_path / "out").exists()


def test_a_video_file_in_place_of_a_camera(saved, cameras, tmp_path, monkeypatch):  # noqa: F811
    """A file has no clock of its own: frames are timed as they are taken, here one every 40 ms."""
    path = write_film(tmp_path / "camera.avi", 4.5)
    clock = iter(range(10_000))
    from tast.video import camera

    read_camera = camera.read_camera
    monkeypatch.setattr(
        camera, "read_camera", lambda device, seconds: read_camera(device, seconds, clock=lambda: next(clock) * 0.04)
    )
    result = run("--camera", path, "--seconds", 10, "--model", saved, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "out" / "camera.csv")) == 4
    clock = iter(range(10_000))
    by_table = ("--profile", cameras / "cameras.csv")
    result = run("--camera", path, "--seconds", 10, "--model", saved, "--out", tmp_path / "calibrated", *by_table)
    assert result.exit_code == 0, result.output
    plain, calibrated = (pd.read_csv(tmp_path / folder / "camera.csv")["spo2_percent"] for folder in ("out", "calibrated"))
    assert np.allclose(calibrated, 0.5 * plain + 44, atol=0.011) and "read by the profile" in result.stdout
    result = run("--camera", path, "--seconds", 1, "--model", saved, "--out", tmp_path / "out2")
    assert result.exit_code == 1 and "shorter" in result.stdout
    assert not (tmp_path / "out2").exists()


@pytest.mark.parametrize("arguments", [(), ("a.mp4", "--camera", "0")])
def test_videos_or_a_camera_but_not_both(arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and "either videos or --camera" in result.output


def test_mistakes_are_errors_of_one_line(saved, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for arguments, error, said in (
        (("none.mp4", "--model", saved), BadInput, "none.mp4: no such file or folder"),
        ((".", "--model", saved), BadInput, "no video in it"),
        (("--camera", "nothing.avi", "--model", saved), BadInput, "camera nothing.avi: cannot be opened"),
        (("none.mp4", "--model", "models:/tast-net@champion"), TastError, "run `make repro` here, or set MLFLOW_TRACKING_URI"),
    ):
        caught = run(*arguments).exception
        assert isinstance(caught, error) and said in str(caught) and "\n" not in str(caught)
    assert list(tmp_path.iterdir()) == []


def test_every_format_can_be_chosen():
    assert [kind.value for kind in Format] == [*FORMATS, *EXCHANGES]


def test_other_tools_formats_lie_beside_the_picture_and_are_gone_on_with(saved, short_film, tmp_path):  # noqa: F811
    (tmp_path / "a.avi").write_bytes(short_film)
    asked = (tmp_path / "a.avi", "--model", saved, "--out", tmp_path / "out", "--min-quality", 0, "--format", "fhir")
    result = run(*asked)
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.fhir.json", "a.png", ".predicted"}
    assert json.loads((tmp_path / "out/a.fhir.json").read_text())["resourceType"] == "Bundle"
    assert "1 of 1 videos were read before" in run(*asked, "--resume").stdout


def test_a_program_is_told_what_became_of_each_video(saved, short_film, tmp_path):  # noqa: F811
    """Of one that is read, and of one that is none; the lines of --resume are on stderr."""
    for name, content in (("a", short_film), ("b", b"hello")):
        (tmp_path / f"{name}.avi").write_bytes(content)
    here = ("--workers", 1, "--memory-gb", 0)  # in this process
    asked = (tmp_path / "a.avi", tmp_path / "b.avi", "--model", saved, "--out", tmp_path / "out", *here, "--json")
    done = run(*asked)
    a, b = json.loads(done.stdout)["videos"]
    table = pd.read_csv(tmp_path / "out/a.csv")
    assert done.exit_code == 1 and (a["table"], a["seconds"], a["coverage"]) == (str(tmp_path / "out/a.csv"), len(table), 0.9)
    assert a["refused"] is None and a["mean_percent"] == pytest.approx(table["spo2_percent"].mean(), abs=0.01)
    assert b["video"] == "b" and "cannot be opened" in b["refused"]
    resumed = run(*asked, "--resume")
    assert [one["video"] for one in json.loads(resumed.stdout)["videos"]] == ["b"]
    assert "1 of 2 videos were read before" in resumed.stderr


def test_a_package_that_lacks_is_named_before_a_video_is_read(saved, short_film, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "a.avi").write_bytes(short_film)
    monkeypatch.setitem(sys.modules, "edfio", None)
    caught = run(tmp_path / "a.avi", "--model", saved, "--out", tmp_path / "out", "--format", "edf").exception
    assert isinstance(caught, TastError) and "edfio: no such package" in str(caught)
    assert "pip install 'tast[interchange]'" in str(caught) and not (tmp_path / "out").exists()


def test_help_has_examples():
    text = run("--help").stdout
    assert text.count("tast predict") >= 4  # usage and three examples
