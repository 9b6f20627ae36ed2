"""docs/results.md: the tables of methods on the sets with sealed seeds, a section for each set, written by what made them."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.sets import SETS
from flows.tables.methods import note_of, reading_of, side_by_side
from tast.evaluation.table import as_markdown
from tast.files import whole_file

PAGE = Path("docs/results.md")
INTRODUCTION = """\
# Results

Every method on the same seconds of the same people, on phantoms whose seeds nobody has chosen anything by.
Each section is written by the command that stands in it (`--publish`); `docs/methods.md` says what the rows are.
"""


def write_section(
    name: str, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Mapping[str, Any]], page: Path = PAGE
) -> None:
    """Put a set's tables into the page, in place of those of before; the other sections stay as they are.

    tables, facts: by protocol. facts of a table: command, commit, trained and seconds, people by phantom where
    the set has more, beside those of write_table.
    """
    found = sections(page.read_text(encoding="utf-8")) if page.is_file() else {}
    found[name] = section(name, tables, facts)
    ordered = sorted(found, key=lambda one: (list(SETS).index(one) if one in SETS else len(SETS), one))
    with whole_file(page) as part:
        part.write_text("\n".join([INTRODUCTION, *(found[one] for one in ordered)]), encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Set -> its section, heading included."""
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0].strip("`"): f"## {part.rstrip()}\n" for part in parts}


def section(name: str, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Mapping[str, Any]]) -> str:
    first = next(iter(facts.values()))
    made = (
        f"`{first['command']}`, commit {first['commit'][:9]}, on {machine()}: {first['trained']} trainings in "
        f"{first['seconds'] / 60:.0f} min, the others kept from before."
    )
    if "people" in first:
        made += (
            f" Of the set's people the first {' and '.join(f'{n} ({phantom})' for phantom, n in first['people'].items())} only."
        )
    lines = [f"## `{name}`", "", made]
    for protocol, table in tables.items():
        reference = str(table["method"].iloc[0])
        lines += ["", f"### {protocol}", "", as_markdown(table, reference), note_of(table, facts[protocol])]
        lines += [reading_of(table).rstrip()]
    if len(tables) > 1:
        lines += ["", "### Both protocols side by side", "", side_by_side(tables).rstrip()]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Cores and processor, as Linux names it."""
    named = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{os.cpu_count()} cores ({named[0] if named else platform.machine()})"


def _cpuinfo() -> list[str]:
    place = Path("/proc/cpuinfo")
    return place.read_text().splitlines() if place.is_file() else []
