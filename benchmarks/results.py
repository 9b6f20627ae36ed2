"""The one format of every benchmark's result: a list of rows, written whole."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from tast.files import whole_file

OUT = "TAST_BENCHMARK_RESULTS"  # environment: a folder for the JSON, set by `python -m benchmarks --out`
RESULTS = Path(os.environ.get(OUT, "benchmarks/results"))


@dataclass(frozen=True)
class Row:
    """One measured value; ratio: to the peer's, as `better` says. must, aim: bars on the ratio, or on the value alone."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    ratio: float | None = None
    better: Literal["higher", "lower"] = "higher"
    must: float | None = None
    aim: float | None = None


def write_rows(name: str, rows: list[Row]) -> Path:
    """Write NAME.json into the RESULTS and show it as a table."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        part.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    Console().print(_table(name, rows))
    return path


def write_between(page: Path, begin: str, end: str, lines: Sequence[str]) -> None:
    """Put lines into a page of the docs, in place of what stands between its two marks."""
    before, rest = page.read_text(encoding="utf-8").split(begin)
    with whole_file(page) as part:
        part.write_text("\n".join([before + begin, "", *lines, "", end + rest.split(end)[1]]), encoding="utf-8")


def _table(name: str, rows: list[Row]) -> Table:
    table = Table("name", "value", "unit", "peer", "ratio", "must", "aim", title=name)
    for row in rows:
        table.add_row(row.name, f"{row.value:.4g}", row.unit, row.peer or "", *map(_short, (row.ratio, row.must, row.aim)))
    return table


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
