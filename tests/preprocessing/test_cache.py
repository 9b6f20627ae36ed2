from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from tast.digests import file_digest
from tast.errors import BadInput, VideoRejected
from tast.preprocessing.cache import ItemCache
from tast.preprocessing.keys import item_key
from tast.preprocessing.pieces import VideoPieces
from tast.records import FaceLight, FaceVideo, VideoSource
from tast.video.facts import SourceMeter

KEY = "ab" * 32
FILES = ("npy", "light.npy", "json")


def face_from(begin: int, n_frames: int = 30) -> FaceVideo:
    """On the grid of 15 Hz that begins at 0.3 s."""
    frames = np.random.default_rng(begin).normal(size=(n_frames, 4, 4, 3)).astype(np.float16)
    light = FaceLight(np.arange(3.0 * n_frames).reshape(n_frames, 3), np.full((n_frames, 3), 7.0))
    return FaceVideo("r", frames, 0.3 + (begin + np.arange(n_frames)) / 15, np.ones(n_frames), light=light)


def made() -> VideoPieces:
    return VideoPieces([face_from(0)])


def never() -> VideoPieces:
    raise AssertionError("computed although the entry is sound")


def entry(root: Path, suffix: str) -> Path:
    return root / KEY[:2] / f"{KEY}.{suffix}"


def test_what_is_kept_comes_back_without_computing(tmp_path: Path) -> None:
    items = ItemCache(tmp_path)
    first = items.get_or_compute(KEY, "r", made)
    again = ItemCache(tmp_path)
    assert again.get_or_compute(KEY, "r", never) == first
    assert (items.n_computed, again.n_computed) == (1, 0)
    np.testing.assert_array_equal(again.frames(KEY), face_from(0).frames)
    np.testing.assert_allclose(first.times_s, face_from(0).times_s, rtol=1e-12)
    assert first.fps_hz == 15.0


