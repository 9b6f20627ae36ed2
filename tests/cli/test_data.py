"""`tast audit` and `tast check` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tast.cli.main import app
from tast.datasets.description import Description, describe, described
from tast.errors import BadInput
from tests.datasets.layouts import write_pure_session, write_recording
from tests.datasets.more_layouts import write_ladh_station
from tests.datasets.test_oximetry_phone_cam import write_set


def tast(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})


def test_version():
    done = tast("--version")
    assert done.exit_code == 0 and done.output.strip()[0].isdigit()


def test_audit_of_a_folder(tmp_path):
    write_pure_session(tmp_path / "PURE", n_images=31)
    done = tast("audit", tmp_path / "PURE", "--layout", "pure", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "1 of 1 subjects" in done.output and "RMSE 0.00, MAE 0.00" in done.output
    assert json.loads((tmp_path / "out/audit.json").read_text())["dataset"] == "pure"
    assert (tmp_path / "out/audit.html").is_file()


def test_audit_of_what_was_downloaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pure_session(tmp_path / "data/raw/phantom")
    describe(tmp_path / "data/raw", [Description(layout="pure", name="phantom")])
    assert tast("audit").exit_code == 0
    assert json.loads((tmp_path / "audit/audit.json").read_text())["dataset"] == "phantom"


def test_audit_of_colour_series(tmp_path):
    """Medians 98.2, 95, none, 81 of both hands: mean 91.4, SD 7.47."""
    write_set(tmp_path / "set")
    done = tast("audit", tmp_path / "set", "--layout", "oximetry_phone_cam", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "2 of 1 subjects" in done.output and "2 of 8" in done.output and "91.40, SD 7.47" in done.output
    assert json.loads((tmp_path / "out/audit.json").read_text())["dataset"] == "oximetry_phone_cam"


def test_audit_names_the_layouts_it_knows(tmp_path):
    done = tast("audit", tmp_path, "--layout", "mahnob")
    assert done.exit_code == 2 and "'mahnob' is not one of pure, vipl_hr, csv" in done.output


def test_what_was_downloaded_is_told_or_missing(tmp_path):
    output = (Description(layout="pure", name="phantom"), Description("vipl_hr", "vipl_hr", include_nir=True))
    describe(tmp_path, output)
    assert described(tmp_path) == output
    with pytest.raises(BadInput, match="a downloaded data set"):
        described(tmp_path / "none")


def damaged_recordings(folder: Path) -> Path:
    write_recording(folder, "good")
    write_recording(folder, "cut")
    video = folder / "cut.avi"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    write_recording(folder, "fault", readings=((0, 97), (1, 127)))
    write_recording(folder, "lost")
    (folder / "lost.csv").unlink()
    return folder


def test_check_names_every_defect_and_fails(tmp_path):
    done = tast("check", damaged_recordings(tmp_path))
    assert done.exit_code == 1
    for output in (
        "cut.avi",
        "good frames",
        "1 of 2 SpO2 readings masked",
        "lost.csv: cannot be read",
        "1 of 4 recordings are ready",
    ):
        assert output in done.output
    assert "good " not in done.output.replace("good frames", "")


def test_check_of_sound_recordings_succeeds(tmp_path):
    write_recording(tmp_path, "a")
    done = tast("check", tmp_path)
    assert done.exit_code == 0 and "1 of 1 recordings are ready to use" in done.output and "defect" not in done.output


def test_check_and_audit_of_another_layout(tmp_path):
    """A station of LADH whose clocks differ, and one whose video is missing."""
    write_ladh_station(tmp_path / "LADH", "12_05/p_12_05_caip/v01")
    write_ladh_station(tmp_path / "LADH", "12_05/p_12_05_caip/v02", units=("ms", "s", "s", "s"))
    (write_ladh_station(tmp_path / "LADH", "12_05/p_12_05_caip/v03") / "video_RGB_H264.avi").unlink()
    done = tast("check", tmp_path / "LADH", "--layout", "ladh")
    assert done.exit_code == 1 and "1 of 3 recordings are ready" in done.output
    assert "clocks in mixed units" in done.output and "video_RGB_H264.avi: no such file" in done.output
    assert "caip" not in done.output.replace(str(tmp_path), "")
    done = tast("audit", tmp_path / "LADH", "--layout", "ladh", "--out", tmp_path / "out")
    assert done.exit_code == 0 and "2 of 1 subjects" in done.output
    done = tast("check", tmp_path, "--layout", "mths")
    assert done.exit_code == 2 and "'mths' is not one of pure, vipl_hr, csv" in done.output
