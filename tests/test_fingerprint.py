"""The fingerprint changes with every change below the root, and with nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tast.errors import BadInput
from tast.fingerprint import fingerprint, write_sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "PURE"
    (folder / "01-01").mkdir(parents=True)
    (folder / "01-01/a.png").write_bytes(b"abc")
    (folder / "01-01/b.png").write_bytes(b"de")
    return folder


def touch(file: Path) -> None:
    state = file.stat()
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


CHANGES: dict[str, Callable[[Path], object]] = {
    "new": lambda root: (root / "c").write_bytes(b""),
    "gone": lambda root: (root / "01-01/a.png").unlink(),
    "renamed": lambda root: (root / "01-01/a.png").rename(root / "01-01/c.png"),
    "moved": lambda root: (root / "01-01/a.png").rename(root / "a.png"),
    "longer": lambda root: (root / "01-01/a.png").write_bytes(b"abcd"),
    "later": lambda root: touch(root / "01-01/a.png"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_tells(root, change):
    before = fingerprint(root)
    assert fingerprint(root) == before
    change(root)
    assert fingerprint(root)["digest"] != before["digest"]


def test_counts_and_independence_of_place(root, tmp_path):
    assert {key: fingerprint(root)[key] for key in ("n_bytes", "n_files")} == {"n_bytes": 5, "n_files": 2}
    before = fingerprint(root)
    assert fingerprint(root.rename(tmp_path / "elsewhere")) == before


def test_links_are_followed_once_and_dead_ones_left_out(root, tmp_path):
    joined = tmp_path / "joined"
    joined.mkdir()
    (joined / "set").symlink_to(root)
    (joined / "loop").symlink_to(joined)
    (joined / "dead").symlink_to(tmp_path / "nowhere")
    assert fingerprint(joined)["n_files"] == 2
    (root / "more").write_bytes(b"x")
    assert fingerprint(joined)["n_files"] == 3


def test_an_archive_and_what_is_not_there(root):
    assert fingerprint(root / "01-01/a.png")["n_files"] == 1
    with pytest.raises(BadInput, match="no such file or folder"):
        fingerprint(root / "none")


def test_source_tells_its_kind_and_no_path_and_is_left_alone_when_right(root, tmp_path):
    path = tmp_path / "data" / "source.json"
    write_sources({"pure": str(root)}, path)
    text, written_ns = path.read_text(), path.stat().st_mtime_ns
    assert '"kind": "files"' in text and str(tmp_path) not in text
    write_sources({"pure": str(root)}, path)
    assert path.stat().st_mtime_ns == written_ns
    write_sources({"vipl_hr": "https://example.org/a.zip?key=s3cret", "phantom": None}, path)
    assert json.loads(path.read_text()) == {"phantom": {"kind": "none"}, "vipl_hr": {"kind": "url"}}
