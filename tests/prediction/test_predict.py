"""A trace says what training and evaluation would say of the same face; what cannot be read is refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from flows.predicted import predictions_by
from tast.clip_store import ClipRow, ClipStore, write_tables
from tast.errors import VideoRejected
from tast.light import as_columns, light_path
from tast.phantom import delivery
from tast.prediction.asked import Asked
from tast.prediction.predict import predict_face, predict_frames, predict_video, read_video
from tast.prediction.trace import PredictedTrace
from tast.preprocessing.clips import cut
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import preprocess_video
from tast.records import FaceVideo, Spo2Trace, VideoSource
from tast.saved_model import ModelCard
from tast.training.change_reader import ChangeReader
from tast.training.dataset import ClipDataset
from tast.video.coding import Coding
from tast.video.write_coded import write_coded
from tests.prediction.conftest import LOSSLESS, PULSE_HZ, film, write_film


def as_clips(face: FaceVideo, folder: Path, hop_s: int = 1, unlabelled_s: float = 0.0) -> ClipStore:
    """The face as the preprocess stage stores it; its seconds are labelled 90, 91, ..., the first ones not at all."""
    np.save(folder / "face.npy", face.frames)
    assert face.light is not None
    light_path(folder, "face").parent.mkdir(exist_ok=True)
    np.save(light_path(folder, "face"), as_columns(face.light))
    readings_s = face.times_s[0] + np.arange(10.0) + 0.5
    spo2 = Spo2Trace(readings_s, np.where(np.arange(10.0) < unlabelled_s, np.nan, 90 + np.arange(10.0)))
    windows = cut("face", face.times_s, 15.0, face.quality, spo2, length_s=4, hop_s=hop_s, label_delay_s=0, max_missing_labels=0)
    rows = [
        ClipRow(f"face-{w.number}", "test", "a", "face", "still", "face.npy", w.first_frame, w.n_frames, w.start_s, 15.0,
                w.quality, w.spo2_percent)
        for w in windows.windows
    ]  # fmt: skip
    write_tables(folder, rows, [], [], {})
    return ClipStore(folder)


@pytest.fixture(scope="module")
def following(model) -> tuple[torch.nn.Module, ModelCard]:
    """The model with something beside it that a change is read by."""
    return model[0], replace(model[1], change=ChangeReader((-9.0, 2.0, 60.0, 5.0, 3.0, -60.0, 1.0, -2.0), (7.0,) * 5, 0.25, 2, 4))


@pytest.fixture(scope="module")
def read_twice(following, tmp_path_factory) -> tuple[PredictedTrace, FaceVideo]:
    """One file on disk as `predict` reads it, and as the preprocess stage does."""
    network, card = following
    video = VideoSource(write_film(tmp_path_factory.mktemp("read") / "film.avi", 7.0))
    (face,) = preprocess_video("film", video, settings_of(card.preprocessing)).faces
    return predict_video("film", video, network, card), face


@pytest.mark.parametrize(("hop_s", "unlabelled_s"), [(1, 0.0), (3, 0.0), (1, 2.2)])
def test_what_is_scored_is_what_is_delivered_for_the_same_video(following, read_twice, tmp_path, hop_s, unlabelled_s):
    """The predictions table and `predict`, from one file on disk: the same seconds, values, intervals and changes.

    Whether or not a clip begins with every second, and where the first clips were left out for want of labels.
    """
    network, card = following
    trace, face = read_twice
    store = as_clips(face, tmp_path, hop_s=hop_s, unlabelled_s=unlabelled_s)
    assert len(store) == {(1, 0.0): 4, (3, 0.0): 2, (1, 2.2): 1}[hop_s, unlabelled_s]
    clips = ClipDataset(store, store.clip_ids, kind=card.input_kind, frame_size_px=card.frame_size_px)
    table = predictions_by(network, card, clips)
    assert len(trace) == 7 and trace.spo2_percent.std() > 0.01
    assert_array_equal(table["second"], np.floor(trace.start_s + 1e-6))
    assert_allclose(table["start_s"], trace.start_s, atol=1e-6)
    for name, delivered in {
        "predicted_percent": trace.spo2_percent, "lower_percent": trace.lower_percent, "upper_percent": trace.upper_percent,
    }.items():  # fmt: skip
        assert_allclose(table[name], delivered, atol=1e-6)
    assert_allclose(table["changing_percent"], trace.changing_percent, atol=1e-4)  # the light is kept in single precision
    assert abs(trace.changing_percent - trace.spo2_percent).min() > 1
    known = np.arange(7) >= unlabelled_s
    assert_array_equal(table["true_percent"], np.where(known, 90 + np.arange(7.0), np.nan))


def test_pictures_that_come_twice_are_left_out_as_the_stage_leaves_them_out(model, tmp_path):
    """Encoded so that the two are no longer equal: only who watches the decoder knows."""
    sent = delivery.delivered(film(5.0), delivery.arrivals(125, doubled=range(3, 124, 7)))
    video = VideoSource(write_coded(tmp_path / "film", sent, Coding("h264", ".mp4", quality=8, matrix="bt709")))
    network, card = model
    trace = read_video("film", video, network, card, min_quality=0.0)
    assert trace.source is not None and trace.source.n_doubled == 18
    assert any(note.startswith("18 of 125 frames show the one before them once more") for note in trace.notes)
    (face,) = preprocess_video("film", video, settings_of(card.preprocessing)).faces
    assert_array_equal(trace.spo2_percent, predict_face(face, network, card).spo2_percent)
    assert_allclose(trace.start_s, np.arange(5.0), atol=1e-6)


def test_a_trace_says_when_how_sure_and_how_good(face, model):
    trace = predict_face(face, *model)
    assert_allclose(trace.start_s, face.times_s[0] + np.arange(7))
    assert_allclose(trace.upper_percent - trace.spo2_percent, np.minimum(3.5, 100 - trace.spo2_percent))
    assert_allclose(trace.spo2_percent - trace.lower_percent, 3.5)
    assert (trace.face_share == 1).all()
    assert (trace.quality > 0.8).all()
    assert_allclose(trace.pulse_per_minute, 60 * PULSE_HZ, atol=2)
    assert list(trace.table()["coverage"]) == [0.9] * 7


def test_frames_without_a_sight_of_the_face_lower_the_quality_of_their_second_only(model):
    trace = predict_frames("blink", film(6.0, hidden=range(76, 83)), *model, Asked(min_quality=0.0))
    assert_allclose(trace.face_share[[0, 1, 2, 4, 5]], 1)
    assert 0.6 < trace.face_share[3] < 0.85
    assert_allclose(trace.quality, trace.face_share * trace.pulse_share)


@pytest.mark.parametrize(
    ("seconds", "kind", "reason"),
    [
        (1.0, {"hidden": range(1000)}, "no face"),
        (3.0, {"hidden": range(20, 40)}, "lost"),
        (3.9, {}, r"3.9\d s of face are shorter than a clip of 4 s"),
        (5.0, {"fps_hz": 7.0}, "7.0 frames per second cannot carry 4 Hz"),
        (6.0, {"pulsing": False}, r"quality 0\.\d\d is below 0\.45: face seen in 100% of the frames"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(model, seconds, kind, reason):
    with pytest.raises(VideoRejected, match=reason):
        predict_frames("bad", film(seconds, **kind), *model)


def test_two_faces_are_refused_unless_the_largest_is_wanted(model):
    def beside_a_smaller_one(seconds):
        for time_s, frame in film(seconds):
            smaller = cv2.resize(frame, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
            other = np.full_like(frame, 90)
            other[: smaller.shape[0], : smaller.shape[1]] = smaller
            yield time_s, np.concatenate([frame, other], axis=1)

    with pytest.raises(VideoRejected, match="2 faces in one frame, expected one"):
        predict_frames("two", beside_a_smaller_one(4.1), *model)
    both = predict_frames("two", beside_a_smaller_one(4.1), *model, Asked(largest_face=True))
    alone = predict_frames("one", film(4.1), *model, Asked(largest_face=True))
    assert len(both) == 4 and both.face_share.min() == 1
    assert_allclose(both.pulse_per_minute, alone.pulse_per_minute, atol=1)


def test_the_limit_of_quality_is_an_option(model):
    assert len(predict_frames("still", film(4.1, pulsing=False), *model, Asked(min_quality=0.0))) == 4
    with pytest.raises(VideoRejected, match=r"below 1\.00"):
        predict_frames("good", film(4.1), *model, Asked(min_quality=1.0))


def test_a_video_that_breaks_off_gives_its_good_part_and_says_so(model, tmp_path):
    path = write_film(tmp_path / "cut.avi", 9.0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 9])
    trace = predict_video("cut", VideoSource(path), *model)
    assert 4 <= len(trace) <= 6
    assert trace.notes == ("damaged after frame 149; expected a whole video",)
    path.write_bytes(content[: len(content) * 3 // 9])
    with pytest.raises(VideoRejected, match=r"shorter than a clip of 4 s; damaged after frame 7\d"):
        predict_video("cut", VideoSource(path), *model)


def test_a_container_with_a_rate_that_cannot_be_true_is_noted_and_read(model, tmp_path):
    """A pulse of 72 a minute at 25 Hz, in a file that announces 15: 43 a minute, which is a hint and no reason to refuse."""
    path = write_coded(tmp_path / "slow", film(4.8), replace(LOSSLESS, rate_hz=15.0))
    trace = predict_video("slow", VideoSource(path), *model)
    assert trace.source is not None and trace.source.nominal_hz == trace.source.measured_hz == 15
    assert trace.notes[-1].startswith("a hint, no proof: at 15 frames a second its pulse is 4")


def test_a_long_video_is_read_piece_by_piece_and_a_bad_piece_is_left_out(model, monkeypatch):
    monkeypatch.setattr("tast.preprocessing.pieces.PIECE_S", 4.0)
    trace = predict_frames("long", film(12.2, hidden=range(105, 160)), *model)
    assert_allclose(trace.start_s, [0, 1, 2, 3, 8, 9, 10, 11], atol=1e-6)
    assert [note.split(":")[0] for note in trace.notes] == ["4 to 8 s are left out", "12 to 16 s are left out"]
    assert "lost" in trace.notes[0]


def test_what_watch_raises_ends_the_work_at_once(model):
    seen = 0

    def three() -> None:
        nonlocal seen
        seen += 1
        if seen > 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        predict_frames("long", film(60.0), *model, watch=three)
