"""The errors that a user can mend, each told in one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOM = "room on its disk (nothing half-written is left; make some and run again)"
WRITABLE = "a place that this user may read and write"
DISK = {
    errno.ENOSPC: ROOM, errno.EDQUOT: ROOM, errno.EFBIG: ROOM,
    errno.EROFS: WRITABLE, errno.EACCES: WRITABLE, errno.EPERM: WRITABLE, errno.EIO: "a disk that works",
}  # fmt: skip


class TastError(Exception):
    """Something a user can mend; its text is one clear line. Flows and the CLI print it and exit non-zero."""


class BadInput(TastError):
    """A file that is not what it should be: names the file, what was found and what was expected."""

    def __init__(self, path: str | Path, found: str, expected: str) -> None:
        self.path, self.found, self.expected = str(path), found, expected
        super().__init__(f"{path}: {found}; expected {expected}")

    def __reduce__(self) -> tuple[type[BadInput], tuple[str, str, str]]:  # exceptions cross process borders
        return BadInput, (self.path, self.found, self.expected)


class VideoRejected(TastError):
    """A video that can be read but not used (no face, too short, no valid label): becomes a row in rejects.csv."""

    def __init__(self, record_id: str, reason: str) -> None:
        self.record_id, self.reason = record_id, reason
        super().__init__(f"{record_id}: {reason}")

    def __reduce__(self) -> tuple[type[VideoRejected], tuple[str, str]]:
        return VideoRejected, (self.record_id, self.reason)


@contextmanager
def disk_errors_named() -> Iterator[None]:
    """What the disk or its owner refuses inside of the block (no room, read only, not allowed) leaves it as one line.

    At the edge of a program, no further in: a step that takes it for a fault of the video at hand would go on without that one.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK:
            raise
        place = os.fspath(error.filename) if error.filename is not None else "the disk"
        raise TastError(f"{place}: {os.strerror(error.errno).lower()}; expected {DISK[error.errno]}") from error
