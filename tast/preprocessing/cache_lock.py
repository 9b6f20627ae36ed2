"""Who uses the item cache, and who clears it: never both at once, in however many clones and processes that share it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tast.errors import TastError

LOCK = ".lock"


@contextmanager
def used(root: Path) -> Iterator[None]:
    """Nobody clears the cache meanwhile; any number may use it. Waits for who clears it."""
    with _held(root, fcntl.LOCK_SH):
        yield


@contextmanager
def cleared(root: Path) -> Iterator[None]:
    """Nobody uses the cache meanwhile. Raises TastError where somebody does."""
    try:
        with _held(root, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield
    except BlockingIOError:
        raise TastError(f"{root}: a run is using this cache; wait for it or stop it") from None


@contextmanager
def _held(root: Path, how: int) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / LOCK).open("ab") as file:
        fcntl.flock(file, how)
        yield  # closing the file gives the lock back, and so does the end of the process, however it ends
