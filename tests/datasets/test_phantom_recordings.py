"""The phantom as people bring their own recordings: what is written is what the reader of such folders finds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from tast.cli.main import app
from tast.datasets.phantom_set import PhantomSet, plan_phantom
from tast.datasets.recordings import check_recordings, read_recordings
from tast.errors import TastError
from tast.phantom.physiology import simulated_physiology
from tast.records import FITZPATRICK, VideoRecord
from tast.video.containers import container_times_s

ROOT = Path(__file__).parents[2]
PLAN: dict[str, Any] = {
    "layout": "csv", "seed": 7, "subjects": 3, "sessions": 1, "seconds": 3.0, "fps_hz": 30.0, "width_px": 96,
    "height_px": 72, "face_height_px": 36, "profile": "wide", "scenarios": "all", "sources": (1,), "defects": False,
    "compression": {"codec": "mjpeg", "quality": 3}, "driver": "simulated", "recorded_root": None, "worlds": {"count": 2},
}  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def written(plan: PhantomSet, folder: Path) -> Path:
    folder.mkdir()
    for session in plan.sessions:
        plan.write_sessions([session], folder)
    plan.write_lists(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(plan_phantom(**PLAN), tmp_path_factory.mktemp("phantom") / "set")


def test_the_reader_finds_each_recording_whole(folder: Path) -> None:
    records = list(read_recordings(folder))
    assert [record.record_id for record in records] == ["p001-1", "p002-1", "p003-1"]
    assert list(check_recordings(folder)) == []
    for record, session in zip(records, plan_phantom(**PLAN).sessions, strict=True):
        assert isinstance(record, VideoRecord)
        assert (record.scenario, record.camera) == (session.scenario, session.in_world.name)
        assert record.skin_type == FITZPATRICK[session.looks.fitzpatrick - 1]
        first_s = session.frame_times_s()[0]
        shown = simulated_physiology(session).oximeter.spo2_percent(first_s + np.arange(3))
        assert_allclose(record.spo2.percent, shown)
        times_s = session.frame_times_s()
        found_s = container_times_s(record.video.path)
        assert len(found_s) >= 0.85 * len(times_s)
        assert_allclose(found_s[-1], times_s[-1] - times_s[0], atol=0.02)


def test_each_world_has_a_row_that_says_what_it_is(folder: Path) -> None:
    table = pd.read_csv(folder / "worlds.csv")
    assert list(table["world"]) == ["world-01", "world-02"]
    world = plan_phantom(**PLAN).sessions[1].in_world
    row = table.iloc[1]
    assert (row["lamp"], row["sensor"], row["coding"]) == (world.lamp.family, world.camera.sensor.name, world.coding.label)


def test_the_bytes_are_those_of_the_session_whoever_writes_it(folder: Path, tmp_path: Path) -> None:
    alone = plan_phantom(**(PLAN | {"subjects": 2}))
    alone.write_sessions([alone.sessions[1]], tmp_path)
    again = files_of(tmp_path)
    assert again == {name: content for name, content in files_of(folder).items() if name.startswith("p002-1/")}


def test_without_worlds_the_layout_is_refused() -> None:
    with pytest.raises(TastError, match="csv needs worlds"):
        plan_phantom(**(PLAN | {"worlds": None}))


def test_pures_layout_takes_worlds_too(tmp_path: Path) -> None:
    plan = plan_phantom(**(PLAN | {"layout": "pure", "subjects": 1, "seconds": 1.0}))
    plan.write_sessions(plan.sessions, tmp_path)
    assert len(list((tmp_path / "01-01" / "01-01").glob("Image*.png"))) >= 14


def test_the_command_shows_the_worlds_and_writes_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["phantom", "--worlds", "3", "--sheet", "worlds.png"])
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.stdout.splitlines() if line.strip().startswith("world-")] == [
        "world-01", "world-02", "world-03"
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "worlds.png"]
    height, width, _ = cv2.imread("worlds.png").shape
    assert width > 2 * height, "three pictures in a row"
    asked = CliRunner().invoke(app, ["phantom"])
    assert asked.exit_code == 2 and "--sheet" in asked.output
    without = CliRunner().invoke(app, ["phantom", "--layout", "vipl_hr", "--sheet", "none.png"])
    assert without.exit_code == 1 and "has no world" in str(without.exception) and not Path("none.png").exists()
