"""Progress of long work: a bar in a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

log = logging.getLogger("flows.progress")
Advance = Callable[[int, str], None]


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """Yields advance(steps, note): call it, from any thread, as work is done; the note stands at the end ("2 rejected")."""
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
    done, told, start_s, lock = 0, 0, time.monotonic(), threading.Lock()

    def advance(steps: int, note: str) -> None:
        nonlocal done, told
        with lock:
            done += steps
            tenth = done * 10 // max(total, 1)
            if tenth > told:
                told = tenth
                per_second = done / max(time.monotonic() - start_s, 1e-9)
                left = _time_left((total - done) / per_second) if done < total else ""
                log.info(", ".join(part for part in (f"{what}: {done} of {total}", rate(per_second), left, note) if part))

    return advance


def _time_left(seconds: float) -> str:
    return f"{seconds:.0f} s left" if seconds < 90 else f"{seconds / 60:.0f} min left"
