"""A power cut, played out under the functions that write: what was not synced by then may be lost.

cut_at() is set up in the process that writes. It counts what the process does to the disk, and ends it at one of these steps
without a word; what had been synced by then, it leaves in a file. lose() is what the disk then shows: a name that no sync of its
folder has seen may be gone or stand for what it stood for before, a content that was not synced may be cut anywhere. A
simulation, harder than most file systems: it loses each name and each content by a throw of its own.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

STEPS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link"}


def cut_at(*, step: int, folders: list[str], record: str) -> None:
    """End this process at its step-th change below the folders; never where it makes fewer. record: where the facts are left."""
    count, quiet = 0, False
    tops = [os.path.abspath(one) for one in folders]  # noqa: PTH100 pathlib's would be seen by the hook below
    synced: dict[str, Any] = {"files": {}, "folders": {}}
    real_fsync, real_sync = os.fsync, os.sync

    def state_of(path: str) -> list[int]:
        found = os.stat(path)  # noqa: PTH116
        return [found.st_ino, found.st_size, found.st_mtime_ns]

    def keep(path: str) -> None:
        if os.path.isdir(path):  # noqa: PTH112
            names = {name: os.lstat(os.path.join(path, name)).st_ino for name in os.listdir(path)}  # noqa: PTH118, PTH208
            synced["folders"][str(state_of(path)[0])] = names  # by number: it has another name later
        else:
            inode, *state = state_of(path)
            synced["files"][str(inode)] = state

    def leave() -> None:
        with open(record, "w") as file:  # noqa: PTH123
            json.dump(synced, file)

    def step_done(path: Any) -> None:
        nonlocal count, quiet
        if quiet or not isinstance(path, str | os.PathLike):
            return
        absolute = os.path.abspath(os.fspath(path))  # noqa: PTH100
        if not any(str(absolute).startswith(top) for top in tops):
            return
        count += 1
        if count == step:
            quiet = True
            leave()
            os._exit(137)

    def fsync(descriptor: int) -> None:
        nonlocal quiet
        quiet, before = True, quiet
        path = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
        keep(path)
        quiet = before
        step_done(path)

    def sync() -> None:
        nonlocal quiet
        quiet, before = True, quiet
        for top in tops:
            for where, _, names in os.walk(top):
                for path in (where, *(os.path.join(where, name) for name in names)):  # noqa: PTH118
                    keep(path)
        quiet = before

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if event in STEPS and writes:
            step_done(arguments[0])

    os.fsync, os.sync = fsync, sync
    del real_fsync, real_sync
    sys.addaudithook(hook)
    end = os._exit

    def at_end(code: int) -> None:
        nonlocal quiet
        quiet = True
        leave()
        end(code)

    os._exit = at_end  # type: ignore[assignment]


def lose(folder: Path, before: Path, record: Path, chance: random.Random) -> None:
    """Make the folder what a disk may show after the cut. before: a copy of it from before the run, by hard links, all synced.

    Every other name and content that was not synced since is lost.
    """
    synced = json.loads(record.read_text())
    _lose_names(folder, before, synced["folders"], chance)
    known = {one.stat().st_ino: [one.stat().st_size, one.stat().st_mtime_ns] for one in before.rglob("*") if one.is_file()}
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        found = file.stat()
        state = [found.st_size, found.st_mtime_ns]
        safe = state in (synced["files"].get(str(found.st_ino)), known.get(found.st_ino))
        if not safe and chance.random() < 0.5:
            content = file.read_bytes()
            file.unlink()  # other names of it, in the cache, have a fate of their own
            file.write_bytes(content[: chance.randrange(len(content) + 1)])


def _lose_names(folder: Path, before: Path, synced: dict[str, dict[str, int]], chance: random.Random) -> None:
    safe = synced.get(str(folder.stat().st_ino))
    old = {one.name for one in before.iterdir()} if before.is_dir() else set()
    now = {one.name: one for one in folder.iterdir()}
    for name in sorted(old | now.keys()):
        path, there = folder / name, now.get(name)
        if safe is not None and (safe.get(name) == (there.lstat().st_ino if there else None)):
            pass  # the disk has this name, or the want of it, as it is
        elif (
            safe is None
            and there
            and name in old
            and there.is_dir()
            and (before / name).is_dir()
            and not _replaced(there, before / name)
        ):
            pass  # the same folder as before
        elif chance.random() < 0.5:
            _as_before(path, before / name)
            continue
        if there and there.is_dir() and path.is_dir():
            _lose_names(path, before / name, synced, chance)


def _replaced(now: Path, before: Path) -> bool:
    """Whether the folder of that name is another one: none of its files is one of those before."""
    inodes = {one.stat().st_ino for one in before.rglob("*") if one.is_file()}
    return bool(inodes) and not any(one.stat().st_ino in inodes for one in now.rglob("*") if one.is_file())


def _as_before(path: Path, before: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if before.is_dir():
        shutil.copytree(before, path, copy_function=os.link)
    elif before.exists():
        os.link(before, path)
