"""What the commands show: tables and bars in a terminal, plain lines elsewhere, one JSON object for a program that asks for it.

NO_COLOR is followed by rich itself.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tast.errors import one_line

Item = TypeVar("Item")

log = logging.getLogger(__name__)

WIDEST = 10_000  # columns: a line of a pipe is never folded
PATIENCE_S, AGAIN_S = 3.0, 30.0  # of who watches a log: the first line that says the work goes on, and those after it

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, and nothing else there.")]


def say(text: str, *, aside: bool = False) -> None:
    """One line on stdout, whole and as it is: no folding, no markup; what does not show, as its escape. aside: on stderr."""
    _console(stderr=aside).print(one_line(text), soft_wrap=True)


def say_json(content: Mapping[str, Any]) -> None:
    """A line of JSON on stdout, of ASCII alone; null where a number is none."""
    typer.echo(json.dumps(_plain(content), allow_nan=False))


def _plain(value: Any) -> Any:
    """With paths as texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def show(table: Table) -> None:
    """Framed in a terminal; elsewhere a line a row, whole, with columns of blanks, which grep and a log can read."""
    console = _console()
    if console.is_terminal:
        console.print(table)
        return
    table.box, table.title_justify, table.caption_justify = None, "left", "left"
    for column in table.columns:
        column.no_wrap = True
    wide = console.options.update(width=WIDEST)
    console = _console(max(1, Measurement.get(console, wide, table).maximum))
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        say(line.rstrip())


def counted(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The items, one by one, and on stderr how many of them are done."""
    with counting(what, total) as done_one:
        for item in items:
            yield item
            done_one()


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Yields what to call for each item done: a bar on stderr where that is a terminal, else a log line for each tenth, and for
    each time in which there was none."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with _Lines(what, total) as lines:
            yield lines.done_one
        return
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Around work of unknown length: on stderr how long it has gone on, a line that moves in a terminal, else log lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with _Lines(what, None):
            yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as line:
        line.add_task(what, total=None)
        yield


class _Lines:
    """Log lines of work that goes on, from this thread as items are done, from another where it is silent for too long."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._total, self._done = what, total, 0
        self._begun_s, self._ended, self._said = time.monotonic(), threading.Event(), threading.Event()

    def __enter__(self) -> _Lines:
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()

    def done_one(self) -> None:
        self._done += 1
        if self._total and self._done * 10 // self._total > (self._done - 1) * 10 // self._total:
            self._said.set()
            log.info("%s: %d of %d", self._what, self._done, self._total)

    def _watch(self) -> None:
        wait_s = PATIENCE_S
        while not self._ended.wait(wait_s):
            wait_s = AGAIN_S
            if not self._said.is_set():
                how_far = f"{self._done} of {self._total}, " if self._total else ""
                log.info("%s: %sat work for %.0f s", self._what, how_far, time.monotonic() - self._begun_s)
            self._said.clear()


def _console(width: int | None = None, *, stderr: bool = False) -> Console:
    """Names of files may hold what rich takes for markup, emoji or numbers to colour: all are shown as they are."""
    return Console(width=width, stderr=stderr, markup=False, emoji=False, highlight=False)
