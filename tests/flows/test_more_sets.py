"""SUMS, LADH, PhysDrive, MCD-rPPG and MTHS through download, audit, preprocessing, training and evaluation, on tiny sets.

Each set has defects that are published of it; what became of every recording is counted. Four people are rendered once, and
written in every layout.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import flows.stages.evaluate
import flows.stages.split
import flows.stages.train
from flows.clips import lost_videos, make_clips
from flows.layout import AUDIT, CLIPS, PREDICTIONS, RAW, SCORES
from flows.stages import download
from tast.clip_store import ClipStore
from tast.datasets.description import described
from tast.datasets.ladh import person_token
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.readers import read_downloaded
from tast.datasets.waves import read_waves
from tast.instruction_set import in_force
from tast.params import load_params
from tast.phantom.drive import simulated_drive
from tast.phantom.recorded import piece
from tast.phantom.render import render
from tast.phantom.session import phantom_sessions, true_pulse
from tast.seconds import is_spot
from tast.video.read import read_pictures
from tests.datasets.layouts import RgbImage
from tests.datasets.more_layouts import (
    mcd_row,
    write_ladh_station,
    write_mcd_table,
    write_mcd_video,
    write_mths_person,
    write_physdrive_session,
    write_sums_state,
)
from tests.end_to_end.conftest import PROJECT, set_params

FPS_HZ, SECONDS = 15.0, 6
READINGS = [95, 94, 93, 92, 91, 90, 89, 88, 87]  # beyond the video's end, for the oximeter's delay
PEOPLE = ("060200", "060201", "060202", "060203")


@dataclass(frozen=True)
class Expected:
    """clips: recordings that have clips. defects: a beginning of a note, by recording. rejects: a beginning of a reason."""

    clips: set[str]
    defects: dict[str, str]
    rejects: dict[str, str]
    people: int = 4


@pytest.fixture(scope="module")
def faces() -> list[list[RgbImage]]:
    """Frames of four people."""
    sessions = phantom_sessions(
        seed=7, subjects=4, sessions=1, seconds=SECONDS, fps_hz=FPS_HZ, width_px=192, height_px=160, face_height_px=110,
        profile="wide", scenarios=("steady",), layout="pure",
    )  # fmt: skip
    return [[rgb for _, rgb in render(one, simulated_drive(one), true_pulse(one))] for one in sessions]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A project's folder to work in, with clips of 3 s and a training of one epoch."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("TAST_CACHE", str(tmp_path / "cache"))
    shutil.copy(PROJECT / "params.yaml", "params.yaml")
    set_params(
        Path("params.yaml"),
        {
            "compute.instruction_set": in_force().split()[0], "download.accept_licence": True,
            "preprocess.max_reject_fraction": 0.5, "preprocess.clips.length_s": 3, "preprocess.clips.max_missing_labels": 0.4,
            "split.folds": 2, "train.epochs": 1, "train.threads": 1, "evaluate.bootstrap": 10,
        },
    )  # fmt: skip
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    torch.use_deterministic_algorithms(False)


def sums(root: Path, faces: list[list[RgbImage]]) -> Expected:
    """Clocks in mixed units, fault codes among the readings, too few frames for the stamps."""
    take = {"rate_hz": FPS_HZ, "percent": READINGS}
    write_sums_state(root, "060200/v01", images=faces[0], **take, units=("ms", "s", "s", "us"))
    write_sums_state(root, "060201/v02", images=faces[1], **take | {"percent": [95, 44, 127, 255, *READINGS[4:]]})
    write_sums_state(root, "060202/v03", images=faces[2], **take)
    write_sums_state(root, "060202/v04", images=faces[2][:60], frame_s=np.arange(90) / FPS_HZ)
    write_sums_state(root, "060203/v03", images=faces[3], **take)
    return Expected(
        {"060200_v01_face", "060201_v02_face", "060202_v03_face", "060203_v03_face"},
        {"060200_v01_face": "clocks in mixed units", "060201_v02_face": "3 of 9 SpO2 readings masked"},
        {"060202_v04_face": "frames_timestamp.csv has 90 time stamps for 60 frames"},
    )


def ladh(root: Path, faces: list[list[RgbImage]]) -> Expected:
    """One person on two days, readings that end before the video, and a session whose readings are of another day."""
    names = ("caiping_zh", "liutianjing", "lujianguang", "huangxinjie")
    tokens = [person_token(name) for name in names]
    take = {"rate_hz": FPS_HZ, "percent": READINGS}
    for name, images in zip(names, faces, strict=True):
        write_ladh_station(root, f"12_05/p_12_05_{name}/v01", images=images, **take)
    write_ladh_station(root, "12_06/p_12_06_caiping_zh/v01", images=faces[0], **take | {"percent": READINGS[:4]})
    other_day = write_ladh_station(root, "12_06/p_12_06_liutianjing/v05", images=faces[1], **take)
    write_ladh_station(root, "12_07/p_12_07_liutianjing/v05", images=faces[1], **take, start_s=1_717_400_000.0)
    shutil.copy(root / "12_07/p_12_07_liutianjing/v05/SpO2.csv", other_day / "SpO2.csv")
    shutil.rmtree(root / "12_07")
    return Expected(
        {f"{token}_12-05_v01_RGB" for token in tokens} | {f"{tokens[0]}_12-06_v01_RGB"},
        {f"{tokens[0]}_12-06_v01_RGB": "SpO2.csv spans 0.2 to 3.2 s of a video of 5.9 s"},
        {f"{tokens[1]}_12-06_v05_RGB": "no oximeter reading within the video"},
    )


def physdrive(root: Path, faces: list[list[RgbImage]]) -> Expected:
    """No stamps, names that do not sort as text, frames that are missing, a folder of something else, labels cut short."""
    people = ("AFH1", "AMZ2", "BFW1", "CMY2")
    for person, images in zip(people, faces, strict=True):
        numbers = [k + 1 + (k >= 30) for k in range(len(images))] if person == "BFW1" else None
        write_physdrive_session(root, f"{person}/A1", images=images, numbers=numbers, percent=READINGS, recorded_s=range(7))
    write_physdrive_session(root, "processed/A1")
    cut = write_physdrive_session(root, "AFH1/B2") / "Label" / "SPO2.mat"
    cut.write_bytes(cut.read_bytes()[:140])
    return Expected(
        {f"{person}_A1" for person in people},
        {"AFH1_A1": "no time stamps: 90 frames at 15.00 Hz (by the 6 s", "BFW1_A1": "no time stamps: 91 frames at 15.17 Hz"},
        {"AFH1_B2": "AFH1/B2/Label/SPO2.mat: not a MATLAB file"},
    )


def mcd_rppg(root: Path, faces: list[list[RgbImage]]) -> Expected:
    """Spot readings; a view that a session lacks, a wave that does not move, a reading that was not taken."""
    patients = ("1020", "1024", "7412", "9998")
    names = [f"{patient}_FullHDwebcam_before" for patient in patients]
    saturations = {name: 98.0 - 2 * k for k, name in enumerate(names)}
    lacking, unread = "1020_USBVideo_before", "1024_FullHDwebcam_after"
    rows = [mcd_row(name, value) for name, value in saturations.items()] + [mcd_row(lacking, 98.0), mcd_row(unread, "")]
    write_mcd_table(root, rows)
    for name, images in zip([*names, unread], [*faces, faces[1]], strict=True):
        still = np.full(len(images), 127.0) if name.startswith("7412") else None
        write_mcd_video(root, name, images=images, rate_hz=FPS_HZ, wave=still)
    return Expected(
        {f"{patient}_before_FullHDwebcam" for patient in patients},
        {"7412_before_FullHDwebcam": "ppg_sync does not move: no pulse"},
        {
            "1020_before_USBVideo": "video/1020_USBVideo_before.avi: no such file",
            "1024_after_FullHDwebcam": "db.csv: no saturation of 1024_FullHDwebcam_after",
        },
    )


def go_through(made: Expected) -> pd.DataFrame:
    """Every stage but the crew's processes; the predictions table."""
    download.main()
    audit = json.loads((AUDIT / "audit.json").read_text())
    params = load_params().preprocess
    make_clips(RAW, CLIPS, params, lost=lost_videos, workers=1)
    store = ClipStore(CLIPS)
    assert set(store.manifest["record_id"]) == made.clips
    assert store.manifest["subject_id"].nunique() == made.people == audit["counts"]["subjects"]
    assert audit["counts"]["recordings"] == len(made.clips) and audit["counts"]["rejects"] == len(made.rejects)
    rejects = dict(zip(store.rejects["record_id"], store.rejects["reason"], strict=True))
    assert set(rejects) == set(made.rejects)
    assert [name for name, reason in made.rejects.items() if not rejects[name].startswith(reason)] == []
    defects = store.defects.groupby("record_id")["defect"].agg(list).to_dict()
    for name, note in made.defects.items():
        assert any(defect.startswith(note) for defect in defects[name]), (name, defects.get(name))
    flows.stages.split.main()
    flows.stages.train.train_and_save()
    flows.stages.evaluate.main()
    return pd.read_parquet(PREDICTIONS)


