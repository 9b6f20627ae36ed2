"""Progress of long work: a bar in a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

log = logging.getLogger("flows.progress")
Advance = Callable[[int, str], None]


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """Yields advance(steps, note): call it as work is done; the note stands behind the bar ("2 rejected", "val RMSE 2.1")."""
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(what, total=total, note="")
            yield lambda steps, note: bar.update(task, advance=steps, note=note)
    else:
        yield _lines(what, total)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))


def _lines(what: str, total: int) -> Advance:
    done, told = 0, 0

    def advance(steps: int, note: str) -> None:
        nonlocal done, told
        done += steps
        tenth = done * 10 // max(total, 1)
        if tenth > told:
            told = tenth
            log.info("%s: %d of %d%s", what, done, total, f", {note}" if note else "")

    return advance
