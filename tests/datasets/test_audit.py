"""The audit on tiny data sets whose every number is known by hand."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tast.clip_store import Reject
from tast.datasets.audit import audit, audit_folder, constant_predictor, dropped_frames, label_facts, swing_facts
from tast.datasets.audit_page import render_audit, write_audit
from tests.datasets.layouts import START_NS, pure_reading, write_numbers, write_pure_session, write_recording, write_vipl_hr_video
from tests.datasets.test_oximetry_phone_cam import REAL, write_set


def audit_on_disk(layout: str, root: Path, name: str | None = None) -> dict:
    return audit_folder(layout, root, name or layout)


def one_per_second(percents: list[float], start_ns: int = START_NS) -> list:
    return [(start_ns + k * 1_000_000_000, pure_reading(percent)) for k, percent in enumerate(percents)]


def test_counts_rates_and_drops_of_pure(tmp_path):
    write_pure_session(tmp_path, "01-01", n_images=31, readings=one_per_second([97, 95]))
    write_pure_session(tmp_path, "02-03", n_images=31, readings=one_per_second([99, 127]))
    for image in sorted((tmp_path / "02-03/02-03").glob("*.png"))[10:13]:
        image.unlink()
    facts = audit_on_disk("pure", tmp_path)
    counts = facts["counts"]
    assert (counts["subjects"], counts["recordings"], counts["frames"], counts["dropped_frames"]) == (2, 2, 59, 3)
    assert counts["scenarios"] == {"slow_translation": 1, "steady": 1}
    assert counts["seconds"] == pytest.approx(2 * 0.99999999, abs=1e-3)
    assert (counts["masked_readings"], counts["readings"], counts["labelled_seconds"]) == (1, 4, 2)
    first, second = facts["recordings"]
    assert first["rate_hz"] == pytest.approx(30, abs=1e-3) and first["step_sd_ms"] == 0 and first["n_dropped"] == 0
    assert second["rate_hz"] == pytest.approx(27, abs=1e-3) and second["n_dropped"] == 3 and second["step_sd_ms"] > 10


def test_labels_count_by_the_second_and_only_within_the_video(tmp_path):
    """60 readings of 97 in the first second weigh no more than one of 95 in the second; the one after the video not at all."""
    dense = [(START_NS + k * 16_000_000, pure_reading(97)) for k in range(60)]
    later = [(START_NS + 1_200_000_000, pure_reading(95)), (START_NS + 9_000_000_000, pure_reading(80))]
    write_pure_session(tmp_path, n_images=61, readings=dense + later)
    labels = audit_on_disk("pure", tmp_path)["labels"]
    assert labels == {
        "histogram": {"95": 1, "97": 1}, "max": 97, "mean": 96, "median": 96, "min": 95, "n_seconds": 2, "sd": 1,
        "share_94_to_99": 1,
    }  # fmt: skip


def test_dropped_frames():
    assert dropped_frames(np.array([1, 1, 1, 2, 1, 4, 1.4, 1]) * 0.033) == 1 + 3
    assert dropped_frames(np.array([])) == 0


def test_constant_predictor_by_hand():
    """Labels 90, 92 | 96, 98: mean 94, so errors 4, 2, 2, 4; left out, the others' mean is 6 away from the subject's own."""
    scores = constant_predictor({"a": np.array([90.0, 92.0]), "b": np.array([96.0, 98.0])})
    assert scores["all_labels"] == pytest.approx({"rmse": math.sqrt(10), "mae": 3, "mae_of_mean": 3})
    assert scores["leave_one_subject_out"] == pytest.approx({"rmse": math.sqrt(37), "mae": 6, "mae_of_mean": 6})


def test_the_median_has_the_lowest_mae_and_the_mean_the_lowest_rmse():
    labels = np.array([99.0, 98, 98, 98, 80])
    scores = constant_predictor({"a": labels})["all_labels"]
    assert scores["mae"] == pytest.approx(np.abs(labels - 98).mean()) and scores["mae"] < scores["mae_of_mean"]
    assert scores["rmse"] == pytest.approx(labels.std())


def test_each_subject_is_left_out_as_if_the_others_were_alone():
    """Against the others' labels put together anew for each, with labels that many share, and one subject without any."""
    rng = np.random.default_rng(0)
    labels = {f"p{k}": rng.integers(94, 100, rng.integers(0, 7)).astype(float) for k in range(40)} | {"none": np.empty(0)}
    others = {name: np.concatenate([labels[o] for o in labels if o != name]) for name in labels}
    by_mean = np.concatenate([labels[name] - others[name].mean() for name in labels])
    by_median = np.concatenate([labels[name] - np.median(others[name]) for name in labels])
    scores = constant_predictor(labels)["leave_one_subject_out"]
    assert scores["mae"] == np.abs(by_median).mean()
    assert scores["mae_of_mean"] == pytest.approx(np.abs(by_mean).mean(), rel=1e-12)
    assert scores["rmse"] == pytest.approx(np.sqrt((by_mean**2).mean()), rel=1e-12)


