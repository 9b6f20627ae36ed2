"""One try: a valid input with one thing wrong in it, given to the real reading function, and what came of it."""

from __future__ import annotations

import faulthandler
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tast.errors import TastError
from tests.chaos.bad.mutators import Mutator

LONGEST_S = 10.0  # of one try, in Python
STUCK_S = 30.0  # of one try, inside of a library: the process is ended
LONGEST_LINE = 700  # characters of one clear line
FALLEN, HUNG, UNCLEAR, WRONG = "traceback", "not done in time", "no clear line", "wrong result"


@dataclass(frozen=True)
class Parser:
    """name: in words. make(folder): a valid input. files: of it, that are mutated, as globs. read(folder): the real way in.

    mutators: that fit the files. wrong(result, valid, how): what is wrong with a result, "" for nothing; valid: what the valid
    input gives, how: the mutator's name. tries: in the whole suite. entries: whether a folder or a link may take a file's place.
    """

    name: str
    make: Callable[[Path], object]
    files: tuple[str, ...]
    read: Callable[[Path], Any]
    mutators: Sequence[Mutator]
    wrong: Callable[[Any, Any, str], str] = lambda result, valid, how: ""
    tries: int = 250
    entries: bool = True


@dataclass
class Tally:
    """read: results that were right; refused: one clear line; faults: (what, how it was made) of all else."""

    read: int = 0
    refused: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.read + self.refused + len(self.faults)


class TookTooLong(BaseException):
    """Raised by the alarm into what is being read; no Exception, so that nothing there takes it for its own."""


def run_tries(parser: Parser, seed: str, numbers: range, ends_s: float, now: Path | None = None) -> Tally:
    """Tries of these numbers in this process, none begun after ends_s; now: a file that is to hold the number of each."""
    log = logging.getLogger("tast")
    before = log.level
    log.setLevel(logging.CRITICAL)
    tally = Tally()
    try:
        with tempfile.TemporaryDirectory(prefix="bad-") as scratch:
            folder = Path(scratch) / "input"
            folder.mkdir()
            parser.make(folder)
            valid = parser.read(folder)
            files = sorted({path for one in parser.files for path in folder.glob(one)})
            for number in numbers:
                if time.monotonic() > ends_s:
                    break
                if now is not None:
                    now.write_text(str(number))
                _try(parser, folder, files, valid, random.Random(f"{seed} {parser.name} {number}"), number, tally)
    finally:
        log.setLevel(before)
    return tally


def _try(
    parser: Parser, folder: Path, files: Sequence[Path], valid: Any, chance: random.Random, number: int, tally: Tally
) -> None:
    file = chance.choice(files)
    content = file.read_bytes()
    how = _damage(parser, file, content, chance)
    made = f"{parser.name}, try {number}: {file.relative_to(folder)} {how}"
    try:
        with _alarm(), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # numbers went wrong, and somebody saw it
            result = parser.read(folder)
            fault = parser.wrong(result, valid, how)
        tally.read += not fault
        if fault:
            tally.faults.append((f"{WRONG}: {fault}", made))
    except TookTooLong:
        tally.faults.append((HUNG, made))
    except TastError as error:
        if fault := unclear(str(error), {file.name, file.parent.name, file.parent.parent.name}):
            tally.faults.append((f"{UNCLEAR}: {fault}", made))
        else:
            tally.refused += 1
    except BaseException as error:  # noqa: BLE001  whatever a parser raises beside its own errors is what is looked for
        tally.faults.append((f"{FALLEN}: {type(error).__name__} {str(error)[:100]!r} {_last_of_ours(error)}", made))
    finally:
        _restore(file, content)


def _last_of_ours(error: BaseException) -> str:
    """The innermost line of tast that it came through."""
    at, found = error.__traceback__, ""
    while at is not None:
        name = at.tb_frame.f_code.co_filename
        found = f"{Path(name).name}:{at.tb_lineno}" if "/tast/" in name else found
        at = at.tb_next
    return found


def _damage(parser: Parser, file: Path, content: bytes, chance: random.Random) -> str:
    """In place; returns how."""
    if parser.entries and chance.random() < 0.03:
        file.unlink()
        kind = chance.choice(("gone", "a folder", "a link to nothing", "a link to itself"))
        if kind == "a folder":
            file.mkdir()
        elif kind != "gone":
            file.symlink_to(file.name if kind.endswith("itself") else "nowhere")
        return kind
    mutator = chance.choice(parser.mutators)
    file.write_bytes(mutator(content, chance))
    return mutator.__name__


def _restore(file: Path, content: bytes) -> None:
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    elif file.is_symlink():
        file.unlink()
    file.write_bytes(content)


def unclear(line: str, names: set[str]) -> str:
    """Why this is not one clear line that names one of these; "" where it is."""
    if not line.strip() or len(line.splitlines()) > 1:
        return f"{len(line.splitlines())} lines: {line[:120]!r}"
    if not line.isprintable():
        return f"characters that no terminal shows: {line[:120]!r}"
    if len(line) > LONGEST_LINE:
        return f"{len(line)} characters: {line[:80]!r}"
    return "" if any(name and name in line for name in names) else f"names no file: {line[:120]!r}"


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    if "pytest" not in sys.modules:
        faulthandler.dump_traceback_later(STUCK_S, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if "pytest" not in sys.modules:
            faulthandler.cancel_dump_traceback_later()


def first_faults(faults: Sequence[tuple[str, str]], most: int = 3) -> str:
    """The most frequent kinds, each with one example."""
    kinds = Counter(what.split(":")[0] for what, _ in faults)
    examples = {what.split(":")[0]: f"{what} ({made})" for what, made in reversed(faults)}
    return "; ".join(f"{count} x {examples[kind]}" for kind, count in kinds.most_common(most))
