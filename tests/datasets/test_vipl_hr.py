"""VIPL-HR as it is on disk, defects included: each statement that is known of it is a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from tast.clip_store import Reject
from tast.datasets.readers import read_dataset
from tast.datasets.vipl_hr import official_folds
from tast.errors import BadInput
from tast.records import VideoRecord
from tast.video.read import read_frames
from tests.datasets.layouts import write_numbers, write_vipl_hr_video


def read_one(root: Path, **options) -> VideoRecord:
    records, rejects = read_dataset("vipl_hr", root, **options)
    assert rejects == []
    (record,) = records
    return record


def reject_of(root: Path) -> Reject:
    records, rejects = read_dataset("vipl_hr", root)
    assert records == []
    (reject,) = rejects
    assert str(root) not in reject.reason
    return reject


def test_a_video_reads_right_and_the_container_rate_is_ignored(tmp_path):
    write_vipl_hr_video(tmp_path, rate_hz=16.0, n_frames=32)
    record = read_one(tmp_path)
    assert (record.dataset, record.subject_id, record.scenario, record.camera) == ("vipl_hr", "p1", "stable", "source1")
    assert record.record_id == "p1_v1_source1" and record.notes == () and not record.video.times_are_estimated
    frames = list(read_frames(record.video))
    assert [time_s for time_s, _ in frames] == [round(k * 62.5) / 1000 for k in range(32)]  # the container says 40 ms
    assert all(abs(int(frame[12, 16, 0]) - 200) <= 6 for _, frame in frames)
    np.testing.assert_array_equal(record.spo2.times_s, [0, 1])
    np.testing.assert_array_equal(record.spo2.percent, [97, 96])
    assert record.pulse is not None and record.pulse_rate is not None
    np.testing.assert_allclose(record.pulse.times_s, np.arange(120) / 60, atol=1e-12)
    np.testing.assert_array_equal(record.pulse_rate.per_minute, [70, 71])


def test_times_count_from_the_first_frame_whatever_the_clock_says(tmp_path):
    write_vipl_hr_video(tmp_path, n_frames=4, times_ms=[120_000, 120_033, 120_140, 120_173], percent=[97], pulse_per_min=[70])
    np.testing.assert_allclose(read_one(tmp_path).video.frame_times_s, [0, 0.033, 0.14, 0.173], atol=1e-12)


@pytest.mark.parametrize(("scenario", "name"), [("v4", "bright"), ("v5", "dark"), ("v7", "exercise"), ("v1-2", "stable")])
def test_scenarios_and_retakes(tmp_path, scenario, name):
    write_vipl_hr_video(tmp_path, f"p3/{scenario}/source3")
    record = read_one(tmp_path)
    assert record.scenario == name
    assert record.record_id == f"p3_{scenario}_source3"


def test_phone_videos_get_an_estimated_rate_and_say_so(tmp_path):
    """90 frames, three readings of one second each: 30 Hz, although the container says 25."""
    write_vipl_hr_video(tmp_path, "p1/v8/source2", n_frames=90, percent=[97, 97, 96], pulse_per_min=[70] * 3)
    record = read_one(tmp_path)
    assert record.video.times_are_estimated
    np.testing.assert_allclose(record.video.frame_times_s, np.arange(90) / 30, atol=1e-12)
    assert record.notes == ("no time.txt: 30.00 Hz estimated from 90 frames in 3 s of the oximeter",)


def test_one_oximeter_file_cut_short_does_not_change_the_estimated_rate(tmp_path):
    folder = write_vipl_hr_video(tmp_path, "p1/v1/source2", n_frames=120, percent=[97] * 4, pulse_per_min=[70] * 4)
    write_numbers(folder / "gt_SpO2.csv", "SpO2", [97])
    np.testing.assert_allclose(read_one(tmp_path).video.frame_times_s, np.arange(120) / 30, atol=1e-12)


def test_no_credible_rate_is_rejected(tmp_path):
    write_vipl_hr_video(tmp_path, "p1/v1/source2", n_frames=6, percent=[97] * 4, pulse_per_min=[70] * 4)
    assert "6 frames in the 4 s of the oximeter are 1.5 Hz: no camera's rate" in reject_of(tmp_path).reason


def test_fault_codes_are_masked(tmp_path):
    percent, rate = [97, 44, 127, 103.79, 54, 99, 0, 49], [70, 255, 0, 71, 72, 73, 74, 255]
    write_vipl_hr_video(tmp_path, "p24/v7/source1", n_frames=240, percent=percent, pulse_per_min=rate)
    record = read_one(tmp_path)
    np.testing.assert_array_equal(record.spo2.percent, [97, np.nan, np.nan, np.nan, 54, 99, np.nan, np.nan])
    assert record.pulse_rate is not None
    np.testing.assert_array_equal(record.pulse_rate.per_minute, [70, np.nan, np.nan, 71, 72, 73, 74, np.nan])
    assert record.notes == ("5 of 8 SpO2 readings masked",)


def test_44_is_a_fault_code_even_where_the_range_allows_it(tmp_path):
    write_vipl_hr_video(tmp_path, percent=[44, 43])
    np.testing.assert_array_equal(read_one(tmp_path, spo2_range_percent=(30, 100)).spo2.percent, [np.nan, 43])


def test_a_video_without_a_valid_reading_is_rejected(tmp_path):
    write_vipl_hr_video(tmp_path, percent=[127, 127])
    assert reject_of(tmp_path).reason == "no valid SpO2 reading among 2 (valid: 50-100 %)"


def test_near_infrared_is_left_out_unless_asked_for(tmp_path):
    for camera in (1, 2, 3, 4):
        write_vipl_hr_video(tmp_path, f"p1/v1/source{camera}")
    records, _ = read_dataset("vipl_hr", tmp_path)
    assert [record.camera for record in records] == ["source1", "source2", "source3"]
    records, _ = read_dataset("vipl_hr", tmp_path, include_nir=True)
    assert [record.camera for record in records] == ["source1", "source2", "source3", "source4"]


def test_gaps_are_gaps_and_empty_folders_are_named(tmp_path):
    """p97-p107 have no source1: no record, no reject. A folder that is there but empty is a reject."""
    write_vipl_hr_video(tmp_path, "p97/v1/source3")
    (tmp_path / "data/p84/v1/source1").mkdir(parents=True)
    records, rejects = read_dataset("vipl_hr", tmp_path)
    assert [record.record_id for record in records] == ["p97_v1_source3"]
    assert [(r.record_id, r.reason.split(";")[0]) for r in rejects] == [
        ("p84_v1_source1", "data/p84/v1/source1/gt_SpO2.csv: cannot be read (No such file or directory)")
    ]


@pytest.mark.parametrize("n_stamps", [59, 61])
def test_one_stamp_too_many_or_too_few_is_mended_and_noted(tmp_path, n_stamps):
    write_vipl_hr_video(tmp_path, times_ms=[k * 33 for k in range(n_stamps)])
    record = read_one(tmp_path)
    n_used = min(60, n_stamps)
    assert record.notes == (f"time.txt has {n_stamps} time stamps for 60 frames: the first {n_used} are used",)
    assert [time_s for time_s, _ in read_frames(record.video)] == [k * 33 / 1000 for k in range(n_used)]


@pytest.mark.parametrize("n_stamps", [1, 50, 70])
def test_stamps_that_fit_no_frames_are_rejected(tmp_path, n_stamps):
    write_vipl_hr_video(tmp_path, times_ms=[k * 33 for k in range(n_stamps)])
    assert reject_of(tmp_path).reason == f"time.txt has {n_stamps} time stamps for 60 frames"


def test_frames_of_one_millisecond_are_spread_over_it(tmp_path):
    write_vipl_hr_video(tmp_path, n_frames=4, times_ms=[0, 33, 33, 66], percent=[97], pulse_per_min=[70])
    record = read_one(tmp_path)
    np.testing.assert_allclose(record.video.frame_times_s, [0, 0.033, 0.0335, 0.066], atol=1e-12)
    assert record.notes == ("1 frames share a time stamp with the one before: spread over 1 ms",)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("time.txt", "0\n33\n20\n", "time goes back at line 3"),
        ("time.txt", "0\n33\nx\n", "'x' in line 3"),
        ("time.txt", "", "an empty file; expected a time stamp"),
        ("gt_SpO2.csv", "", "an empty file; expected the header 'SpO2'"),
        ("gt_SpO2.csv", "97\n96\n", "first line '97'"),
        ("gt_SpO2.csv", "SpO2\n9?\n", "'9?' in line 2"),
        ("gt_SpO2.csv", "SpO2\n", "no valid SpO2 reading among 0"),
        ("video.avi", "", "cannot be opened"),
        ("video.avi", "RIFF", "cannot be opened"),
    ],
)
def test_unusable_files_reject_their_video_only(tmp_path, file, content, reason):
    folder = write_vipl_hr_video(tmp_path)
    (folder / file).write_text(content)
    write_vipl_hr_video(tmp_path, "p2/v1/source1")
    records, rejects = read_dataset("vipl_hr", tmp_path)
    assert [record.record_id for record in records] == ["p2_v1_source1"]
    assert [reject.record_id for reject in rejects] == ["p1_v1_source1"]
    assert reason in rejects[0].reason


@pytest.mark.parametrize("file", ["video.avi", "gt_SpO2.csv"])
def test_missing_files_reject_their_video(tmp_path, file):
    (write_vipl_hr_video(tmp_path) / file).unlink()
    assert file in reject_of(tmp_path).reason


def test_missing_pulse_files_are_noted(tmp_path):
    folder = write_vipl_hr_video(tmp_path)
    (folder / "gt_HR.csv").unlink()
    (folder / "wave.csv").unlink()
    record = read_one(tmp_path)
    assert record.pulse is None and record.pulse_rate is None
    assert record.notes == ("no gt_HR.csv", "no wave.csv")


def test_a_wave_that_does_not_fit_the_duration_keeps_its_rate(tmp_path):
    folder = write_vipl_hr_video(tmp_path)
    write_numbers(folder / "wave.csv", "Wave", range(30))
    record = read_one(tmp_path)
    assert record.pulse is not None
    np.testing.assert_allclose(np.diff(record.pulse.times_s), 1 / 60, atol=1e-12)
    assert record.notes == ("wave.csv holds 30 samples for 2 s: taken as 60 Hz",)


def test_a_truncated_video_gives_its_good_part_and_a_reason(tmp_path):
    video = write_vipl_hr_video(tmp_path) / "video.avi"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    defects: list[str] = []
    n_good = len(list(read_frames(read_one(tmp_path).video, defects)))
    assert 20 <= n_good < 60 and len(defects) == 1


def test_wrong_folder_says_what_was_expected(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(BadInput, match=r"no record found; expected VIPL-HR's layout"):
        read_dataset("vipl_hr", tmp_path)


def write_folds(root: Path, folds: list[list[int]]) -> None:
    (root / "fold").mkdir()
    for number, subjects in enumerate(folds, start=1):
        scipy.io.savemat(root / "fold" / f"fold{number}.mat", {f"fold{number}": np.array([subjects])})


def test_official_folds(tmp_path):
    write_folds(tmp_path, [[1, 6], [2, 7], [3, 8], [4, 9], [5, 107]])
    assert official_folds(tmp_path) == (("p1", "p6"), ("p2", "p7"), ("p3", "p8"), ("p4", "p9"), ("p5", "p107"))


def test_folds_that_share_a_subject_or_are_no_matlab_files(tmp_path):
    write_folds(tmp_path, [[1, 6], [6, 7]])
    with pytest.raises(BadInput, match="subject p6 is in two folds"):
        official_folds(tmp_path)
    (tmp_path / "fold" / "fold2.mat").write_text("not matlab")
    with pytest.raises(BadInput, match=r"fold2\.mat: not a MATLAB file"):
        official_folds(tmp_path)