def test_leaving_each_of_many_subjects_out_needs_no_copy_of_the_others_for_each():
    labels = {f"p{k:05d}": np.array([90.0 + k % 10, 95.0]) for k in range(2000)}  # copies: 64 MB
    tracemalloc.start()
    try:
        constant_predictor(labels)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_one_subject_has_nobody_to_be_compared_with():
    assert math.isnan(constant_predictor({"a": np.array([97.0])})["leave_one_subject_out"]["rmse"])


def test_swings_of_records_and_of_their_clips():
    steady, falling = np.full(9, 97.0), np.arange(100.0, 84.0, -1)  # 16 s: two clips that swing by 7
    gaps = np.array([97.0] + [np.nan] * 7)  # too little is labelled for a clip
    facts = swing_facts([steady, falling, gaps])
    assert facts["record"] == {"max": 15, "mean": 5, "n": 3, "n_of_2_or_more": 1}
    assert facts["clip_8_s"] == pytest.approx({"max": 7, "mean": 14 / 3, "n": 3, "n_of_2_or_more": 2})


def test_share_of_the_usual_range_has_both_ends():
    assert label_facts([np.array([93.9, 94.0, 99.0, 99.1])])["share_94_to_99"] == 0.5


def test_estimated_rates_and_cameras_of_vipl_hr(tmp_path):
    write_vipl_hr_video(tmp_path, "p1/v1/source1", rate_hz=16, n_frames=32)
    write_vipl_hr_video(tmp_path, "p1/v8/source2", n_frames=60)
    facts = audit_on_disk("vipl_hr", tmp_path)
    assert facts["counts"]["cameras"] == {"source1": 1, "source2": 1}
    assert facts["counts"]["estimated_rates"] == 1
    assert [video["rate_hz"] for video in facts["recordings"]] == pytest.approx([16, 30], abs=0.05)
    assert facts["notes"] == {
        "N of N frames show the one before them once more": 2,  # they show one picture
        "its container announces N Hz, but its frames' times have N Hz": 2,
        "no time.txt: N Hz estimated from N frames in N s of the oximeter": 1,
    }


def test_how_each_video_is_coded_and_in_how_many_ways(tmp_path):
    """Two at 16 Hz and one at 30 Hz, all in AVI files of 25 Hz that show one picture throughout."""
    for place, rate_hz in (("p1/v1/source1", 16), ("p2/v1/source1", 16), ("p3/v1/source1", 25)):
        write_vipl_hr_video(tmp_path, place, rate_hz=rate_hz, n_frames=32)
    facts = audit_on_disk("vipl_hr", tmp_path)
    source = facts["recordings"][0]["source"]
    assert (source["codec"], source["bits"], source["subsampling"], source["full_range"]) == ("mjpeg", 8, "420", True)
    assert (source["nominal_hz"], source["n_frames"], source["n_doubled"]) == (25, 32, 31)
    assert source["measured_hz"] == pytest.approx(16, abs=0.01)  # times in whole milliseconds
    assert 0 < source["bits_per_pixel"] < 8
    (kind,) = facts["sources"]
    assert (kind["codec"], kind["recordings"], kind["off_rate"]) == ("mjpeg", 3, 2)
    assert (kind["doubled"], kind["frames_looked_at"]) == (3 * 31, 3 * 32)
    assert kind["bits_per_pixel_min"] <= kind["bits_per_pixel_median"] <= kind["bits_per_pixel_max"]
    page = render_audit(facts)
    assert "How the videos are coded" in page and "<td>93 of 96</td>" in page and "<td>31 of 32</td>" in page


def test_a_video_that_cannot_be_decoded_is_noted_and_still_counted(tmp_path, monkeypatch):
    write_recording(tmp_path, n_frames=20)
    monkeypatch.setattr("tast.video.read.lost_colours", lambda *_: "its colours are coded as ICtCp, which is not undone here")
    facts = audit_on_disk("csv", tmp_path)
    assert facts["recordings"][0]["source"] is None and facts["sources"] == []
    assert "cannot be decoded: its colours are coded as ICtCp, which is not undone here" in facts["notes"]
    assert "ICtCp" in render_audit(facts)


def test_own_recordings_have_their_container_rate(tmp_path):
    write_recording(tmp_path, n_frames=51)
    (video,) = audit_on_disk("csv", tmp_path)["recordings"]
    assert video["rate_hz"] == pytest.approx(25, abs=1e-6) and video["seconds"] == pytest.approx(2)


def test_published_gaps_of_pure_are_no_gaps(tmp_path):
    for name in [f"{subject:02}-{setup:02}" for subject in (5, 6) for setup in range(1, 7)]:
        if name not in ("06-02", "05-04"):
            write_pure_session(tmp_path, name, n_images=2)
    published = audit_on_disk("pure", tmp_path)["published"]
    assert published["n_expected"] == 59
    assert published["missing"] == ["05-04"] and published["beyond_list"] == []
    assert published["subjects_absent"] == ["01", "02", "03", "04", "07", "08", "09", "10"]
    assert audit_on_disk("pure", tmp_path, name="phantom")["published"] is None


