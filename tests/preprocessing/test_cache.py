from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tast.digests import file_digest
from tast.errors import BadInput, VideoRejected
from tast.preprocessing.cache import ItemCache
from tast.preprocessing.keys import item_key
from tast.records import FaceLight, FaceVideo, SourceFacts, VideoSource

KEY = "ab" * 32
FILES = ("npy", "light.npy", "json")


def made() -> FaceVideo:
    frames = np.random.default_rng(0).normal(size=(30, 4, 4, 3)).astype(np.float16)
    light = FaceLight(np.arange(90.0).reshape(30, 3), np.full((30, 3), np.nan))
    return FaceVideo("r", frames, 0.3 + np.arange(30) / 15, np.ones(30), {"mask_share": 0.5}, light=light)


def never() -> FaceVideo:
    raise AssertionError("computed although the entry is sound")


def entry(root: Path, suffix: str) -> Path:
    return root / KEY[:2] / f"{KEY}.{suffix}"


def test_what_is_kept_comes_back_without_computing(tmp_path: Path) -> None:
    items = ItemCache(tmp_path)
    first = items.get_or_compute(KEY, "r", made)
    again = ItemCache(tmp_path)
    assert again.get_or_compute(KEY, "r", never) == first
    assert (items.n_computed, again.n_computed) == (1, 0)
    np.testing.assert_array_equal(again.frames(KEY), made().frames)
    np.testing.assert_allclose(first.times_s, made().times_s, rtol=1e-12)
    assert first.fps_hz == 15.0
    assert first.notes == {"mask_share": 0.5}


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
    def reject() -> FaceVideo:
        raise VideoRejected("first", "no face found in 16 frames")

    with pytest.raises(VideoRejected, match="first: no face found"):
        ItemCache(tmp_path).get_or_compute(KEY, "first", reject)
    with pytest.raises(VideoRejected, match="second: no face found in 16 frames"):
        ItemCache(tmp_path).get_or_compute(KEY, "second", never)


def test_other_errors_are_not_kept(tmp_path: Path) -> None:
    def fail() -> FaceVideo:
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
    np.testing.assert_array_equal(np.load(target), made().frames)
    assert [path.name for path in target.parent.iterdir()] == ["r.npy"]


def test_a_change_to_the_materialised_file_does_not_survive_in_the_cache(tmp_path: Path) -> None:
    items = ItemCache(tmp_path / "cache")
    items.get_or_compute(KEY, "r", made)
    items.materialise(KEY, tmp_path / "r.npy")
    with (tmp_path / "r.npy").open("r+b") as file:
        file.seek(200)
        file.write(b"changed")
    items.get_or_compute(KEY, "r", made)
    np.testing.assert_array_equal(items.frames(KEY), made().frames)


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


def test_what_the_source_was_is_kept(tmp_path: Path) -> None:
    facts = SourceFacts("h264", 64, 48, 0.2, 8, "420", False, "bt601", "sdr", "bt709", 0, 30.0, 29.9, 30, 1, 2, ("matrix",))
    for _ in range(2):
        video = ItemCache(tmp_path).get_or_compute(KEY, "r", lambda: replace(made(), source=facts))
        assert video.source == facts


def test_entries_hold_no_path_and_no_record(tmp_path: Path) -> None:
    ItemCache(tmp_path).get_or_compute(KEY, "subject-7", made)
    text = entry(tmp_path, "json").read_text()
    assert os.fspath(tmp_path) not in text
    assert "subject-7" not in text
    assert set(json.loads(text)["content"]) == {"start_s", "fps_hz", "quality", "notes", "defects", "source", "files_sha256"}
