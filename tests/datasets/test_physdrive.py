"""PhysDrive as it is on disk: no stamps anywhere, so that what is assumed is said, and what contradicts it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from tast.clip_store import Reject
from tast.datasets.readers import read_dataset
from tast.errors import BadInput
from tast.records import VideoRecord
from tast.video.read import read_frames
from tests.datasets.layouts import plain_image
from tests.datasets.more_layouts import FACE, write_physdrive_session

SHADES = [plain_image((10 * k, 20, 10)) for k in range(12)]
NOMINAL = "no time stamps: 60 frames at 30.00 Hz (nominal), 2 readings spread over them"


def read_one(root: Path, **options) -> VideoRecord:
    records, rejects = read_dataset("physdrive", root, **options)
    assert rejects == []
    (record,) = records
    return record


def reject_of(root: Path) -> Reject:
    records, rejects = read_dataset("physdrive", root)
    assert records == []
    (reject,) = rejects
    assert str(root) not in reject.reason and "\n" not in reject.reason
    return reject


def test_a_session_reads_right_and_says_what_is_assumed(tmp_path: Path) -> None:
    write_physdrive_session(tmp_path / "On-Road-rPPG")
    record = read_one(tmp_path)
    assert (record.dataset, record.subject_id, record.scenario) == ("physdrive", "AFH1", "A1")
    assert (record.record_id, record.camera) == ("AFH1_A1", "RGB") and record.video.times_are_estimated
    assert record.notes == (NOMINAL,)
    np.testing.assert_allclose(record.video.frame_times_s, np.arange(60) / 30)
    np.testing.assert_array_equal(record.spo2.times_s, [0, 1])
    np.testing.assert_array_equal(record.spo2.percent, [97, 96])
    assert record.pulse is not None and record.pulse_rate is not None
    np.testing.assert_allclose(record.pulse.times_s[[0, 1, -1]], [0, 0.02, 1.98])
    np.testing.assert_array_equal(record.pulse_rate.per_minute, [70, 70])


@pytest.mark.parametrize("names", ["{}.png", "frame_{}.png", "AFH1_A1_{}.PNG", "{:08d}.png"])
def test_images_are_in_the_order_of_their_numbers(tmp_path: Path, names: str) -> None:
    """1, 10, 11, 12, 2, ... as text. Their shades rise with their numbers."""
    write_physdrive_session(tmp_path, images=SHADES, names=names, percent=[97])
    reds = [int(frame[0, 0, 0]) for _, frame in read_frames(read_one(tmp_path).video)]
    assert reds == [10 * k for k in range(12)]


def test_missing_images_leave_a_gap_in_time(tmp_path: Path) -> None:
    write_physdrive_session(tmp_path, images=SHADES, numbers=[5, 6, *range(10, 20)], percent=[97])
    record = read_one(tmp_path)
    np.testing.assert_allclose(record.video.frame_times_s[:4], [0, 1 / 30, 5 / 30, 6 / 30])
    assert record.notes[1] == "3 frames are missing between the images' numbers"


def test_other_folders_are_nobody(tmp_path: Path) -> None:
    write_physdrive_session(tmp_path)
    write_physdrive_session(tmp_path, "processed/A1")
    write_physdrive_session(tmp_path, "AFH1/STMap")
    (tmp_path / "mmWave" / "AFH1" / "AFH1_00").mkdir(parents=True)
    assert read_one(tmp_path).record_id == "AFH1_A1"


@pytest.mark.parametrize("video", ["RGB.mp4", "Video/RGB.mp4"])
def test_a_video_in_place_of_images(tmp_path: Path, video: str) -> None:
    """Its container says 25 Hz, and is not believed."""
    write_physdrive_session(tmp_path, "AMH1/AS", video=video)
    record = read_one(tmp_path)
    assert record.scenario == "AS" and record.notes == (NOMINAL,)
    np.testing.assert_allclose([time_s for time_s, _ in read_frames(record.video)], np.arange(60) / 30)


def test_stamps_of_the_recording_give_the_rate(tmp_path: Path) -> None:
    """60 frames in 2.4 s are 25 Hz; the table counts in ms."""
    write_physdrive_session(tmp_path, recorded_s=[1.7173e12 + 100 * k for k in range(25)])
    record = read_one(tmp_path)
    np.testing.assert_allclose(record.video.frame_times_s, np.arange(60) / 25)
    np.testing.assert_allclose(record.spo2.times_s, [0, 1.2])
    by_table = (
        "no time stamps: 60 frames at 25.00 Hz (by the 2.4 s of Recording_Physiological_Data.csv), 2 readings spread over them"
    )
    assert record.notes == (by_table, "Recording_Physiological_Data.csv counts in ms")


def test_a_recording_that_contradicts_its_frames_is_refused(tmp_path: Path) -> None:
    write_physdrive_session(tmp_path, recorded_s=range(61))
    assert "60 frames in 60 s by Recording_Physiological_Data.csv are 1.0 Hz: no camera's rate" in reject_of(tmp_path).reason


def test_faults_fractions_and_names_of_variables(tmp_path: Path) -> None:
    write_physdrive_session(tmp_path, "AFH1/A1", percent=[97, 0, 127, 44, 95, 255])
    write_physdrive_session(tmp_path, "AFH1/A2", percent=[0.97, 0.95])
    write_physdrive_session(tmp_path, "AFH1/B1", key="data")
    faults, fractions, other = read_dataset("physdrive", tmp_path)[0]
    np.testing.assert_array_equal(faults.spo2.percent, [97, np.nan, np.nan, np.nan, 95, np.nan])
    assert faults.notes[-1] == "4 of 6 SpO2 readings masked"
    np.testing.assert_allclose(fractions.spo2.percent, [97, 95])
    assert fractions.notes[-1] == "SPO2.mat holds fractions: taken as hundredths"
    assert other.notes[-1] == "SPO2.mat: variable data is taken" and other.spo2.percent.tolist() == [97, 96]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("no labels", "AFH1/A1/Label/SPO2.mat: no such file"),
        ("damaged", "AFH1/A1/Label/SPO2.mat: not a MATLAB file ("),
        ("a table", "no series SPO2 (arrays: a (3, 2))"),
        ("two series", "no series SPO2 (arrays: a (1, 3), b (1, 3))"),
        ("no frames", "AFH1/A1/Align: no image"),
        ("no folder", "AFH1/A1: neither Align nor RGB.mp4"),
        ("one number twice", "AFH1/A1/Align: two images with the number 7"),
    ],
)
def test_what_cannot_be_read_is_a_row_with_its_reason(tmp_path: Path, change: str, reason: str) -> None:
    folder = write_physdrive_session(tmp_path, images=[FACE] * 12)
    label, images = folder / "Label" / "SPO2.mat", folder / "Align"
    if change == "no labels":
        label.unlink()
    elif change == "damaged":
        label.write_bytes(label.read_bytes()[:150])
    elif change == "a table":
        scipy.io.savemat(label, {"a": np.zeros((3, 2))})
    elif change == "two series":
        scipy.io.savemat(label, {"a": np.zeros(3), "b": np.zeros(3)})
    elif change == "one number twice":
        (images / "007.png").write_bytes((images / "7.png").read_bytes())
    else:
        for path in images.iterdir():
            path.unlink()
        if change == "no folder":
            images.rmdir()
    assert reason in reject_of(tmp_path).reason


def test_a_folder_in_another_layout_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "p1").mkdir()
    with pytest.raises(BadInput, match="no record found; expected PhysDrive's layout"):
        read_dataset("physdrive", tmp_path)