def test_duplicates_are_found_by_bytes_and_by_readings(tmp_path):
    readings = one_per_second([97, 96, 95])
    write_pure_session(tmp_path, "01-01", n_images=5, readings=readings)
    write_pure_session(tmp_path, "02-01", n_images=5, readings=readings)
    write_pure_session(tmp_path, "03-01", n_images=5, readings=one_per_second([97, 97, 95]), image=np.zeros((8, 8, 3), np.uint8))
    duplicates = audit_on_disk("pure", tmp_path)["duplicates"]
    assert duplicates == {"labels": [["01-01", "02-01"]], "bytes": [["01-01", "02-01"]]}


def test_cameras_of_one_take_share_their_readings_rightly(tmp_path):
    for camera in ("source1", "source3"):
        folder = write_vipl_hr_video(tmp_path, f"p1/v1/{camera}", height=24 if camera == "source1" else 32)
        write_numbers(folder / "wave.csv", "Wave", np.arange(120) % 37)
    assert audit_on_disk("vipl_hr", tmp_path)["duplicates"] == {"labels": [], "bytes": []}


def test_the_same_files_give_the_same_bytes_and_no_path(tmp_path):
    write_vipl_hr_video(tmp_path / "set")
    write_vipl_hr_video(tmp_path / "set", "p2/v8/source2")
    (tmp_path / "set/data/p3/v1/source1").mkdir(parents=True)
    for name in ("a", "b"):
        write_audit(audit_on_disk("vipl_hr", tmp_path / "set"), tmp_path / name)
    for file in ("audit.json", "audit.html"):
        content = (tmp_path / "a" / file).read_bytes()
        assert content == (tmp_path / "b" / file).read_bytes()
        assert str(tmp_path).encode() not in content
    page = (tmp_path / "a/audit.html").read_text()
    assert page.count("<img") == 4 and "<script" not in page and "://" not in page
    assert "p3_v1_source1" in page and "gt_SpO2.csv: cannot be read" in page


def test_series_of_both_hands_with_gaps(tmp_path):
    """Medians 98.2, 95, none, 81; oximeter 1 is silent for two of the four seconds, oximeter 2 for one."""
    write_set(tmp_path)
    facts = audit_folder("oximetry_phone_cam", tmp_path, "oximetry_phone_cam")
    counts = facts["counts"]
    assert (counts["recordings"], counts["subjects"], counts["frames"], counts["estimated_rates"]) == (2, 1, 240, 2)
    assert counts["cameras"] == {"Left hand": 1, "Right hand": 1}
    assert (counts["readings"], counts["masked_readings"], counts["labelled_seconds"]) == (8, 2, 6)
    assert [one["rate_hz"] for one in facts["recordings"]] == pytest.approx([30, 30])
    assert [one["record_id"] for one in facts["recordings"]] == ["100001_Left", "100001_Right"]
    assert facts["labels"]["histogram"] == {"81": 2, "95": 2, "98": 2}
    assert facts["swings"]["record"] == pytest.approx({"max": 17.2, "mean": 17.2, "n": 2, "n_of_2_or_more": 2})
    known = np.array([98.2, 95, 81])
    assert facts["constant"]["all_labels"]["rmse"] == pytest.approx(known.std(), abs=1e-4)
    assert facts["constant"]["all_labels"]["mae"] == pytest.approx((3.2 + 0 + 14) / 3, abs=1e-4)
    assert facts["notes"] == {"oximeter N: no reading in N of N seconds": 4}
    assert facts["duplicates"] == {"bytes": [], "labels": []}, "two hands at one oximeter are no copy"
    assert len(facts["published"]["subjects_absent"]) == 5 and facts["published"]["missing"] == []
    page = render_audit(facts)
    assert "Left hand" in page and "video" not in page.lower()


@pytest.mark.skipif(not REAL.is_dir(), reason="the public data set is not beside the project")
def test_the_public_set_as_it_is():
    facts = audit_folder("oximetry_phone_cam", REAL, "oximetry_phone_cam")
    assert facts["counts"]["recordings"] == 2 * facts["counts"]["subjects"] and facts["counts"]["masked_readings"] == 0
    assert facts["labels"]["min"] < 70 and facts["labels"]["max"] <= 100 and facts["labels"]["share_94_to_99"] < 0.5
    assert facts["constant"]["leave_one_subject_out"]["mae_of_mean"] == pytest.approx(7.2, abs=0.5)


def test_a_data_set_of_rejects_alone_still_gives_a_page(tmp_path):
    facts = audit("pure", [], [Reject("01-01", "<b>cut</b>")], tmp_path)
    assert facts["labels"]["mean"] is None and json.loads(json.dumps(facts, allow_nan=False)) == facts
    page = render_audit(facts)
    assert "&lt;b&gt;cut" in page and "<img" not in page
