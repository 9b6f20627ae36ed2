"""A file or folder appears whole, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tast.errors import TastError, disk_errors_named
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


def test_a_name_comes_after_its_content_and_the_folder_after_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power cut leaves is what was synced by then: the content before it has a name, the folder once it has one."""
    target, synced = tmp_path / "a.txt", []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append((place_of(descriptor), target.exists())))
    with whole_file(target) as part:
        part.write_text("new")
    assert [(Path(name).name, there) for name, there in synced] == [(part.name, False), (tmp_path.name, True)]


def test_of_a_folder_every_file_and_every_folder_is_synced_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, synced = tmp_path / "clips", []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append((place_of(descriptor), target.exists())))
    with whole_folder(target) as part:
        (part / "light").mkdir()
        for name in ("a.npy", "light/a.npy"):
            (part / name).touch()
    inside = [(str(part / name), False) for name in ("a.npy", "light", "light/a.npy")] + [(str(part), False)]
    assert sorted(synced) == sorted([*inside, (str(tmp_path), True)])


def test_new_folders_above_a_file_are_synced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(place_of(descriptor)))
    with whole_file(tmp_path / "models/tast_net/model.json") as part:
        part.touch()
    assert {str(tmp_path), str(tmp_path / "models"), str(tmp_path / "models/tast_net")} < set(synced)
    synced.clear()
    with whole_folder(tmp_path / "reports/plots") as part:
        (part / "a.png").touch()
    assert {str(tmp_path), str(tmp_path / "reports")} < set(synced)


def test_many_files_wait_for_one_sync_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr("tast.files.MOST_SYNCED_ALONE", 2)
    monkeypatch.setattr(os, "sync", lambda: calls.append("all"))
    with whole_folder(tmp_path / "raw") as part:
        for number in range(3):
            (part / f"{number}").touch()
    assert calls == ["all"]


def test_what_is_made_again_from_a_digest_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: pytest.fail("waits for the disk"))
    with whole_file(tmp_path / "a", durable=False) as part:
        part.touch()
    with whole_folder(tmp_path / "b", durable=False) as part:
        (part / "c").touch()


@pytest.mark.parametrize("exchanges", [True, False])
def test_while_a_folder_is_replaced_the_old_or_the_new_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    """In one step where the file system can; elsewhere the old one is put aside before, never removed."""
    target, seen = tmp_path / "clips", []
    target.mkdir()
    (target / "old").touch()
    if not exchanges:
        monkeypatch.setattr("tast.files._exchanged", lambda one, other: False)
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda one, other: (rename(one, other), seen.append(all_names(tmp_path)))[0])
    with whole_folder(target) as part:
        (part / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"] and [path.name for path in tmp_path.iterdir()] == ["clips"]
    assert seen == [] if exchanges else all("old" in names for names in seen)


def place_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def all_names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_what_a_killed_writer_left_inside_of_a_folder_goes(tmp_path: Path) -> None:
    """A worker was killed in the middle of a file, and another one wrote that file again."""
    with whole_folder(tmp_path / "clips") as part:
        for name in (".a.npy.12345.part", ".p001.77.part", "a.npy", ".hidden.part"):
            (part / name).touch()
    assert all_names(tmp_path / "clips") == {"a.npy", ".hidden.part"}


def test_an_error_of_the_disk_that_names_no_file_gets_the_files_name(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device") as caught, whole_file(tmp_path / "a.npy"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a.npy")
    with pytest.raises(TastError, match=r"a\.npy: no space left on device; expected room on its disk"), disk_errors_named():
        raise caught.value
    with pytest.raises(FileNotFoundError), disk_errors_named():
        raise FileNotFoundError(errno.ENOENT, "no such file")
