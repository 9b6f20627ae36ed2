"""The errors that a user can mend, each told in one line."""

from __future__ import annotations

from pathlib import Path

from tast.redaction import without_secrets


class TastError(Exception):
    """Something a user can mend; its text is one clear line without secrets. Flows and the CLI print it and exit non-zero."""

    def __str__(self) -> str:
        return without_secrets(super().__str__())


class Unavailable(TastError):
    """What may be there a little later, and nobody needs to mend: a server that does not answer, a lock that somebody holds."""


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
