"""The tables of docs/reliability.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.results import write_between
from tests.chaos.outcome import Outcome

PAGE = Path("docs/reliability.md")
BEGIN, END = "<!-- faults: make chaos -->", "<!-- end of faults -->"
ALONE = {  # rooms with a table of their own, of a longer run
    "service": "<!-- service: python -m tests.chaos service --budget 24 --write -->",
    "soak": "<!-- soak: python -m tests.chaos soak --budget 60 --write -->",
}


def write_page(found: Mapping[str, Sequence[Outcome]], seed: int, minutes: float) -> None:
    """Into the page of the folder that this is run in, by room; a single room into its own table there."""
    if len(found) > 1:
        write_between(PAGE, BEGIN, END, lines("`make chaos`", found, seed, minutes))
        return
    (room,) = found
    write_between(PAGE, ALONE[room], f"<!-- end of {room} -->", lines(f"`python -m tests.chaos {room}`", found, seed, minutes))


def lines(command: str, found: Mapping[str, Sequence[Outcome]], seed: int, minutes: float) -> list[str]:
    every = [one for of_room in found.values() for one in of_room]
    total = [
        f"{command}, seed {seed}, {minutes:.0f} min: {sum(one.tried for one in every)} tries of {len(every)} kinds of faults; "
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
