"""What a killed run leaves half is whole again, from what was kept; what is whole or still being written is left alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows import mending
from flows.mending import is_whole, keep_lock, mend
from tests.end_to_end.conftest import PROJECT

BEFORE = "schema: '2.0'\nstages:\n  download:\n    cmd: python -m flows.stages.download\n"
AFTER = BEFORE + "  split:\n    cmd: python -m flows.stages.split\n"
NO_PROCESS = 2**22 + 1  # beyond the largest number that Linux gives


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mending, "KEPT", tmp_path / ".tast" / "dvc.lock")
    return tmp_path


@pytest.mark.parametrize("length", [0, 7, len(BEFORE) + 4, len(BEFORE) + len("  split:\n"), len(AFTER) - 1])
def test_a_lock_that_breaks_off_becomes_the_one_before_the_stage(length: int) -> None:
    lock = Path("dvc.lock")
    lock.write_text(BEFORE)
    keep_lock()
    lock.write_text(AFTER[:length])
    mend()
    assert lock.read_text() == BEFORE


def test_a_first_lock_that_breaks_off_goes() -> None:
    keep_lock()  # there is none
    Path("dvc.lock").write_text("schema: '2.0'\nsta")
    mend()
    assert not Path("dvc.lock").exists()


def test_a_whole_lock_stays_and_one_that_was_removed_stays_away() -> None:
    lock = Path("dvc.lock")
    lock.write_text(BEFORE)
    keep_lock()
    lock.write_text(AFTER)
    mend()
    assert lock.read_text() == AFTER
    lock.unlink()
    mend()
    assert not lock.exists()


def test_dvc_reads_every_beginning_of_a_real_lock_that_is_taken_for_whole() -> None:
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA  # what DVC itself asks of the file
    from dvc.utils.serialize import dumps_yaml

    lines = dumps_yaml(few_of_each_list(YAML(typ="safe").load(PROJECT / "dvc.lock"))).splitlines(keepends=True)
    assert is_whole("".join(lines)) and len(lines) > 200
    taken = ["".join(lines[:n]) for n in range(1, len(lines)) if is_whole("".join(lines[:n]))]
    assert len(taken) > 20
    for content in taken:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(content))


def few_of_each_list(content: Any) -> Any:
    """A stage names a hundred files, one like the other: two of them break off in every way that a hundred do."""
    if isinstance(content, dict):
        return {name: few_of_each_list(one) for name, one in content.items()}
    return [few_of_each_list(one) for one in content[:2]] if isinstance(content, list) else content


def test_what_dead_processes_were_writing_goes_and_nothing_else() -> None:
    dead, living = Path(f"data/.clips.{NO_PROCESS}.part"), Path(f"data/.raw.{os.getpid()}.part")
    for folder in (dead, living, Path("data/clips")):
        folder.mkdir(parents=True)
        (folder / "one.npy").touch()
    Path("reports").mkdir()
    Path(f"reports/.metrics.json.{NO_PROCESS}.part").touch()
    row = Path(f"data/methods/mathew/.mix_last.json.{NO_PROCESS}.part")
    row.parent.mkdir(parents=True)
    row.touch()
    mend()
    assert {path.name for path in Path("data").iterdir()} == {living.name, "clips", "methods"}
    assert list(row.parent.iterdir()) == []
    assert list(Path("reports").iterdir()) == []


def test_a_folder_that_was_being_replaced_is_put_back() -> None:
    """Its writer was killed between the two steps that a file system without exchange needs."""
    old = Path(f"data/.clips.old.{NO_PROCESS}.part")
    old.mkdir(parents=True)
    (old / "one.npy").touch()
    mend()
    assert [str(path) for path in Path("data").rglob("*")] == ["data/clips", "data/clips/one.npy"]


@pytest.mark.parametrize("kept", ["", BEFORE])
def test_what_is_no_text_and_what_was_kept_half_are_no_lock(kept: str) -> None:
    Path("dvc.lock").write_text(BEFORE)
    keep_lock()
    mending.KEPT.write_text(kept)
    Path("dvc.lock").write_bytes(BEFORE.encode()[:20] + b"\xff" + BEFORE.encode()[21:])
    mend()
    assert (Path("dvc.lock").read_text() if kept else Path("dvc.lock").exists()) == (kept or False)
