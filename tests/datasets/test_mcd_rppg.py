"""MCD-rPPG as it is on disk: one reading for a recording, frames stamped beside the video, what is missing named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tast.clip_store import Reject
from tast.datasets.audit import audit_folder
from tast.datasets.mcd_rppg import SPOT_SD_PERCENT
from tast.datasets.readers import read_dataset
from tast.errors import BadInput
from tast.records import VideoRecord
from tast.video.read import read_frames
from tests.datasets.more_layouts import mcd_row, write_mcd_table, write_mcd_video

NAME = "1020_FullHDwebcam_before"


def write_one(root: Path, saturation: object = 98.0, name: str = NAME, **video) -> Path:
    write_mcd_table(root, [mcd_row(name, saturation)])
    return write_mcd_video(root, name, **video)


def read_one(root: Path, **options) -> VideoRecord:
    records, rejects = read_dataset("mcd_rppg", root, **options)
    assert rejects == []
    (record,) = records
    return record


def reject_of(root: Path) -> Reject:
    records, rejects = read_dataset("mcd_rppg", root)
    assert records == []
    (reject,) = rejects
    assert str(root) not in reject.reason and "\n" not in reject.reason
    return reject


def test_a_video_reads_right_and_its_reading_is_a_spot(tmp_path: Path) -> None:
    write_one(tmp_path / "data", rate_hz=24.0)
    record = read_one(tmp_path)
    assert (record.dataset, record.subject_id, record.scenario) == ("mcd_rppg", "1020", "before_squats")
    assert (record.record_id, record.camera, record.notes) == ("1020_before_FullHDwebcam", "FullHDwebcam", ())
    assert record.spo2.spot_sd_percent == SPOT_SD_PERCENT and record.spo2.percent.tolist() == [98]
    times_s = [time_s for time_s, _ in read_frames(record.video)]
    np.testing.assert_allclose(times_s, np.arange(60) / 24, atol=1e-5)  # the container says 25 Hz
    assert record.pulse is not None and record.pulse_rate is None
    np.testing.assert_allclose(record.pulse.times_s, np.arange(60) / 24, atol=1e-5)
    np.testing.assert_array_equal(record.pulse.value, np.rint(128 + 60 * np.sin(np.arange(60) / 4)))


def test_the_audit_says_spot_and_claims_no_swing(tmp_path: Path) -> None:
    write_mcd_table(tmp_path, [mcd_row(NAME, 98.0), mcd_row("1020_USBVideo_after", 96.0)])
    write_mcd_video(tmp_path)
    write_mcd_video(tmp_path, "1020_USBVideo_after")
    facts = audit_folder("mcd_rppg", tmp_path, "mcd_rppg")
    assert facts["counts"]["spot_readings"] == facts["counts"]["recordings"] == 2
    assert facts["swings"]["record"]["n"] == 0 and [one["swing"] for one in facts["recordings"]] == [None, None]
    assert (facts["labels"]["n_seconds"], facts["labels"]["mean"]) == (4, 97)
    assert facts["counts"]["readings"] == 2


def test_a_session_that_lacks_a_view_and_a_video_that_lacks_its_row(tmp_path: Path) -> None:
    rows = [mcd_row(f"1020_{camera}_before", 98.0) for camera in ("FullHDwebcam", "USBVideo", "IriunWebcam")]
    write_mcd_table(tmp_path, rows)
    write_mcd_video(tmp_path)
    write_mcd_video(tmp_path, "1020_USBVideo_before")
    write_mcd_video(tmp_path, "9998_USBVideo_after")
    records, rejects = read_dataset("mcd_rppg", tmp_path)
    assert [record.record_id for record in records] == ["1020_before_FullHDwebcam", "1020_before_USBVideo"]
    assert {reject.record_id: reject.reason.split(";")[0] for reject in rejects} == {
        "1020_before_IriunWebcam": "video/1020_IriunWebcam_before.avi: no such file",
        "9998_after_USBVideo": "video/9998_USBVideo_after.avi: no row of db.csv names it",
    }


@pytest.mark.parametrize(
    ("saturation", "reason"),
    [
        ("", "no saturation of 1020_FullHDwebcam_before"),
        (0, "the SpO2 reading is 0 (valid: 50-100 %)"),
        (127, "the SpO2 reading is 127"),
        (44, "the SpO2 reading is 44"),
    ],
)
def test_no_reading_and_fault_codes(tmp_path: Path, saturation: object, reason: str) -> None:
    write_one(tmp_path, saturation)
    assert reason in reject_of(tmp_path).reason


def test_two_rows_of_one_video_agree_or_it_is_rejected(tmp_path: Path) -> None:
    write_mcd_video(tmp_path)
    write_mcd_table(tmp_path, [mcd_row(NAME, 98.0), mcd_row(NAME, 98.0)])
    assert read_one(tmp_path).spo2.percent.tolist() == [98]
    write_mcd_table(tmp_path, [mcd_row(NAME, 98.0), mcd_row(NAME, 95.0)])
    assert "several readings of 1020_FullHDwebcam_before (98, 95)" in reject_of(tmp_path).reason


def test_saturation_is_found_by_name_and_said(tmp_path: Path) -> None:
    write_mcd_video(tmp_path)
    row = mcd_row(NAME, 98.0)
    row["SpO2 (%)"] = row.pop("saturation")
    write_mcd_table(tmp_path, [row])
    record = read_one(tmp_path)
    assert record.spo2.percent.tolist() == [98] and record.notes == ("db.csv: column 'SpO2 (%)' is taken",)
    del row["SpO2 (%)"]
    write_mcd_table(tmp_path, [row])
    with pytest.raises(BadInput, match=r"db\.csv: columns of oxygen saturation: none among patient_id, age"):
        read_dataset("mcd_rppg", tmp_path)


def test_a_pointer_of_git_lfs_is_no_video(tmp_path: Path) -> None:
    write_one(tmp_path).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 21000000\n")
    assert "a Git LFS pointer; expected the video itself" in reject_of(tmp_path).reason


def test_without_meta_the_containers_rate_is_taken_and_said(tmp_path: Path) -> None:
    write_one(tmp_path, meta=False)
    record = read_one(tmp_path)
    assert record.video.times_are_estimated
    assert record.notes == ("no meta/1020_FullHDwebcam_before.txt: 25.00 Hz by the container, which nothing confirms",)


def test_frames_and_stamps_are_counted_against_each_other(tmp_path: Path) -> None:
    write_mcd_table(tmp_path, [mcd_row(NAME, 98.0), mcd_row("1020_FullHDwebcam_after", 98.0)])
    write_mcd_video(tmp_path, n_stamps=61)
    write_mcd_video(tmp_path, "1020_FullHDwebcam_after", n_stamps=90)
    records, rejects = read_dataset("mcd_rppg", tmp_path)
    note = f"meta/{NAME}.txt has 61 time stamps for 60 frames: the first 60 are used"
    assert [record.notes for record in records] == [(note,)]
    assert rejects[0].reason == "meta/1020_FullHDwebcam_after.txt has 90 time stamps for 60 frames"


@pytest.mark.parametrize(
    ("video", "note"),
    [
        ({"wave": np.full(60, 127.0)}, "ppg_sync does not move: no pulse"),
        ({"offset_s": [0.004] * 59 + [3.0]}, "1 of 60 samples of ppg_sync are more than 0.1 s off: masked"),
    ],
)
def test_the_contact_wave_is_told_from_nothing(tmp_path: Path, video: dict, note: str) -> None:
    """Patient 7412's wave does not move; an offset is no step of time."""
    write_one(tmp_path, name="7412_USBVideo_after", **video)
    record = read_one(tmp_path)
    assert record.notes == (note,) and record.spo2.percent.tolist() == [98]
    if record.pulse is not None:
        assert np.isnan(record.pulse.value).tolist() == [False] * 59 + [True]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (None, f"no ppg_sync/{NAME}.txt"),
        ("1 2\n" * 30, "ppg_sync has 30 rows for 60 frames: no pulse"),
        ("1 2\n3\n", f"ppg_sync/{NAME}.txt is no table of numbers: no pulse"),
        ("one two\n", f"ppg_sync/{NAME}.txt is no table of numbers: no pulse"),
    ],
)
def test_a_wave_that_cannot_be_read_costs_the_wave_alone(tmp_path: Path, content: str | None, note: str) -> None:
    write_one(tmp_path)
    path = tmp_path / "ppg_sync" / f"{NAME}.txt"
    path.write_text(content) if content else path.unlink()
    record = read_one(tmp_path)
    assert record.pulse is None and record.notes == (note,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no time stamp"),
        ("0\t2024-06-02 10:00:00\n1\tnoon\n", "in line 2; expected a frame's number, date and time"),
        ("0\t2024-06-02 10:00:01\n1\t2024-06-02 10:00:00\n", "time goes back at frame 2"),
    ],
)
def test_stamps_that_are_none_reject_the_video(tmp_path: Path, content: str, reason: str) -> None:
    write_one(tmp_path)
    (tmp_path / "meta" / f"{NAME}.txt").write_text(content)
    assert reason in reject_of(tmp_path).reason


def test_a_header_and_blanks_in_place_of_tabs_are_read(tmp_path: Path) -> None:
    write_one(tmp_path)
    path = tmp_path / "meta" / f"{NAME}.txt"
    path.write_text("frame  timestamp\n" + path.read_text().replace("\t", "  "))
    np.testing.assert_allclose(read_one(tmp_path).video.frame_times_s, np.arange(60) / 30, atol=1e-5)


def test_a_name_that_says_nothing_is_a_row(tmp_path: Path) -> None:
    write_mcd_table(tmp_path, [mcd_row(NAME, 98.0) | {"video": "video/test clip.avi"}])
    write_mcd_video(tmp_path)
    _, rejects = read_dataset("mcd_rppg", tmp_path)
    assert [reject.record_id for reject in rejects] == ["1020_before_FullHDwebcam", "test-clip"]
    assert "a video named 'test clip'" in rejects[1].reason
