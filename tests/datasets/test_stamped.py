"""SUMS and LADH as they are on disk, and what is known to be wrong with them: read right with a note, or rejected by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tast.clip_store import Reject
from tast.datasets.audit import audit_folder
from tast.datasets.ladh import person_token
from tast.datasets.readers import read_dataset
from tast.errors import BadInput
from tast.records import VideoRecord
from tast.video.read import read_frames
from tests.datasets.more_layouts import FACE, write_ladh_station, write_sums_state, write_take


def read_one(layout: str, root: Path, **options) -> VideoRecord:
    records, rejects = read_dataset(layout, root, **options)
    assert rejects == []
    (record,) = records
    return record


def reject_of(layout: str, root: Path) -> Reject:
    records, rejects = read_dataset(layout, root)
    assert records == []
    (reject,) = rejects
    assert str(root) not in reject.reason and "\n" not in reject.reason
    return reject


def test_a_state_of_sums_reads_right(tmp_path: Path) -> None:
    """The stamps say 50 Hz, the container 25; the finger's video beside it is no record."""
    write_sums_state(tmp_path / "SUMS", "060203/v04", rate_hz=50.0)
    record = read_one("sums", tmp_path)
    assert (record.dataset, record.subject_id, record.scenario) == ("sums", "060203", "after_stairs_oxygen")
    assert (record.record_id, record.camera, record.notes) == ("060203_v04_face", "face", ())
    times_s = [time_s for time_s, _ in read_frames(record.video)]
    np.testing.assert_allclose(times_s, np.arange(60) / 50, atol=1e-5)
    np.testing.assert_allclose(record.spo2.times_s, [0.2, 1.2], atol=1e-5)
    np.testing.assert_array_equal(record.spo2.percent, [97, 96])
    assert record.spo2.spot_sd_percent is None and not record.video.times_are_estimated
    assert record.pulse is not None and record.pulse_rate is not None
    np.testing.assert_allclose(record.pulse.times_s[:3], [0, 0.05, 0.1], atol=1e-5)
    np.testing.assert_array_equal(record.pulse_rate.per_minute, [70, 70])


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_any_unit_is_understood_and_said(tmp_path: Path, unit: str) -> None:
    write_sums_state(tmp_path, units=(unit,) * 4)
    record = read_one("sums", tmp_path)
    np.testing.assert_allclose(record.spo2.times_s, [0.2, 1.2], atol=2e-3)
    assert record.notes == (f"time stamps in {unit}, by their size",)


def test_clocks_in_mixed_units_are_named(tmp_path: Path) -> None:
    write_sums_state(tmp_path, units=("ms", "s", "s", "ns"))
    record = read_one("sums", tmp_path)
    np.testing.assert_allclose(record.spo2.times_s, [0.2, 1.2], atol=2e-3)
    mixed = "clocks in mixed units, by their size: frames_timestamp.csv ms, SpO2.csv s, HR.csv s, BVP.csv ns"
    assert record.notes == (mixed,)


def test_labels_end_where_the_readings_do(tmp_path: Path) -> None:
    """60 frames at 12 Hz are 5 s; readings in its first two. Nothing is drawn beyond them."""
    write_sums_state(tmp_path, rate_hz=12.0)
    record = read_one("sums", tmp_path)
    assert record.notes == ("SpO2.csv spans 0.2 to 1.2 s of a video of 4.9 s: no label beyond",)
    (facts,) = audit_folder("sums", tmp_path, "sums")["recordings"]
    assert (facts["n_labelled_s"], facts["spo2_min"], facts["spo2_max"]) == (2, 96, 97)


def test_fault_codes_are_masked_even_where_the_range_allows_them(tmp_path: Path) -> None:
    percent = [97, 44, 127, 0, 255, 88, 45]
    write_sums_state(tmp_path, images=[FACE] * 210, percent=percent)
    record = read_one("sums", tmp_path, spo2_range_percent=(0, 300))
    np.testing.assert_array_equal(record.spo2.percent, [97, np.nan, np.nan, np.nan, np.nan, 88, 45])
    assert record.notes == ("4 of 7 SpO2 readings masked",)


