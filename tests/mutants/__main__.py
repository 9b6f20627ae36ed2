"""The command line of the planted faults; exit code 1 where one is alive or does not apply."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.mutants.faults import ROOT, chosen, defects, load_faults
from tests.mutants.run import ALIVE, BROKEN, Outcome, Unsound, plant_all
from tests.mutants.table import as_markdown, between_markers, totals

DOCUMENT = ROOT / "docs" / "testing.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names of faults; all faults where none is given")
    parser.add_argument("--room", action="append", default=[], help="a room; may be repeated")
    parser.add_argument("--budget", type=float, metavar="MINUTES", help="start no more faults after so long")
    parser.add_argument("--jobs", type=int, default=1, help="copies of the tree that are tested at once (default 1)")
    parser.add_argument("--list", action="store_true", help="name the faults and plant none")
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.relative_to(ROOT)}; needs all faults")
    arguments = parser.parse_args()
    try:
        faults = chosen(load_faults(), arguments.names, arguments.room)
    except ValueError as error:
        parser.error(str(error))
    if arguments.list:
        for fault in faults:
            print(f"{fault.room:14} {fault.file:36} {fault.name}")
        return 0
    if found := defects(faults):
        print("\n".join(f"error: {defect}" for defect in found), file=sys.stderr)
        return 1
    outcomes = _planted(faults, arguments)
    if outcomes is None:
        return 1
    print(totals(outcomes))
    if arguments.write:
        _write(DOCUMENT, outcomes, n_known=len(load_faults()))
    return int(any(one.result in (ALIVE, BROKEN) for one in outcomes))


def _planted(faults: tuple, arguments: argparse.Namespace) -> list[Outcome] | None:
    done = 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        output = f": {outcome.output}" if outcome.output else ""
        print(f"{done:3}/{len(faults)} {outcome.seconds:5.1f} s  {outcome.result:7} {outcome.fault.name}{output}", flush=True)

    print(f"the tests of {len(faults)} faults on the tree as it is ...", flush=True)
    budget_s = None if arguments.budget is None else 60 * arguments.budget
    try:
        return plant_all(faults, jobs=arguments.jobs, budget_s=budget_s, on_outcome=tell)
    except Unsound as error:
        print(f"error: {error}", file=sys.stderr)
        return None


def _write(document: Path, outcomes: list[Outcome], n_known: int) -> None:
    if len(outcomes) < n_known:
        print(f"{document.name} is left as it is: {len(outcomes)} of {n_known} faults were asked for", file=sys.stderr)
        return
    document.write_text(between_markers(document.read_text(encoding="utf-8"), as_markdown(outcomes)), encoding="utf-8")
    print(f"table written to {document.relative_to(ROOT)}")


if __name__ == "__main__":
    raise SystemExit(main())
