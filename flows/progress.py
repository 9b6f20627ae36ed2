"""Progress of long work: a bar in a terminal, plain lines in a log, and a file for a program that watches this one."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tast.files import whole_file

log = logging.getLogger("flows.progress")
Advance = Callable[[int, str], None]
PROGRESS_IN = "TAST_PROGRESS_FILE"  # environment: where to leave how far the work is


@dataclass(frozen=True)
class Standing:
    """How far some work is."""

    what: str
    done: int
    total: int
    note: str

    @property
    def percent(self) -> float:
        return 100 * self.done / max(self.total, 1)

    def __str__(self) -> str:
        return f"{self.what}: {self.done} of {self.total}" + (f", {self.note}" if self.note else "")


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """Yields advance(steps, note): call it, from any thread, as work is done; the note stands at the end ("2 rejected")."""
    file = os.environ.get(PROGRESS_IN)
    with _shown(what, total) as show:
        tell = _in_file(what, total, Path(file)) if file else None

        def advance(steps: int, note: str) -> None:
            show(steps, note)
            if tell is not None:
                tell(steps, note)

        yield advance


def read_progress(file: Path) -> Standing | None:
    """What a program that was started with TAST_PROGRESS_FILE=file tells; None until it tells something."""
    return Standing(**json.loads(file.read_text())) if file.is_file() else None


def _in_file(what: str, total: int, file: Path) -> Advance:
    """Written for each thousandth of the work, and where the note changes: whoever counts bytes calls far more often."""
    done, last, lock = 0, None, threading.Lock()

    def advance(steps: int, note: str) -> None:
        nonlocal done, last
        with lock:
            done += steps
            now = (done * 1000 // max(total, 1), note)
            if now != last:
                last = now
                with whole_file(file, durable=False) as part:
                    part.write_text(json.dumps(asdict(Standing(what, done, total, note))))

    advance(0, "")
    return advance


@contextmanager
def _shown(what: str, total: int) -> Iterator[Advance]:
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(what, total=total, note="")
            yield lambda steps, note: bar.update(task, advance=steps, note=note)
    else:
        yield _lines(what, total)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(rate(task.finished_speed or task.speed or 0.0))


def rate(per_second: float) -> str:
    """ "3.2/s", or "1.4/min" where that reads better; empty where nothing is known yet."""
    if per_second <= 0:
        return ""
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{60 * per_second:.1f}/min"


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeElapsedColumn())
    left = (TimeRemainingColumn(), TextColumn("left"))
    return Progress(*columns, *left, TextColumn("{task.fields[note]}"), console=Console(stderr=True))


def _lines(what: str, total: int) -> Advance:
    """A line for every tenth of the work: "preprocess: 24 of 48, 3.1/min, 8 min left, 1 rejected"."""
    done, last, start_s, lock = 0, 0, time.monotonic(), threading.Lock()

    def advance(steps: int, note: str) -> None:
        nonlocal done, last
        with lock:
            done += steps
            tenth = done * 10 // max(total, 1)
            if tenth > last:
                last = tenth
                per_second = done / max(time.monotonic() - start_s, 1e-9)
                left = _time_left((total - done) / per_second) if done < total else ""
                log.info(", ".join(part for part in (f"{what}: {done} of {total}", rate(per_second), left, note) if part))

    return advance


def _time_left(seconds: float) -> str:
    return f"{seconds:.0f} s left" if seconds < 90 else f"{seconds / 60:.0f} min left"
