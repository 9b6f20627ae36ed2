"""The tables of docs/reliability.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.results import write_between
from tests.chaos.outcome import Outcome

PAGE = Path("docs/reliability.md")
BEGIN, END = "<!-- faults: make chaos -->", "<!-- end of faults -->"


def write_page(found: Mapping[str, Sequence[Outcome]], seed: int, minutes: float) -> None:
    """Into the page of the folder that this is run in, by room."""
    write_between(PAGE, BEGIN, END, lines(found, seed, minutes))


def lines(found: Mapping[str, Sequence[Outcome]], seed: int, minutes: float) -> list[str]:
    every = [one for of_room in found.values() for one in of_room]
    total = [
        f"`make chaos`, seed {seed}, {minutes:.0f} min: {sum(one.tried for one in every)} tries of {len(every)} kinds of faults; "
        f"{sum(one.held for one in every)} ended as promised, lost {sum(one.lost for one in every)}, "
        f"silent {sum(one.silent for one in every)}, tracebacks {sum(one.tracebacks for one in every)}.",
    ]
    for room, outcomes in found.items():
        total += ["", f"**{room.replace('_', ' ')}**", "", "| what was done | what must come of it | tried | held | |"]
        total += ["|---|---|---:|---:|---|", *map(_row, outcomes)]
    return total


def _row(one: Outcome) -> str:
    held = str(one.held) if one.as_promised else f"**{one.held}**"
    return f"| {one.fault} | {one.expected} | {one.tried} | {held} | {one.note} |"
