"""The phantom in VIPL-HR's layout, read back by the reader of the real data set."""

from __future__ import annotations

import hashlib
import multiprocessing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tast.datasets.phantom_defects import DEFECTS, MISSING_SOURCE, RETAKE, defect_of
from tast.datasets.phantom_vipl import place, write_vipl_lists, write_vipl_session
from tast.datasets.readers import read_dataset
from tast.datasets.vipl_hr import SCENARIOS, official_folds
from tast.errors import TastError
from tast.phantom.cameras import arriving_frames, seen_by
from tast.phantom.delivery import delivered
from tast.phantom.render import render
from tast.phantom.scenarios import SCENARIOS_OF_LAYOUT
from tast.phantom.session import Session, phantom_sessions, true_pulse, true_spo2
from tast.video.read import read_frames


def plan(
    subjects: int = 1, sessions: int = 1, seconds: float = 3.0, scenarios: tuple[str, ...] = ("stable",)
) -> tuple[Session, ...]:
    return phantom_sessions(
        seed=7, subjects=subjects, sessions=sessions, seconds=seconds, fps_hz=20, width_px=1, height_px=1, face_height_px=36,
        profile="wide", scenarios=scenarios, layout="vipl_hr",
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vipl")
    write_vipl_session(plan()[0], folder)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_scenarios_are_the_data_sets_own_in_its_order() -> None:
    assert SCENARIOS_OF_LAYOUT["vipl_hr"] == tuple(SCENARIOS.values())


def test_layout_is_vipl_hrs(written: Path) -> None:
    sources = written / "data" / "p1" / "v1"
    files = {"video.avi", "gt_HR.csv", "gt_SpO2.csv", "wave.csv", "time.txt"}
    assert {p.name: {f.name for f in p.iterdir()} for p in sources.iterdir()} == {
        "source1": files, "source2": files - {"time.txt"}, "source3": files, "source4": files,
    }  # fmt: skip
    lines = {name: (sources / "source1" / name).read_text().splitlines() for name in files - {"video.avi"}}
    assert [lines[name][0] for name in ("gt_HR.csv", "gt_SpO2.csv", "wave.csv")] == ["HR", "SpO2", "Wave"]
    assert [len(lines[name]) for name in ("gt_HR.csv", "gt_SpO2.csv", "wave.csv")] == [4, 4, 181]
    assert all(line.isdigit() for name in files - {"video.avi"} for line in lines[name][name != "time.txt" :])


def test_the_container_is_wrong_about_the_rate_and_each_camera_has_its_own_size(written: Path) -> None:
    sizes = set()
    for path in sorted(written.rglob("video.avi")):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert stream.average_rate == 25
            sizes.add((stream.width, stream.height))
    assert len(sizes) == 4 and all(width % 2 == height % 2 == 0 for width, height in sizes)


def test_frames_times_and_labels_read_back_as_they_were_made(written: Path) -> None:
    records, rejects = read_dataset("vipl_hr", written, include_nir=True)
    assert rejects == [] and [r.camera for r in records] == ["source1", "source2", "source3", "source4"]
    for record in records:
        seen = seen_by(plan()[0], record.camera)
        times_s = seen.frame_times_s()[arriving_frames(seen) >= 0]
        assert record.video.frame_times_s is not None and len(record.video.frame_times_s) == len(times_s)
        if record.camera != "source2":
            assert record.notes == () and np.abs(record.video.frame_times_s - (times_s - times_s[0])).max() <= 0.0005 + 1e-9
        else:
            assert record.video.times_are_estimated and "no time.txt" in record.notes[0]
            assert np.abs(record.video.frame_times_s - (times_s - times_s[0])).max() < 0.03
        lagged_s = record.spo2.times_s + times_s[0] - 1.0
        assert np.abs(record.spo2.percent - true_spo2(seen).at(lagged_s)).max() < 1.5, "a mean over 2 s, rounded"
        assert record.pulse_rate is not None and np.abs(record.pulse_rate.per_minute / 60 - seen.person.pulse_rate_hz).max() < 0.2
        assert len(list(read_frames(record.video))) == len(times_s)


def test_the_phone_films_another_take(written: Path) -> None:
    first, phone, third = (seen_by(plan()[0], camera) for camera in ("source1", "source2", "source3"))
    np.testing.assert_array_equal(true_spo2(first).percent, true_spo2(third).percent)
    assert np.abs(true_spo2(first).percent[:60] - true_spo2(phone).percent[:60]).max() > 0.5


def test_near_infrared_is_grey_and_the_others_are_skin_coloured(written: Path) -> None:
    records, _ = read_dataset("vipl_hr", written, include_nir=True)
    for record in records:
        _, frame = next(iter(read_frames(record.video)))
        middle = frame[frame.shape[0] // 2 - 4 :][:8, frame.shape[1] // 2 - 4 :][:, :8].astype(float).mean(axis=(0, 1))
        if record.camera == "source4":
            assert np.ptp(frame.astype(int), axis=2).max() <= 2
        else:
            assert middle[0] > middle[2] + 10


def test_dark_scenarios_are_slow_and_dim_far_ones_small_and_exercise_quickens_the_pulse() -> None:
    sessions = {s.scenario: s for s in plan(sessions=9, scenarios=SCENARIOS_OF_LAYOUT["vipl_hr"])}
    rate = {name: seen_by(s, "source1").fps_hz / s.fps_hz for name, s in sessions.items()}
    assert rate["stable"] == pytest.approx(29.8 / 30, rel=0.003) and rate["dark"] == pytest.approx(16.1 / 30, rel=0.003)
    assert seen_by(sessions["long_distance"], "source1").face_height_px == 24
    assert true_pulse(sessions["exercise"]).rate_hz.mean() > 1.4 * true_pulse(sessions["stable"]).rate_hz.mean()
    assert place(sessions["phone_stable"]) == "p1/v8"


def test_phone_scenarios_have_only_the_phone(tmp_path: Path) -> None:
    write_vipl_session(plan(scenarios=("phone_stable",), seconds=1.0)[0], tmp_path)
    assert [p.name for p in (tmp_path / "data" / "p1" / "v8").iterdir()] == ["source2"]


def test_only_the_sources_asked_for_and_the_same_bytes_from_another_process(written: Path, tmp_path: Path) -> None:
    worker = multiprocessing.get_context("spawn").Process(
        target=write_vipl_session, args=(plan()[0], tmp_path), kwargs={"sources": (3, 2)}
    )
    worker.start()
    worker.join(60)
    expected = {name: digest for name, digest in digests(written).items() if "source2" in name or "source3" in name}
    assert worker.exitcode == 0 and digests(tmp_path) == expected


@pytest.mark.parametrize(("codec", "fine", "coarse"), [("mjpeg", 2, 20), ("h264", 10, 40)])
def test_compression_is_chosen_and_leaves_no_trace_of_software(tmp_path: Path, codec: str, fine: int, coarse: int) -> None:
    (session,) = plan(seconds=1.0)
    sizes = []
    for quality in (fine, coarse):
        write_vipl_session(session, tmp_path, codec=codec, quality=quality, sources=(1,))
        path = tmp_path / "data" / "p1" / "v1" / "source1" / "video.avi"
        content = path.read_bytes()
        assert not any(name in content for name in (b"Lavf", b"Lavc", b"x264"))
        sizes.append(len(content))
        with av.open(str(path)) as container:
            assert container.streams.video[0].codec_context.name == codec
            assert len(list(container.decode(video=0))) == (arriving_frames(seen_by(session, "source1")) >= 0).sum()
    assert sizes[0] > 1.5 * sizes[1]


@pytest.mark.parametrize(("codec", "quality"), [("mjpeg", 2), ("h264", 4)])
def test_fine_compression_keeps_order_level_and_colour(tmp_path: Path, codec: str, quality: int) -> None:
    """Colour conversion rounds down by up to 1.5 grey levels there and back; a wrong range would shift levels by 8 and more."""
    (session,) = plan(seconds=1.0)
    write_vipl_session(session, tmp_path, codec=codec, quality=quality, sources=(1,))
    records, _ = read_dataset("vipl_hr", tmp_path)
    seen = seen_by(session, "source1")
    made = [rgb for _, rgb in delivered(render(seen), arriving_frames(seen))]
    for (_, rgb), expected in zip(read_frames(records[0].video), made, strict=True):
        change = rgb.astype(float) - expected
        assert np.abs(change.mean(axis=(0, 1))).max() < 2 and np.abs(cv2.blur(change, (5, 5))).mean() < 2


@pytest.mark.parametrize(
    ("codec", "quality", "told"), [("vp9", 3, "'vp9'"), ("mjpeg", 1, "quality = 1"), ("h264", 52, "quality = 52")]
)
def test_a_compression_that_cannot_be_is_told(tmp_path: Path, codec: str, quality: int, told: str) -> None:
    with pytest.raises(TastError, match=told):
        write_vipl_session(plan()[0], tmp_path, codec=codec, quality=quality)
    assert not list(tmp_path.rglob("v1"))


def test_official_folds_hold_every_subject_once(tmp_path: Path) -> None:
    write_vipl_lists(plan(subjects=7), tmp_path)
    folds = official_folds(tmp_path)
    assert folds == (("p1", "p6"), ("p2", "p7"), ("p3",), ("p4",), ("p5",))
    heading = (tmp_path / "fold" / "fold1.mat").read_bytes()[:116]
    assert heading.strip() == b"MATLAB 5.0 MAT-file", "neither a date nor a platform"


def test_scenarios_return_as_retakes_once_all_had_their_turn() -> None:
    assert [place(s) for s in plan(sessions=4, scenarios=("stable", "dark"))] == ["p1/v1", "p1/v5", "p1/v1-2", "p1/v5-2"]


def test_every_defect_is_made_and_either_mended_or_named(tmp_path: Path) -> None:
    sessions = plan(subjects=len(DEFECTS), seconds=4.0)
    assert {defect_of(s) for s in sessions} == set(DEFECTS)
    for session in sessions:
        write_vipl_session(session, tmp_path, sources=(1, 3), defects=True)
    write_vipl_lists(sessions, tmp_path, sources=(1, 3), defects=True)
    records, rejects = read_dataset("vipl_hr", tmp_path)
    with_defect = {defect_of(s): f"p{s.subject}_" for s in sessions}
    notes = {r.record_id: r.notes for r in records}
    assert [r.record_id for r in rejects] == [with_defect["many stamps lost"] + "v1_source3"]
    assert "time stamps for" in rejects[0].reason
    assert with_defect[MISSING_SOURCE] + "v1_source1" not in notes and with_defect[MISSING_SOURCE] + "v1_source3" in notes
    assert (tmp_path / "Missing_data.txt").read_text() == f"{with_defect[MISSING_SOURCE][:-1]}/v1/source1\n"
    assert with_defect[RETAKE] + "v1-2_source1" in notes
    assert (tmp_path / "Additional_data.txt").read_text() == f"{with_defect[RETAKE][:-1]}/v1-2\n"
    assert "the first" in notes[with_defect["one stamp too few"] + "v1_source1"][0]
    assert notes[with_defect["SpO2 fault codes"] + "v1_source1"] == ("1 of 4 SpO2 readings masked",)
    assert notes[with_defect[""] + "v1_source1"] == ()
    rate = next(r.pulse_rate for r in records if r.record_id == with_defect["pulse fault code"] + "v1_source1")
    assert rate is not None and np.isnan(rate.per_minute).sum() == 1
    cut = next(r for r in records if r.record_id == with_defect["truncated video"] + "v1_source1")
    reasons: list[str] = []
    assert cut.video.frame_times_s is not None
    assert 0.5 < len(list(read_frames(cut.video, reasons))) / len(cut.video.frame_times_s) < 0.8 and len(reasons) == 1
