"""Looks at videos that are remembered: as they were, by content, and never where the file or a line of it is damaged."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tast.datasets.looks import Look, key_of, known_looks, look_at
from tast.errors import TastError
from tast.records import VideoSource
from tests.datasets.layouts import plain_image, write_container, write_png


@pytest.fixture
def video(tmp_path: Path) -> VideoSource:
    path = tmp_path / "video.avi"
    write_container(path, [plain_image((90 + k, 60, 50), 48, 64) for k in range(5)])
    return VideoSource(path)


def test_a_look_comes_back_as_it_was(video: VideoSource, tmp_path: Path) -> None:
    seen = look_at(video)
    assert seen.facts is not None and seen.facts.n_frames == 5 and seen.facts.assumed
    with known_looks(tmp_path / "state/looks.db") as known:
        known.keep({key_of(video): seen})
    with known_looks(tmp_path / "state/looks.db") as known:
        assert known.of(["another", key_of(video)]) == {key_of(video): seen}


def test_a_video_that_cannot_be_decoded_is_looked_at_each_time(tmp_path: Path) -> None:
    (tmp_path / "video.avi").write_bytes(b"no video")
    seen = look_at(VideoSource(tmp_path / "video.avi"))
    assert seen == Look(None, seen.fault) and seen.fault
    with known_looks(tmp_path / "looks.db") as known:
        known.keep({"key": seen})
        assert known.of(["key"]) == {}


def test_the_key_is_that_of_the_frames_that_are_looked_at(tmp_path: Path) -> None:
    for number in range(152):
        write_png(tmp_path / f"{number:03d}.png", plain_image((number, 60, 50)))
    names = tuple(f"{number:03d}.png" for number in range(152))
    times_s = np.arange(152) / 30
    key = key_of(VideoSource(tmp_path, names, times_s))
    write_png(tmp_path / "151.png", plain_image((1, 2, 3)))
    assert key_of(VideoSource(tmp_path, names, times_s)) == key
    assert key_of(VideoSource(tmp_path, names, times_s + np.arange(152) / 1000)) != key
    write_png(tmp_path / "149.png", plain_image((1, 2, 3), 9))
    assert key_of(VideoSource(tmp_path, names, times_s)) != key


def test_a_damaged_line_is_not_believed(video: VideoSource, tmp_path: Path) -> None:
    with known_looks(tmp_path / "looks.db") as known:
        known.keep({"key": look_at(video)})
    with closing(sqlite3.connect(tmp_path / "looks.db")) as database, database:
        database.execute("update looks set facts = replace(facts, '48', '84')")
    with known_looks(tmp_path / "looks.db") as known:
        assert known.of(["key"]) == {}


@pytest.mark.parametrize("place", ["half", *range(0, 100, 7), "table", "line"])
def test_a_damaged_file_gives_no_other_look(video: VideoSource, tmp_path: Path, place: str | int) -> None:
    """A bit of its head, of its table, or of a line turned, or its end gone: what was seen, or nothing, and it is used on."""
    file, seen = tmp_path / "looks.db", look_at(video)
    with known_looks(file) as known:
        known.keep({f"key {number}": seen for number in range(50)})
    content = bytearray(file.read_bytes())
    if place == "half":
        del content[len(content) // 2 :]
    else:
        at = place if isinstance(place, int) else content.index({"table": b"facts text", "line": b'"mjpeg"'}[place])
        content[at] ^= 4
    file.write_bytes(content)
    with known_looks(file) as known:
        found = known.of([f"key {number}" for number in range(50)])
        assert set(map(str, found.values())) <= {str(seen)}
        known.keep({"key": seen})
        assert known.of(["key"]) == {"key": seen}


def test_a_file_that_is_none_is_begun_anew_and_told(video: VideoSource, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "looks.db").write_bytes(b"not a database, but long enough to be taken for one" * 20)
    with caplog.at_level(logging.WARNING), known_looks(tmp_path / "looks.db") as known:
        known.keep({"key": look_at(video)})
        assert list(known.of(["key"])) == ["key"]
    assert "looks.db: file is not a database; it is begun anew" in caplog.text


def test_a_file_that_another_holds_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "looks.db"
    with known_looks(file):
        pass
    monkeypatch.setattr("tast.datasets.looks.PATIENCE_S", 0.1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(TastError, match=r"looks\.db: database is locked; wait for the process"), known_looks(file):
            pass
