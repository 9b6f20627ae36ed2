"""A file on its way, whatever brings it: what has come is kept, gone on with, proved, and only then named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from tenacity import RetryCallState, Retrying, before_sleep_log, retry_if_exception_type, wait_exponential_jitter

from tast.addresses import shown
from tast.datasets.download import Percent, require_space
from tast.digests import file_digest
from tast.errors import BadInput, TastError
from tast.files import sync

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 60.0


class Interrupted(Exception):
    """A failure that another try may mend."""


class PartFile:
    """What has come of `target`, in <name>.part, and beside it the mark of the version that it belongs to."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._version = target.with_name(f"{target.name}.part.version")

    @property
    def n_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def mark(self) -> str:
        """Of the version; empty where it is not known."""
        return self._version.read_text(encoding="utf-8") if self._version.exists() else ""

    @property
    def usable_bytes(self) -> int:
        """Bytes that can be built on: those whose version is known, since the sender may have another file by now."""
        return self.n_bytes if self.mark else 0

    def begin(self, mark: str) -> None:
        """An empty file, and the mark of the version that is to come; an empty mark where there is none."""
        self.discard()
        self.path.touch()
        if mark:
            self._version.write_text(mark, encoding="utf-8")

    def append(self, chunks: Iterable[bytes], more_bytes: int, tell: Percent) -> None:
        """Write more_bytes behind what is there. Raises Interrupted where fewer come, TastError where the disk is too small."""
        require_space(self.path.parent, more_bytes)
        have_bytes = self.n_bytes
        tell.expect(have_bytes + more_bytes, have_bytes)
        with self.path.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                tell.add(len(chunk))
        if self.n_bytes < have_bytes + more_bytes:
            raise Interrupted(f"the connection closed after {self.n_bytes} of {have_bytes + more_bytes} bytes")

    def finish(self, url: str, sha256: str | None) -> None:
        """All has come: it gets its name, if its bytes are those of sha256. Raises BadInput where not, and discards them."""
        if sha256 is not None and (found := file_digest(self.path)) != sha256:
            self.discard()
            raise BadInput(shown(url), f"bytes with sha256 {found}", f"{sha256}; they are discarded")
        sync(self.path)  # it is kept for good, and nobody looks at its bytes again
        self.path.replace(self.target)
        sync(self.target.parent)
        self.discard()

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)


def persist(go_on: Callable[[], None], part: PartFile, url: str, *, tries: int, first_wait_s: float) -> None:
    """Call go_on until it succeeds, waiting longer each time it is Interrupted.

    Raises TastError after `tries` failures in a row without a byte gained.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(Interrupted),
        wait=wait_exponential_jitter(initial=first_wait_s, max=LONGEST_WAIT_S, jitter=first_wait_s),
        stop=_stalled(part, tries),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )
    try:
        retrying(go_on)
    except Interrupted as error:
        raise TastError(f"{shown(url)}: {error}; given up for now, what has come is kept") from None


def _stalled(part: PartFile, tries: int) -> Callable[[RetryCallState], bool]:
    """True after `tries` failures in a row during which nothing was gained."""
    largest, in_vain = part.n_bytes, 0

    def stop(_: RetryCallState) -> bool:
        nonlocal largest, in_vain
        gained = part.n_bytes > largest
        largest, in_vain = max(largest, part.n_bytes), 0 if gained else in_vain + 1
        return in_vain >= tries

    return stop
