"""PURE as it is on disk, defects included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tast.clip_store import Reject
from tast.datasets.readers import read_dataset
from tast.errors import BadInput
from tast.records import VideoRecord
from tast.video.read import read_frames
from tests.datasets.layouts import START_NS, oximeter_stamps_ns, pure_content, pure_reading, write_pure_session


def read_one(root: Path, **options) -> VideoRecord:
    records, rejects = read_dataset("pure", root, **options)
    assert rejects == []
    (record,) = records
    return record


@pytest.mark.parametrize("json_above", [False, True])
def test_a_session_reads_right_with_the_json_in_either_place(tmp_path, json_above):
    write_pure_session(tmp_path, "03-05", json_above=json_above)
    record = read_one(tmp_path)
    assert (record.dataset, record.subject_id, record.scenario, record.record_id) == ("pure", "03", "small_rotation", "03-05")
    assert record.notes == ()
    np.testing.assert_allclose(record.video.frame_times_s, np.arange(10) * 0.033333333, atol=1e-12)
    np.testing.assert_array_equal(record.spo2.percent, np.full(20, 97.0))
    assert [f[0, 0].tolist() for _, f in read_frames(record.video)] == [[200, 20, 10]] * 10


def test_times_are_on_the_images_clock_to_the_nanosecond(tmp_path):
    """Steps of 16 and 32 ms, an oximeter that starts 5 ns before the first image: float64 of the raw stamps would give 0."""
    write_pure_session(tmp_path, readings=[(s, pure_reading()) for s in oximeter_stamps_ns(START_NS - 5, 12)])
    record = read_one(tmp_path)
    assert record.spo2.times_s[0] == -5e-9
    steps_ms = np.diff(record.spo2.times_s) * 1000
    np.testing.assert_allclose(steps_ms, [16] * 8 + [32] + [16] * 2, atol=1e-9)
    assert record.pulse is not None and record.pulse.times_s is record.spo2.times_s


def test_images_are_ordered_by_time_not_by_name(tmp_path):
    write_pure_session(tmp_path, n_images=3, start_ns=9_999_999_990, readings=[(9_999_999_999, pure_reading())])
    record = read_one(tmp_path)
    assert record.video.frame_files == ("Image9999999990.png", "Image10033333323.png", "Image10066666656.png")


def test_faults_are_masked(tmp_path):
    readings = [
        pure_reading(97), pure_reading(96, probeError=True), pure_reading(95, searching=True), pure_reading(44),
        pure_reading(127), pure_reading(100), pure_reading(50), pure_reading(0), pure_reading(94, 255),
    ]  # fmt: skip
    write_pure_session(tmp_path, readings=[(START_NS + k * 16_000_000, r) for k, r in enumerate(readings)])
    record = read_one(tmp_path)
    np.testing.assert_array_equal(record.spo2.percent, [97, np.nan, np.nan, np.nan, np.nan, 100, 50, np.nan, 94])
    assert record.pulse_rate is not None
    np.testing.assert_array_equal(record.pulse_rate.per_minute, [70, np.nan, np.nan, 70, 70, 70, 70, 70, np.nan])
    assert record.notes == ("5 of 9 SpO2 readings masked",)


def test_range_and_name_are_the_callers(tmp_path):
    write_pure_session(tmp_path, readings=[(START_NS, pure_reading(80)), (START_NS + 1000, pure_reading(95))])
    record = read_one(tmp_path, spo2_range_percent=(85, 100), dataset="phantom")
    np.testing.assert_array_equal(record.spo2.percent, [np.nan, 95])
    assert record.dataset == "phantom"


def test_repeated_and_unordered_packages(tmp_path):
    stamps = [(START_NS + 32_000_000, 95), (START_NS, 97), (START_NS, 96), (START_NS + 16_000_000, 94)]
    write_pure_session(tmp_path, readings=[(stamp, pure_reading(percent)) for stamp, percent in stamps])
    record = read_one(tmp_path)
    np.testing.assert_array_equal(record.spo2.percent, [97, 94, 95])
    assert record.notes == ("1 oximeter packages with a repeated time stamp left out",)


def test_images_that_only_the_json_knows_are_noted(tmp_path):
    write_pure_session(tmp_path)
    sorted((tmp_path / "01-01" / "01-01").glob("*.png"))[4].unlink()
    assert read_one(tmp_path).notes == ("1 of 10 images listed in the JSON have no file",)


def rejected_beside_a_good_one(root: Path) -> Reject:
    write_pure_session(root, "01-02")
    records, rejects = read_dataset("pure", root)
    assert [r.record_id for r in records] == ["01-02"]
    (reject,) = rejects
    assert reject.record_id == "01-01"
    assert str(root) not in reject.reason
    return reject


def test_json_cut_in_half_rejects_its_session_only(tmp_path):
    path = write_pure_session(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reason = rejected_beside_a_good_one(tmp_path).reason
    assert reason.startswith("01-01/01-01.json: not JSON") and "expected a whole JSON file" in reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "no readings under '/FullPackage'"),
        ([1], "no readings under '/FullPackage'"),
        ({"/FullPackage": [{"Timestamp": START_NS}]}, "package 0 lacks its Timestamp or Value"),
        ({"/FullPackage": [7]}, "package 0 lacks its Timestamp or Value"),
        (
            {"/FullPackage": [{"Timestamp": START_NS, "Value": {"o2saturation": 97}}]},
            "a package without a number under 'probeError'",
        ),
        (pure_content([], [(START_NS, pure_reading("high"))]), "a package without a number under 'o2saturation'"),  # type: ignore[arg-type]
        (pure_content([], [(START_NS, pure_reading(0))]), "no valid SpO2 reading among 1"),
        (pure_content([], [(START_NS - 10**10, pure_reading())]), "no oximeter reading within the video"),
    ],
)
def test_unusable_json_rejects_its_session_only(tmp_path, content, reason):
    write_pure_session(tmp_path).write_text(json.dumps(content))
    assert reason in rejected_beside_a_good_one(tmp_path).reason


def test_missing_json_and_missing_images_reject_their_session(tmp_path):
    write_pure_session(tmp_path).unlink()
    assert rejected_beside_a_good_one(tmp_path).reason.startswith("01-01: no 01-01.json")


def test_session_without_images(tmp_path):
    write_pure_session(tmp_path)
    for image in (tmp_path / "01-01" / "01-01").glob("*.png"):
        image.unlink()
    assert rejected_beside_a_good_one(tmp_path).reason.startswith("01-01/01-01: no image")


def test_sessions_are_found_inside_a_wrapping_folder_in_order(tmp_path):
    for name in ("10-01", "01-02", "01-01"):
        write_pure_session(tmp_path / "PURE", name, n_images=2)
    records, _ = read_dataset("pure", tmp_path)
    assert [record.record_id for record in records] == ["01-01", "01-02", "10-01"]


def test_empty_folder_and_wrong_folder_say_what_was_expected(tmp_path):
    with pytest.raises(BadInput, match=r"an empty folder; expected PURE's layout"):
        read_dataset("pure", tmp_path)
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(BadInput, match=r"no record found; expected PURE's layout"):
        read_dataset("pure", tmp_path)
    with pytest.raises(BadInput, match="no such folder"):
        read_dataset("pure", tmp_path / "nowhere")


def test_only_metadata_is_read_each_file_once_and_no_image(tmp_path):
    """What a PURE-sized set takes: a reading of its JSON and of its folder per session, whatever number of images it has."""
    n_images = 300
    stamps = [START_NS + k * 30_000_000 for k in range(n_images)]
    content = json.dumps(pure_content(stamps, [(stamp, pure_reading()) for stamp in oximeter_stamps_ns(START_NS, 600)]))
    for record_id in ("01-01", "01-02", "02-01"):
        folder = tmp_path / record_id / record_id
        folder.mkdir(parents=True)
        folder.with_suffix(".json").write_text(content)
        for stamp in stamps:
            (folder / f"Image{stamp}.png").touch()
    program = f"""
import collections, sys
from tast.datasets.readers import read_dataset
touched, asked = collections.Counter(), ("open", "os.listdir", "os.scandir")
sys.addaudithook(lambda event, args: touched.update([(event, str(args[0]))]) if event in asked else None)
records, rejects = read_dataset("pure", {str(tmp_path)!r})
assert len(records) == 3 and not rejects
for (event, name), times in touched.items():
    print(event, times, name)
"""
    lines = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.splitlines()
    here = [line.split(" ", 2) for line in lines if str(tmp_path) in line]
    assert sorted(name for event, _, name in here if event == "open") == sorted(map(str, tmp_path.glob("*/*.json")))
    assert {times for event, times, _ in here if event == "open"} == {"1"}
    listed = [int(times) for event, times, name in here if event != "open" and Path(name).parent.parent == tmp_path]
    assert len(listed) == 3 and set(listed) == {1}
