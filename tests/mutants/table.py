"""The outcomes as text: totals per room, and the table of docs/testing.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.mutants.run import ALIVE, BROKEN, KILLED, NOT_RUN, Outcome

BEGIN, END = "<!-- made by `make mutants` -->", "<!-- end of what `make mutants` made -->"
RESULTS = (KILLED, ALIVE, BROKEN, NOT_RUN)


def totals(outcomes: Sequence[Outcome]) -> str:
    """One line per room and one for all."""
    lines = [f"{'room':14} {'faults':>6} " + " ".join(f"{result:>14}" for result in RESULTS)]
    for room, results in _by_room(outcomes):
        lines.append(f"{room:14} {sum(results.values()):6} " + " ".join(f"{results[result]:14}" for result in RESULTS))
    return "\n".join(lines)


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """Totals, then every fault with the test that noticed it."""
    lines = ["| room | faults | killed | alive |", "|---|---|---|---|"]
    for room, results in _by_room(outcomes):
        lines.append(f"| {room} | {sum(results.values())} | {results[KILLED]} | {results[ALIVE]} |")
    lines += ["", "| room | fault | file | noticed by |", "|---|---|---|---|"]
    for one in outcomes:
        output = f"`{_short(one.output)}`" if one.result == KILLED else f"**{one.result}**"
        lines.append(f"| {one.fault.room} | {one.fault.name} | `{one.fault.file}` | {output} |")
    return "\n".join(lines)


def between_markers(document: str, table: str) -> str:
    """The document with the table between its two markers. Raises ValueError where it lacks them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the document lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _by_room(outcomes: Sequence[Outcome]) -> list[tuple[str, Counter[str]]]:
    rooms = dict.fromkeys(one.fault.room for one in outcomes)
    counted = [(room, Counter(one.result for one in outcomes if one.fault.room == room)) for room in rooms]
    return [*counted, ("all", Counter(one.result for one in outcomes))]


def _short(test: str) -> str:
    """Without parameters, which may be long, and without the folder that all tests share."""
    return test.partition("[")[0].removeprefix("tests/")
