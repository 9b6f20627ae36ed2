"""The errors that a user can mend, each told in one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tast.redaction import without_secrets

LONGEST = 300  # characters of a value that an error shows: a table's cell may be a whole book
ROOM = "room on its disk (nothing half-written is left; make some and run again)"
WRITABLE = "a place that this user may read and write"
DISK = {
    errno.ENOSPC: ROOM, errno.EDQUOT: ROOM, errno.EFBIG: ROOM,
    errno.EROFS: WRITABLE, errno.EACCES: WRITABLE, errno.EPERM: WRITABLE, errno.EIO: "a disk that works",
}  # fmt: skip


class TastError(Exception):
    """Something a user can mend; its text is one clear line without secrets. Flows and the CLI print it and exit non-zero."""

    def __str__(self) -> str:
        return one_line(without_secrets(super().__str__()))


class Unavailable(TastError):
    """What may be there a little later, and nobody needs to mend: a server that does not answer, a lock that somebody holds."""


class BadInput(TastError):
    """A file that is not what it should be: names the file, what was found and what was expected."""

    def __init__(self, path: str | Path, found: str, expected: str) -> None:
        self.path, self.found, self.expected = str(path), found, expected
        super().__init__(f"{shortened(one_line(self.path))}: {shortened(joined(found))}; expected {expected}")

    def __reduce__(self) -> tuple[type[BadInput], tuple[str, str, str]]:  # exceptions cross process borders
        return BadInput, (self.path, self.found, self.expected)


class VideoRejected(TastError):
    """A video that can be read but not used (no face, too short, no valid label): becomes a row in rejects.csv."""

    def __init__(self, record_id: str, reason: str) -> None:
        self.record_id, self.reason = record_id, reason
        super().__init__(f"{shortened(one_line(record_id))}: {shortened(joined(reason))}")

    def __reduce__(self) -> tuple[type[VideoRejected], tuple[str, str]]:
        return VideoRejected, (self.record_id, self.reason)


def one_line(text: str) -> str:
    """The text with all that would break the line or lead a terminal astray as escapes (\\n, \\x1b, \\udcff): names of files may
    hold anything."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode("ascii") for one in text)


def joined(text: str) -> str:
    """The lines of what a library said as one."""
    return " ".join(line.strip() for line in text.splitlines())


def shortened(text: str, most: int = LONGEST) -> str:
    """The text, its middle left out where it is longer."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


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
