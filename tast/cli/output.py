"""What the commands show: tables and bars in a terminal, plain lines elsewhere, one JSON object for a program that asks for it.

NO_COLOR is followed by rich itself.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from tast.errors import one_line

Item = TypeVar("Item")

log = logging.getLogger(__name__)

WIDEST = 10_000  # columns: a line of a pipe is never folded

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
    """Yields what to call for each item done: a bar on stderr where that is a terminal, else a log line for each tenth."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines_by_tenths(what, total)
        return
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _lines_by_tenths(what: str, total: int) -> Callable[[], None]:
    done = 0

    def done_one() -> None:
        nonlocal done
        done += 1
        if done * 10 // total > (done - 1) * 10 // total:
            log.info("%s: %d of %d", what, done, total)

    return done_one


def _console(width: int | None = None, *, stderr: bool = False) -> Console:
    """Names of files may hold what rich takes for markup, emoji or numbers to colour: all are shown as they are."""
    return Console(width=width, stderr=stderr, markup=False, emoji=False, highlight=False)
