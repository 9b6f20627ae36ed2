"""What a room is given, and what it says of each fault that it tried."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Of one kind of fault.

    fault: what was done, in words. expected: what must come of it. tried: how often. held: how often that came of it.
    lost, silent, tracebacks: how often something that had been finished was gone, a wrong result passed for a right one, and a
    user's mistake ended in a traceback; each of them is not held. note: a figure or a reason beside it; what went wrong first.
    """

    fault: str
    expected: str
    tried: int
    held: int
    lost: int = 0
    silent: int = 0
    tracebacks: int = 0
    note: str = ""

    @property
    def as_promised(self) -> bool:
        return self.tried > 0 and self.held == self.tried


@dataclass(frozen=True)
class Tries:
    """folder: empty, the room's own. ends_s: no further try is begun after it, by time.monotonic(). random: of the seed.
    share: of the tries that a room makes when nobody is in a hurry; 1 in `make chaos`, less in its short form."""

    folder: Path
    ends_s: float
    random: random.Random
    share: float = 1.0

    def times(self, whole: int) -> int:
        """How many tries, of so many in the whole suite; one at least."""
        return max(1, round(whole * self.share))

    @property
    def over(self) -> bool:
        return time.monotonic() > self.ends_s
