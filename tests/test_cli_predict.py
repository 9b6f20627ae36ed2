"""`tast predict`: tables, pictures, refusals and exit codes, as a user meets them."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from tast.cli import app
from tast.cli_predict import Format
from tast.errors import BadInput, TastError
from tast.prediction.files import FORMATS
from tests.prediction.conftest import film, saved, videos, write_film  # noqa: F401


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def test_a_folder_with_one_refused_video_gives_the_others_and_exit_code_1(videos, saved, tmp_path):  # noqa: F811
    result = run(videos, "--model", saved, "--out", tmp_path, "--workers", 1)
    assert result.exit_code == 1, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "anna-day1.csv", "anna-day1.png", "bert-day1.csv", "bert-day1.png",
    ]  # fmt: skip
    assert "nobody" in result.stdout and "no face" in result.stdout
    assert "90 % interval (± 3.5)" in result.stdout
    assert len(pd.read_csv(tmp_path / "bert-day1.csv")) == 6


def test_one_video_is_told_second_by_second_in_the_format_of_choice(videos, saved, tmp_path):  # noqa: F811
    result = run(videos / "anna" / "day1.avi", "--model", saved, "--out", tmp_path, "--format", "json")
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "day1.json").read_text())
    assert len(told["seconds"]) == 5
    assert f"{told['seconds'][4]['spo2_percent']:.1f}" in result.stdout and "mean" in result.stdout
    assert (tmp_path / "day1.png").read_bytes().startswith(b"\x89PNG")


def test_a_video_file_in_place_of_a_camera(saved, tmp_path, monkeypatch):  # noqa: F811
    """A file has no clock of its own: frames are timed as they are taken, here one every 40 ms."""
    path = write_film(tmp_path / "camera.avi", 4.5)
    clock = iter(range(10_000))
    from tast import camera

    read_camera = camera.read_camera
    monkeypatch.setattr(
        camera, "read_camera", lambda device, seconds: read_camera(device, seconds, clock=lambda: next(clock) * 0.04)
    )
    result = run("--camera", path, "--seconds", 10, "--model", saved, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "out" / "camera.csv")) == 4
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
    assert {kind.value for kind in Format} == set(FORMATS)


def test_help_has_examples():
    text = run("--help").stdout
    assert text.count("tast predict") >= 4  # usage and three examples
