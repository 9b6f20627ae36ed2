"""Writing without halves: a file or folder appears whole under its name, or not at all, whether a process dies or the power does.

What has its name is on the disk: content first (fsync), then the name, then the folder that holds the name. A file that is
written inside of a folder which is still unfinished need not wait for the disk: the folder does, once, for all that it holds.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST_SYNCED_ALONE = 2000  # files of a folder: seconds; of more, one sync of the machine takes less than so many waits
HALF = re.compile(r"\.(.+)\.(\d+)\.part")  # name of what process 2 is writing as 1
OLD = ".old"  # at the end of 1: what is being replaced, where that takes two steps
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux: relative to the working directory; two names change places in one step


@contextmanager
def whole_file(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `target`; named `target` when the block ends well, removed when not.

    durable: on the disk when the block has ended. Not so, a power cut may leave an empty or a half file under the name: for what
    is checked and made again, and inside of a whole_folder. An OSError that names no file is given the target's name.
    """
    _make(target.parent, durable)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        if durable:
            sync(part)
        part.replace(target)
        if durable:
            sync(target.parent)
    except OSError as error:
        if error.filename is None:
            error.filename = os.fspath(target)
        raise
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """The same for a folder: an empty one is yielded and replaces `target`, old content included, when the block ends well.

    The two change places in one step: under the name there is always one of them, and what is left of the other is no folder of
    that name. What killed processes left half inside of it goes.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    _make(target.parent, durable)
    part.mkdir()
    try:
        yield part
        for half in [one for one in part.rglob(".*.part") if HALF.fullmatch(one.name)]:
            shutil.rmtree(half) if half.is_dir() else half.unlink()
        if durable:
            _sync_all(part)
        _take_place(part, target)
        if durable:
            sync(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sync(path: Path) -> None:
    """A file's content, or the names in a folder, are on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def holds(path: Path, text: str) -> bool:
    """Whether a file is there and says so already, byte for byte."""
    return path.is_file() and path.read_bytes() == text.encode()


def _make(folder: Path, durable: bool) -> None:
    """With all above it; durable: the names of the new ones are on the disk, without which nothing inside of them is."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if durable:
        for one in new:
            sync(one.parent)


def _take_place(part: Path, target: Path) -> None:
    """Where `target` is a folder, the two change places, and what was there lies under the other name."""
    if target.is_symlink() or not target.is_dir():
        part.replace(target)
    elif not _exchanged(part, target):  # a file system that cannot: for a moment there is none of that name
        old = part.with_name(f".{target.name}{OLD}.{os.getpid()}.part")
        target.replace(old)
        part.replace(target)
        old.replace(part)


def _exchanged(one: Path, other: Path) -> bool:
    renameat2: Any = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _sync_all(folder: Path) -> None:
    """Every file below the folder, then every folder."""
    found = list(folder.rglob("*"))
    if len(found) > MOST_SYNCED_ALONE:
        os.sync()
        return
    for path in (*(one for one in found if one.is_file()), *(one for one in found if one.is_dir()), folder):
        sync(path)
