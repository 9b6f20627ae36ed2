"""Faults tried on purpose, room by room; exit code 1 where one did not end as promised.

python -m tests.chaos                       (all rooms, 25 minutes at most)
python -m tests.chaos kills --budget 5      (one room, 5 minutes)
python -m tests.chaos --seed 7 --write      (other moments; the tables into docs/reliability.md)
python -m tests.chaos soak --budget 60      (what long use leaves behind; runs only when it is named)
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.outcome import Outcome, Tries
from tests.chaos.page import ALONE, PAGE, write_page

ROOMS = {  # name -> its share of the time
    "kills": 3, "power": 1, "disks": 1, "integrity": 1, "stores": 1, "servers": 1, "bad_input": 2, "odd_media": 1, "service": 2,
}  # fmt: skip
WHEN_NAMED = {"soak": 1}
KNOWN = ROOMS | WHEN_NAMED


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"of {', '.join(KNOWN)}; without one, all but soak")
    parser.add_argument("--budget", type=float, default=25, metavar="MINUTES", help="of all rooms together (default 25)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and places of the faults (default 1)")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE}; of a named room, into its own there")
    asked = parser.parse_args()
    if unknown := set(asked.rooms) - set(KNOWN):
        parser.error(f"no room {', '.join(sorted(unknown))}; expected some of {', '.join(KNOWN)}")
    if asked.write and (unfit := set(asked.rooms) - set(ALONE)):
        parser.error(
            f"{PAGE} has no table of {', '.join(sorted(unfit))} alone; it has those of {', '.join(ALONE)}, and one of all"
        )
    rooms = asked.rooms or list(ROOMS)
    found: dict[str, list[Outcome]] = {}
    ends_s = time.monotonic() + 60 * asked.budget
    began_s = time.monotonic()
    for number, room in enumerate(rooms):
        share = KNOWN[room] / sum(KNOWN[one] for one in rooms[number:])  # what a room leaves over goes to those after it
        share_s = share * (ends_s - time.monotonic())
        with tempfile.TemporaryDirectory(prefix=f"chaos-{room}-") as folder:
            tries = Tries(Path(folder), time.monotonic() + share_s, random.Random(f"{asked.seed} {room}"))
            found[room] = []
            for outcome in importlib.import_module(f"tests.chaos.rooms.{room}").run(tries):
                print(_line(room, outcome), flush=True)
                found[room].append(outcome)
    minutes = (time.monotonic() - began_s) / 60
    outcomes = [one for of_room in found.values() for one in of_room]
    print(f"{sum(one.tried for one in outcomes)} tries of {len(outcomes)} kinds of faults in {minutes:.1f} min, "
          f"{sum(one.held for one in outcomes)} ended as promised")  # fmt: skip
    if asked.write:
        for part in [{room: found[room]} for room in rooms] if asked.rooms else [found]:
            write_page(part, asked.seed, minutes)
    return int(not all(one.as_promised for one in outcomes))


def _line(room: str, one: Outcome) -> str:
    ends = "as promised" if one.as_promised else "NOT AS PROMISED"
    return f"{room:12} {one.held:5}/{one.tried:<5} {ends:15} {one.fault}{f': {one.note}' if one.note else ''}"


if __name__ == "__main__":
    sys.exit(main())