def test_rows_out_of_order_and_repeated_stamps(tmp_path: Path) -> None:
    write_sums_state(tmp_path, percent=[96, 97, 50, 95], reading_s=[1.0, 0.5, 0.5, 1.5])
    record = read_one("sums", tmp_path)
    np.testing.assert_allclose(record.spo2.times_s, [0.5, 1, 1.5], atol=1e-5)
    np.testing.assert_array_equal(record.spo2.percent, [97, 96, 95])
    assert "SpO2.csv: time goes back 1 times, rows put in order" in record.notes
    assert "SpO2.csv: 1 rows with a repeated time stamp left out" in record.notes


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        (("Timestamp", "SpO2"), ()),
        (("time_ms", "Saturation (%)"), ()),
        (("timestamp", "value"), ("SpO2.csv: column 'value' is taken",)),
    ],
)
def test_columns_are_found_by_name(tmp_path: Path, columns: tuple[str, str], note: tuple[str, ...]) -> None:
    write_sums_state(tmp_path, columns=columns)
    record = read_one("sums", tmp_path)
    np.testing.assert_array_equal(record.spo2.percent, [97, 96])
    assert record.notes == note


def test_frames_and_stamps_are_counted_against_each_other(tmp_path: Path) -> None:
    write_sums_state(tmp_path, "060200/v01", frame_s=np.arange(61) / 30)
    write_sums_state(tmp_path, "060200/v02", frame_s=np.arange(40) / 20)
    write_sums_state(tmp_path, "060200/v03", frame_s=[*np.arange(30) / 30, *(1 + np.arange(30) / 30 - 1 / 30)])
    write_sums_state(tmp_path, "060200/v04", frame_s=np.arange(60)[::-1] / 30)
    records, rejects = read_dataset("sums", tmp_path)
    one_too_many, shared = records
    assert one_too_many.notes == ("frames_timestamp.csv has 61 time stamps for 60 frames: the first 60 are used",)
    assert shared.notes[0].startswith("1 frames share a time stamp with the one before: spread over 33.3")
    assert [r.record_id for r in rejects] == ["060200_v02_face", "060200_v04_face"]
    assert rejects[0].reason == "frames_timestamp.csv has 40 time stamps for 60 frames"
    assert "time goes back at frame 2" in rejects[1].reason


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("SpO2.csv", None, "060203/v01/SpO2.csv: cannot be read (No such file or directory)"),
        ("SpO2.csv", "timestamp,spo2\n", "060203/v01/SpO2.csv: no row"),
        ("SpO2.csv", "spo2,pulse\n97,70\n", "0 columns of time stamps among spo2, pulse"),
        ("SpO2.csv", "timestamp,a,b\n1717300000,97,70\n", "columns timestamp, a, b; expected one column of stamps and one named"),
        ("SpO2.csv", "timestamp,spo2\n1717300000,127\n1717300001,0\n", "no valid SpO2 reading among 2"),
        ("SpO2.csv", "timestamp,spo2\n1717303600,97\n1717303601,97\n", "no oximeter reading within the video"),
        ("SpO2.csv", "timestamp,spo2\n0,97\n1,97\n", "no oximeter reading within the video"),
        ("frames_timestamp.csv", "timestamp\n1717300000\n1717300000000\n", "time stamps of 1.7173e+09 to 1.7173e+12"),
        ("frames_timestamp.csv", None, "frames_timestamp.csv: cannot be read"),
        ("video_ZIP_H264_face.avi", None, "060203/v01: videos of the face: none"),
        ("video_ZIP_H264_face.avi", "RIFF", "cannot be opened"),
    ],
)
def test_what_cannot_be_read_is_a_row_with_its_reason(tmp_path: Path, file: str, content: str | None, reason: str) -> None:
    folder = write_sums_state(tmp_path, finger=False)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    assert reason in reject_of("sums", tmp_path).reason


def test_hr_and_bvp_may_be_missing(tmp_path: Path) -> None:
    folder = write_sums_state(tmp_path)
    (folder / "HR.csv").unlink()
    (folder / "BVP.csv").unlink()
    record = read_one("sums", tmp_path)
    assert record.pulse is None and record.pulse_rate is None and record.notes == ("no HR.csv", "no BVP.csv")