@pytest.mark.parametrize("write", [sums, ladh, physdrive, mcd_rppg])
def test_a_set_with_its_defects_goes_all_the_way(
    write: Callable[[Path, list[list[RgbImage]]], Expected], faces: list[list[RgbImage]], tmp_path: Path
) -> None:
    name = write.__name__
    made = write(tmp_path / "set" / name, faces)
    set_params(Path("params.yaml"), {"dataset.name": name, "dataset.root": str(tmp_path / "set" / name)})
    predictions, metrics = go_through(made), json.loads(SCORES.read_text())["test"]
    assert len(predictions) and np.isfinite(predictions["predicted_percent"]).all()
    assert set(predictions["dataset"]) == {name} and metrics["n_subjects"] == 2
    assert is_spot(predictions).all() if name == "mcd_rppg" else not is_spot(predictions).any()
    if name == "mcd_rppg":
        assert metrics["spot_readings"] == {"n_records": 2, "n_seconds": len(predictions), "sd_percent": 2.2}
        assert metrics["r_within_recordings"] is None and metrics["trend"]["lag"]["lag_s"] is None
        assert metrics["trend"]["sign"]["n_changes"] == 0 and metrics["rmse"] is not None
    written = [path for path in Path().rglob("*") if path.is_file() and not path.is_relative_to(RAW)]
    named = [
        path
        for path in written
        for person in (b"caiping_zh", b"liutianjing", b"lujianguang", b"huangxinjie")
        if person in path.read_bytes()
    ]
    assert named == [], "a person's name in what was written"


