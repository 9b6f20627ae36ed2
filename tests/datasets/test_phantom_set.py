"""A phantom planned from plain values and written as the readers expect it, simulated or driven by recorded waves."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.datasets.oximetry_phone_cam import read_oximetry_phone_cam
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.readers import read_dataset
from tast.datasets.vipl_hr import official_folds
from tast.errors import BadInput, TastError
from tast.params import load_params
from tast.phantom.recorded import piece
from tast.phantom.session import phantom_sessions

SMALL: dict[str, Any] = {
    "layout": "pure", "seed": 7, "subjects": 2, "sessions": 1, "seconds": 3.0, "fps_hz": 12.0, "width_px": 96, "height_px": 72,
    "face_height_px": 36, "profile": "wide", "scenarios": "all", "compression": {"codec": "mjpeg", "quality": 3},
    "sources": (1, 2), "defects": False, "driver": "simulated", "recorded_root": None, "worlds": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, 60 s, SpO2 falling by one a second."""
    root = tmp_path_factory.mktemp("oximetry")
    (root / "gt").mkdir()
    (root / "ppg-csv" / "Left").mkdir(parents=True)
    wave = np.sin(2 * np.pi * 1.2 * np.arange(1800) / 30)
    for person, beat in (("100001", 60), ("100002", 70)):
        rows = "".join(f" 09:00:{k:02d},{100 - k // 2},{beat}\n" for k in range(60))
        (root / "gt" / f"{person}.csv").write_text("Time,SpO2 1,Pulse 1\n" + rows)
        table = np.column_stack([50 - 0.5 * wave, 80 - 1.6 * wave, 50 - wave])
        (root / "ppg-csv" / "Left" / f"{person}.csv").write_text(
            "R,G,B\n" + "".join(f"{r:.5f},{g:.5f},{b:.5f}\n" for r, g, b in table)
        )
    return root


def written(folder: Path, **changes: Any) -> Path:
    planned = pickle.loads(pickle.dumps(plan_phantom(**(SMALL | changes))))  # as a worker process gets it
    planned.write_sessions(planned.sessions, folder)
    planned.write_lists(folder)
    return folder


def test_the_trees_own_params_are_a_plan_of_all_six_setups_as_ever() -> None:
    params = load_params().download.phantom.model_dump()
    setups = ("steady", "talking", "slow_translation", "fast_translation", "small_rotation", "medium_rotation")
    assert params["driver"] == "simulated" and not params["defects"]
    changed = {"layout", "compression", "sources", "defects", "driver", "recorded_root", "moving_pieces", "worlds"}
    plain = {name: value for name, value in params.items() if name not in changed} | {"scenarios": setups}
    assert plan_phantom(**(params | {"layout": "pure", "worlds": None})).sessions == phantom_sessions(**plain)


def test_both_layouts_are_read_by_their_readers(tmp_path: Path) -> None:
    records, rejects = read_dataset("pure", written(tmp_path / "pure"))
    assert rejects == [] and [r.record_id for r in records] == ["01-01", "02-02"]
    records, rejects = read_dataset("vipl_hr", written(tmp_path / "vipl", layout="vipl_hr"))
    assert rejects == [] and [r.record_id for r in records] == [
        "p1_v1_source1", "p1_v1_source2", "p2_v2_source1", "p2_v2_source2",
    ]  # fmt: skip
    assert official_folds(tmp_path / "vipl") == (("p1",), ("p2",))


@pytest.mark.parametrize("layout", ["pure", "vipl_hr"])
def test_recorded_people_are_the_subjects_and_their_readings_the_truth(tmp_path: Path, recordings: Path, layout: str) -> None:
    folder = written(tmp_path, layout=layout, driver="recorded", recorded_root=str(recordings), sources=(1,), sessions=2)
    records, rejects = read_dataset(layout, folder)
    assert rejects == [] and {r.subject_id.removeprefix("p") for r in records} == {"100001", "100002"} and len(records) == 4
    series = read_oximetry_phone_cam(recordings)
    planned = plan_phantom(**(SMALL | {"layout": layout, "driver": "recorded", "recorded_root": recordings, "sessions": 2}))
    by_scenario = {(s.subject, s.scenario): piece(s, series)[1] for s in planned.sessions}
    for record in records:
        start_s = by_scenario[int(record.subject_id.removeprefix("p")), record.scenario]
        assert record.video.frame_times_s is not None
        expected = np.rint(100 - np.floor(start_s + 0.05 + np.arange(3)) // 2)
        at = np.searchsorted(record.spo2.times_s, np.arange(3) - 1e-6)
        np.testing.assert_array_equal(record.spo2.percent[at], expected)
        assert record.pulse_rate is not None
        assert set(record.pulse_rate.per_minute) == {60.0 if record.subject_id.endswith("1") else 70.0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"layout": "mmpd"}, "'mmpd'"),
        ({"scenarios": ("dark",)}, "'dark' is unknown in the layout pure; expected some of steady"),
        ({"layout": "vipl_hr", "scenarios": ("steady",)}, "'steady' is unknown in the layout vipl_hr; expected some of stable"),
        ({"driver": "remembered"}, "'remembered'"),
        ({"driver": "recorded"}, "recorded_root"),
        ({"driver": "recorded", "recorded_root": "RECORDINGS", "subjects": 3}, "subjects = 3; expected at most 2"),
        ({"driver": "recorded", "recorded_root": "RECORDINGS", "sessions": 99}, "sessions = 99; expected at most 15"),
        ({"driver": "recorded", "recorded_root": "/no/such/folder"}, "no such folder; expected oximetry-phone-cam"),
    ],
)
def test_a_plan_that_cannot_be_is_told_in_one_line(recordings: Path, changes: dict[str, Any], told: str) -> None:
    given = {name: recordings if value == "RECORDINGS" else value for name, value in changes.items()}
    with pytest.raises(TastError, match=told) as caught:
        plan_phantom(**(SMALL | given))
    assert "\n" not in str(caught.value)


def test_the_command_writes_a_folder_and_spares_one_that_holds_something(tmp_path: Path) -> None:
    folder = tmp_path / "vipl"
    arguments = ["phantom", str(folder), "--layout", "vipl_hr", "--subjects", "1", "--seconds", "1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    records, rejects = read_dataset("vipl_hr", folder)
    assert rejects == [] and [r.camera for r in records] == ["source1", "source2", "source3"]
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1 and isinstance(again.exception, BadInput) and "not empty" in str(again.exception)