def test_a_rate_that_no_camera_has_is_rejected(tmp_path: Path) -> None:
    write_sums_state(tmp_path, rate_hz=2.0, percent=[97] * 20)
    assert "59 frames in 29.5 s by frames_timestamp.csv are 2.0 Hz: no camera's rate" in reject_of("sums", tmp_path).reason


def test_ladhs_people_are_people_across_dates(tmp_path: Path) -> None:
    """The same two people on two dates, one of them in a folder without a date, as LADH+ has it: two people, five recordings."""
    write_ladh_station(tmp_path, "LADH/12_05/p_12_05_wangxm/v01")
    write_ladh_station(tmp_path, "LADH/12_05/p_12_05_caip/v05")
    write_ladh_station(tmp_path, "LADH/12_06/p_12_06_wangxm/v01")
    write_ladh_station(tmp_path, "LADH/day_03/p_Caip/v02")
    write_ladh_station(tmp_path, "LADH/day_04/p_Caip/v02")
    records, rejects = read_dataset("ladh", tmp_path)
    assert rejects == [] and len(records) == 5
    assert {record.subject_id for record in records} == {person_token("wangxm"), person_token("caip")}
    assert {record.scenario for record in records} == {"sitting", "after_exercise", "sitting_care"}
    wang = person_token("wangxm")
    assert sorted(r.record_id for r in records if r.subject_id == wang) == [f"{wang}_12-05_v01_RGB", f"{wang}_12-06_v01_RGB"]


def test_nobodys_name_comes_into_what_is_written(tmp_path: Path) -> None:
    write_ladh_station(tmp_path, "12_05/p_12_05_wangxm/v01", units=("ms", "s", "s", "s"))
    broken = write_ladh_station(tmp_path, "12_05/p_12_05_caip/v02")
    (broken / "SpO2.csv").write_text("timestamp,spo2\nlater,97\n")
    (write_ladh_station(tmp_path, "12_05/p_12_05_lujg/v02") / "video_RGB_H264.avi").unlink()
    facts = json.dumps(audit_folder("ladh", tmp_path, "ladh"))
    assert not any(name in facts for name in ("wangxm", "caip", "lujg"))
    _, rejects = read_dataset("ladh", tmp_path)
    assert {reject.reason.split(";")[0] for reject in rejects} == {
        "SpO2.csv: 'later' in line 2", "video_RGB_H264.avi: no such file",
    }  # fmt: skip
    assert all(str(tmp_path) not in reject.reason for reject in rejects)


def test_near_infrared_comes_where_it_is_asked_for_with_its_own_stamps(tmp_path: Path) -> None:
    folder = write_ladh_station(tmp_path)
    write_take(folder, "video_IR_H264.avi", "frames_timestamp_IR.csv", rate_hz=15.0, images=[FACE] * 30)
    assert [r.camera for r in read_dataset("ladh", tmp_path)[0]] == ["RGB"]
    infrared, colour = read_dataset("ladh", tmp_path, include_nir=True)[0]
    assert (infrared.camera, colour.camera) == ("IR", "RGB") and infrared.subject_id == colour.subject_id
    np.testing.assert_allclose(infrared.video.frame_times_s[:2], [0, 1 / 15], atol=1e-5)
    np.testing.assert_allclose(colour.video.frame_times_s[:2], [0, 1 / 30], atol=1e-5)


def test_two_recordings_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    write_ladh_station(tmp_path, "12_05/p_12_05_caip/v01")
    write_ladh_station(tmp_path, "12_06/p_12_05_caip/v01")
    records, rejects = read_dataset("ladh", tmp_path)
    assert len(records) == len(rejects) == 1 and records[0].record_id == rejects[0].record_id
    assert rejects[0].reason == "another recording has this name already"


@pytest.mark.parametrize("layout", ["sums", "ladh"])
def test_a_folder_in_another_layout_says_what_was_expected(tmp_path: Path, layout: str) -> None:
    (tmp_path / "01-01").mkdir()
    with pytest.raises(BadInput, match=f"no record found; expected {layout.upper()}'s layout"):
        read_dataset(layout, tmp_path)
