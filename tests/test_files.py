"""A file or folder appears whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tast.files import whole_file, whole_folder


def test_whole_file_replaces_on_success(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    with whole_file(target) as part:
        part.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_whole_file_leaves_the_old_one_on_failure(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target) as part:
        part.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_whole_folder_drops_stale_files_and_survives_failure(tmp_path: Path) -> None:
    target = tmp_path / "clips"
    target.mkdir()
    (target / "stale.npy").touch()
    with pytest.raises(RuntimeError), whole_folder(target) as part:
        (part / "half.npy").touch()
        raise RuntimeError
    assert [p.name for p in target.iterdir()] == ["stale.npy"]
    with whole_folder(target) as part:
        (part / "fresh.npy").touch()
    assert [p.name for p in target.iterdir()] == ["fresh.npy"]
    assert [p.name for p in tmp_path.iterdir()] == ["clips"]