def test_waves_drive_heads_in_worlds_through_the_download_stage(tmp_path: Path) -> None:
    """Two people's waves on two heads each, in two worlds: what the stage leaves is read with the measured SpO2 as truth."""
    for number in (1, 2):
        write_mths_person(tmp_path / "waves", number, seconds=40, percent=np.linspace(99, 80 + number, 40))
    phantom = {
        "driver": "recorded", "recorded_root": str(tmp_path / "waves"), "layout": "csv", "subjects": 2, "sessions": 2,
        "moving_pieces": 2, "seconds": 8, "width_px": 96, "height_px": 72, "face_height_px": 36, "scenarios": ["steady"],
        "worlds": {"count": 2, "heads": 2, "codings": ["lossless"], "rates_hz": [15]},
    }  # fmt: skip
    set_params(Path("params.yaml"), {f"download.phantom.{name}": value for name, value in phantom.items()})
    download.main()
    records, rejects = read_downloaded(RAW, described(RAW), (50, 100))
    assert rejects == [] and [record.record_id for record in records] == ["p001-1", "p001-2", "p002-1", "p002-2"]
    assert [record.camera for record in records] == ["world-01", "world-02"] * 2
    waves, _ = read_waves(tmp_path / "waves")
    planned = plan_phantom(**load_params().download.phantom.model_dump())
    for record, session in zip(records, planned.sessions, strict=True):
        recording, start_s = piece(session, waves, moving_pieces=2)
        shown = recording.spo2_percent[int(start_s) : int(start_s) + 8]
        np.testing.assert_allclose(record.spo2.percent, np.rint(shown))
        assert np.ptp(record.spo2.percent) >= 3 and sum(1 for _ in read_pictures(record.video, [])) > 100


def test_mths_drives_a_phantom_all_the_way(tmp_path: Path) -> None:
    """Four people's waves, a fifth whose labels are missing, and readings that are the truth of the faces."""
    for number in range(1, 5):
        write_mths_person(tmp_path / "waves", number, seconds=40, percent=np.full(40, 90.0 + number))
    write_mths_person(tmp_path / "waves", 5)
    (tmp_path / "waves/MTHS/Data/label_5.npy").unlink()
    phantom = {
        "driver": "recorded", "recorded_root": str(tmp_path / "waves"), "subjects": 4, "seconds": SECONDS, "fps_hz": FPS_HZ,
        "width_px": 192, "height_px": 160, "face_height_px": 110, "scenarios": ["steady"], "layout": "pure", "worlds": None,
    }  # fmt: skip
    set_params(Path("params.yaml"), {f"download.phantom.{name}": value for name, value in phantom.items()})
    predictions = go_through(Expected({f"{number:02d}-01" for number in range(1, 5)}, {}, {}))
    for who, rows in predictions.groupby("subject_id"):
        assert set(rows["true_percent"].dropna()) == {90.0 + int(who)}
