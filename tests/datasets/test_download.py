"""A data set comes into the project whole or not at all, and the user's own files are never touched."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tast.datasets.download import link_or_extract
from tast.datasets.readers import read_dataset
from tast.errors import BadInput, TastError
from tests.datasets.layouts import write_pure_session
from tests.datasets.test_archives import files_in, split_in_parts, write_7z, write_tar, write_zip


def silent(percent: int, note: str) -> None: ...


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for name in ("01-01", "01-02"):
        write_pure_session(root, name, n_images=3)
    return root


def test_a_folder_is_linked_and_reads_alike(tmp_path, source):
    target, output = tmp_path / "data" / "pure", list[int]()
    link_or_extract(source, target, progress=lambda percent, note: output.append(percent))
    assert files_in(target) == files_in(source)
    assert sum(output) == 100
    path = Path("01-01/01-01.json")
    assert (target / path).samefile(source / path)
    assert [record.record_id for record in read_dataset("pure", target)[0]] == ["01-01", "01-02"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["pure"]


def test_a_folder_on_another_disk_is_copied(tmp_path, source, monkeypatch):
    monkeypatch.setattr("tast.datasets.download._same_disk", lambda root, folder: False)
    target = tmp_path / "pure"
    link_or_extract(source, target, progress=silent)
    assert files_in(target) == files_in(source)
    assert not (target / "01-01/01-01.json").samefile(source / "01-01/01-01.json")


def test_links_to_folders_are_followed_once(tmp_path, source):
    joined = tmp_path / "joined"
    joined.mkdir()
    (joined / "01-01").symlink_to(source / "01-01")
    (joined / "loop").symlink_to(joined)
    link_or_extract(joined, tmp_path / "pure", progress=silent)
    assert files_in(tmp_path / "pure") == {n: c for n, c in files_in(source).items() if n.startswith("01-01/")}
    assert not any(path.is_symlink() for path in (tmp_path / "pure").rglob("*"))


@pytest.mark.parametrize(("name", "write"), [("p.zip", write_zip), ("p.7z", write_7z), ("p.tar.gz", write_tar)])
@pytest.mark.parametrize("n_parts", [1, 2])
def test_an_archive_is_extracted(tmp_path, source, name, write, n_parts):
    archive, output = tmp_path / name, list[int]()
    write(archive, files_in(source))
    if n_parts > 1:
        archive = split_in_parts(archive, n_parts)
    link_or_extract(archive, tmp_path / "pure", progress=lambda percent, note: output.append(percent))
    assert files_in(tmp_path / "pure") == files_in(source)
    assert sum(output) == 100


def test_a_folder_of_archives_becomes_one_tree(tmp_path, source):
    """As VIPL-HR ships: many zips, and a list beside them."""
    shipped, content = tmp_path / "shipped", files_in(source)
    shipped.mkdir()
    write_zip(shipped / "a.zip", {n: c for n, c in content.items() if n.startswith("01-01")})
    write_zip(shipped / "b.zip", {n: c for n, c in content.items() if n.startswith("01-02")})
    split_in_parts(shipped / "b.zip", 2)
    (shipped / "Missing_data.txt").write_text("none")
    link_or_extract(shipped, tmp_path / "pure", progress=silent)
    assert files_in(tmp_path / "pure") == content | {"Missing_data.txt": b"none"}


def test_an_archive_never_writes_into_the_users_own_file(tmp_path):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "notes.txt").write_text("mine")
    write_zip(shipped / "a.zip", {"notes.txt": b"theirs"})
    with pytest.raises(BadInput, match=r"notes\.txt: an archive beside it holds a file of the same name"):
        link_or_extract(shipped, tmp_path / "out", progress=silent)
    assert (shipped / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("damage", ["archive", "disk"])
def test_failure_leaves_nothing_and_keeps_what_was_there(tmp_path, source, monkeypatch, damage):
    target, archive = tmp_path / "data" / "pure", tmp_path / "p.zip"
    link_or_extract(source / "01-01", target, progress=silent)
    before = files_in(tmp_path / "data")
    write_zip(archive, files_in(source))
    if damage == "archive":
        content = bytearray(archive.read_bytes())
        content[300] ^= 0xFF
        archive.write_bytes(content)
    else:
        usage = namedtuple("usage", "free")
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(free=10))
    with pytest.raises(TastError, match="damaged" if damage == "archive" else "GB are free"):
        link_or_extract(archive, target, progress=silent)
    assert files_in(tmp_path / "data") == before


def test_what_is_not_a_data_set_is_named(tmp_path, source):
    with pytest.raises(BadInput, match="no such file or folder"):
        link_or_extract(tmp_path / "none", tmp_path / "out", progress=silent)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="an empty folder"):
        link_or_extract(tmp_path / "empty", tmp_path / "out", progress=silent)
    with pytest.raises(BadInput, match="overlaps"):
        link_or_extract(source, source / "data", progress=silent)
    with pytest.raises(BadInput, match="overlaps"):
        link_or_extract(source, tmp_path, progress=silent)
    assert files_in(source)
