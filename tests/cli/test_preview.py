"""`tast preview` on a folder of images, on a record, and on what is neither."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.datasets.description import Description, describe
from tast.errors import BadInput, TastError
from tests.datasets.layouts import write_pure_session
from tests.preprocessing import scene

PROJECT = Path(__file__).parents[2]
run = CliRunner()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder to work in."""
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_face(folder: Path) -> None:
    """Three seconds of a face as PURE's images."""
    folder.mkdir()
    for time_s, rgb in scene.film(scene.still(3.2)):
        stamp = 1_392_643_993_642_815_000 + round(1e9 * time_s)
        cv2.imwrite(str(folder / f"Image{stamp}.png"), rgb[:, :, ::-1])


def test_a_folder_of_images_gives_a_film_and_a_sheet(project: Path) -> None:
    write_face(project / "session")
    result = run.invoke(app, ["preview", "session", "--out", "seen", "--seconds", "3"])
    assert result.exit_code == 0, result.output
    assert {path.name for path in (project / "seen").iterdir()} == {"session.mp4", "session.png"}


@pytest.mark.parametrize("arguments", [[], ["session", "--record", "01-01"]])
def test_a_video_or_a_record_is_asked_for(project: Path, arguments: list[str]) -> None:
    result = run.invoke(app, ["preview", *arguments])
    assert result.exit_code == 2
    assert "either a video or --record" in result.output


def test_what_cannot_be_shown_is_named(project: Path) -> None:
    (project / "empty").mkdir()
    for arguments, says in {
        ("none.mp4",): "none.mp4: no such file or folder",
        ("empty",): "empty: no image",
        ("params.yaml",): "params.yaml: cannot be opened",
        ("--record", "01-01"): "dataset.json",
    }.items():
        error = run.invoke(app, ["preview", *arguments]).exception
        assert isinstance(error, TastError), (arguments, error)
        assert says in str(error)


def test_an_unknown_record_is_told_which_there_are(project: Path) -> None:
    raw = project / "data/raw"
    write_pure_session(raw / "pure", "01-01")
    describe(raw, [Description("pure", "pure")])
    error = run.invoke(app, ["preview", "--record", "07-01"]).exception
    assert isinstance(error, BadInput)
    assert "'07-01'" in str(error)
    assert "01-01" in str(error)