@pytest.mark.parametrize("suffix", FILES)
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_damaged_entry_is_computed_again(tmp_path: Path, suffix: str, damage: str) -> None:
    items = ItemCache(tmp_path)
    items.get_or_compute(KEY, "r", made)
    sound = {name: entry(tmp_path, name).read_bytes() for name in FILES}
    content = bytearray(sound[suffix])
    content[len(content) // 2] ^= 1
    damaged = {"cut": sound[suffix][:-7], "flip": bytes(content), "empty": b"", "gone": b""}[damage]
    entry(tmp_path, suffix).write_bytes(damaged)
    if damage == "gone":
        entry(tmp_path, suffix).unlink()
    items.get_or_compute(KEY, "r", made)
    assert items.n_computed == 2
    assert {name: entry(tmp_path, name).read_bytes() for name in FILES} == sound
    assert len(list(entry(tmp_path, "npy").parent.iterdir())) == len(FILES)


def test_a_rejection_is_kept_for_every_record_with_the_same_content(tmp_path: Path) -> None:
    def reject() -> VideoPieces:
        raise VideoRejected("first", "no face found in 16 frames")

    with pytest.raises(VideoRejected, match="first: no face found"):
        ItemCache(tmp_path).get_or_compute(KEY, "first", reject)
    with pytest.raises(VideoRejected, match="second: no face found in 16 frames"):
        ItemCache(tmp_path).get_or_compute(KEY, "second", never)


def test_other_errors_are_not_kept(tmp_path: Path) -> None:
    def fail() -> VideoPieces:
        raise BadInput("a.png", "cut short", "a PNG image")

    items = ItemCache(tmp_path)
    with pytest.raises(BadInput):
        items.get_or_compute(KEY, "r", fail)
    assert items.get_or_compute(KEY, "r", made).fps_hz == 15.0


def test_materialised_frames_are_the_entry_s_bytes_and_replace_what_stood_there(tmp_path: Path) -> None:
    items = ItemCache(tmp_path / "cache")
    items.get_or_compute(KEY, "r", made)
    target = tmp_path / "clips" / "r.npy"
    target.parent.mkdir()
    target.write_bytes(b"old")
    items.materialise(KEY, target)
    np.testing.assert_array_equal(np.load(target), face_from(0).frames)
    assert [path.name for path in target.parent.iterdir()] == ["r.npy"]


def test_a_change_to_the_materialised_file_does_not_survive_in_the_cache(tmp_path: Path) -> None:
    items = ItemCache(tmp_path / "cache")
    items.get_or_compute(KEY, "r", made)
    items.materialise(KEY, tmp_path / "r.npy")
    with (tmp_path / "r.npy").open("r+b") as file:
        file.seek(200)
        file.write(b"changed")
    items.get_or_compute(KEY, "r", made)
    np.testing.assert_array_equal(items.frames(KEY), face_from(0).frames)


def _compute_in(root: str) -> str:
    items = ItemCache(Path(root))
    items.get_or_compute(KEY, "r", made)
    return file_digest(entry(Path(root), "npy"))


def test_processes_that_compute_the_same_key_at_once_do_no_harm(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        digests = pool.map(_compute_in, [str(tmp_path)] * 4, chunksize=1)
    assert len(set(digests)) == 1
    assert ItemCache(tmp_path).get_or_compute(KEY, "r", never).fps_hz == 15.0
    assert {path.name for path in entry(tmp_path, "npy").parent.iterdir()} == {entry(tmp_path, kind).name for kind in FILES}


def test_the_key_changes_with_all_that_decides_the_pixels_and_nothing_else(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"weights")
    for name, content in {"a.png": b"1", "b.png": b"2", "c.png": b"1"}.items():
        (tmp_path / name).write_bytes(content)
    source = VideoSource(tmp_path, ("a.png", "b.png"), np.array([0.0, 0.1]))
    base = {"settings": {"align": {"roi_size_px": 128}}, "computed_by": {"code": "1", "threads": 1}, "models": (model,)}
    key = item_key(source, **base)
    assert item_key(VideoSource(tmp_path, ("c.png", "b.png"), np.array([0.0, 0.1])), **base) == key  # same bytes, another name
    others = [
        item_key(VideoSource(tmp_path, ("b.png", "a.png"), np.array([0.0, 0.1])), **base),
        item_key(VideoSource(tmp_path, ("a.png", "b.png"), np.array([0.0, 0.2])), **base),
        item_key(VideoSource(tmp_path / "a.png"), **base),
        item_key(source, **{**base, "settings": {"align": {"roi_size_px": 96}}}),
        item_key(source, **{**base, "computed_by": {"code": "2", "threads": 1}}),
        item_key(source, **{**base, "models": ()}),
    ]
    assert len({key, *others}) == 7


def test_a_source_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"b\.png: cannot be read \(No such file or directory\)"):
        item_key(VideoSource(tmp_path / "b.png"), {}, {}, ())


def test_what_the_source_was_and_what_is_missing_is_kept(tmp_path: Path) -> None:
    meter = SourceMeter()
    for second in range(4):
        meter.frame_seen(second / 30, np.full((48, 64, 3), second, np.uint8))
    for _ in range(2):
        video = ItemCache(tmp_path).get_or_compute(KEY, "r", lambda: VideoPieces([face_from(0)], ["a defect"], meter))
        assert video.source == meter.facts() and video.source is not None
        assert video.defects == ("a defect",)


@pytest.mark.parametrize(("begins", "gap"), [((0, 31), 1), ((0, 30), 1), ((0, 95), 65)])
def test_pieces_of_a_long_video_lie_on_one_grid_with_nothing_between(tmp_path: Path, begins: tuple[int, int], gap: int) -> None:
    """Nothing is at least one frame: the first of a piece that follows at once makes room for it."""
    items = ItemCache(tmp_path)
    video = items.get_or_compute(KEY, "r", lambda: VideoPieces(face_from(begin) for begin in begins))
    frames, light = items.frames(KEY), np.load(entry(tmp_path, "light.npy"))
    whole = np.zeros((begins[1] + 30, 4, 4, 3), np.float16)
    for begin in begins:
        whole[begin : begin + 30] = face_from(begin).frames
    nothing = np.arange(30, 30 + gap)
    whole[nothing] = 0
    np.testing.assert_array_equal(frames, whole)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(video.quality)), nothing)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(light).any(axis=1)), nothing)
    assert video.times_s[begins[1] + 29] == pytest.approx(face_from(begins[1]).times_s[-1])
    np.save(tmp_path / "whole.npy", whole)
    assert entry(tmp_path, "npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    again = ItemCache(tmp_path)
    assert again.get_or_compute(KEY, "r", never).times_s.tolist() == video.times_s.tolist() and again.n_computed == 0


def test_entries_hold_no_path_and_no_record(tmp_path: Path) -> None:
    ItemCache(tmp_path).get_or_compute(KEY, "subject-7", made)
    text = entry(tmp_path, "json").read_text()
    assert os.fspath(tmp_path) not in text
    assert "subject-7" not in text
    assert set(json.loads(text)["content"]) == {"start_s", "fps_hz", "quality", "defects", "source", "files_sha256"}
