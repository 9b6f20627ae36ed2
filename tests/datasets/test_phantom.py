"""Sessions on disk: PURE's layout to the letter, all or nothing, the same bytes from any process."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tast.datasets.phantom import oximeter_times_s, write_pure_session
from tast.phantom.motion import SETUPS
from tast.phantom.render import render
from tast.phantom.session import Session, phantom_sessions, truth

VALUE_KEYS = {
    "barGraph", "beep", "droppingo2Sat", "o2saturation", "probeError", "pulseRate", "searching", "searchingToLong",
    "signalStrength", "waveform",
}  # fmt: skip


def session() -> Session:
    return phantom_sessions(
        seed=7, subjects=3, sessions=1, seconds=3, fps_hz=10, width_px=96, height_px=72, face_height_px=36, profile="wide",
        scenarios=tuple(SETUPS),
    )[2]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pure")
    write_pure_session(session(), folder)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_layout_is_pures(written: Path) -> None:
    assert [p.name for p in written.iterdir()] == ["03-03"]
    assert sorted(p.name for p in (written / "03-03").iterdir()) == ["03-03", "03-03.json"]
    images = sorted((written / "03-03" / "03-03").iterdir())
    assert len(images) == 30
    assert all(p.suffix == ".png" and p.stem.startswith("Image") and len(p.stem) == 5 + 19 for p in images)


def test_json_has_pures_keys_and_clock(written: Path) -> None:
    content = json.loads((written / "03-03" / "03-03.json").read_text())
    assert set(content) == {"/FullPackage", "/Image"}
    stamps = [f"Image{entry['Timestamp']}.png" for entry in content["/Image"]]
    assert stamps == sorted(p.name for p in (written / "03-03" / "03-03").iterdir())
    assert content["/Image"][0] == {"Timestamp": content["/Image"][0]["Timestamp"], "Value": {}, "FrameID": "/CameraFrame"}
    package = content["/FullPackage"]
    assert all(set(entry) == {"Timestamp", "Value", "FrameID"} and set(entry["Value"]) == VALUE_KEYS for entry in package)
    steps_ns = np.diff([entry["Timestamp"] for entry in package])
    assert set(steps_ns) == {16_000_000, 32_000_000}
    assert (
        package[0]["Timestamp"] < content["/Image"][0]["Timestamp"]
        and package[-1]["Timestamp"] > content["/Image"][-1]["Timestamp"]
    )


def test_oximeter_runs_at_sixty_hertz() -> None:
    times_s = oximeter_times_s(60.0)
    assert (len(times_s) - 1) / (times_s[-1] - times_s[0]) == pytest.approx(60, rel=1e-3)


def test_values_are_the_truth_late_and_rounded(written: Path) -> None:
    package = json.loads((written / "03-03" / "03-03.json").read_text())["/FullPackage"]
    reading = np.array([entry["Value"]["o2saturation"] for entry in package])
    assert reading.dtype.kind == "i"
    before_s = np.clip(oximeter_times_s(3.0) - 1.5, -6, None)
    assert np.abs(reading - truth(session(), before_s).spo2_percent).max() < 1.5
    waves = [entry["Value"]["waveform"] for entry in package]
    assert min(waves) >= 0 and max(waves) <= 100 and max(waves) > 80


def test_pictures_read_back_as_they_were_rendered(written: Path) -> None:
    images = sorted((written / "03-03" / "03-03").iterdir())
    for path, (_, rgb) in zip(images, render(session()), strict=True):
        np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], rgb)


def test_same_bytes_from_another_process_and_when_written_again(written: Path, tmp_path: Path) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=write_pure_session, args=(session(), tmp_path))
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0
    assert digests(tmp_path) == digests(written)
    (tmp_path / "03-03" / "stale.png").write_bytes(b"")
    write_pure_session(session(), tmp_path)
    assert digests(tmp_path) == digests(written)


def test_a_failed_session_leaves_nothing_and_spares_the_old_one(written: Path, tmp_path: Path) -> None:
    write_pure_session(replace(session(), seconds=0.5), tmp_path)
    before = digests(tmp_path)
    with pytest.raises(KeyError):
        write_pure_session(replace(session(), profile="no such profile"), tmp_path)
    assert digests(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["03-03"]
