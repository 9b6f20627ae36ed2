"""All parsers, by name, and the work on a batch of tries, which may be a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bad.of_data import PARSERS as OF_DATA
from tests.chaos.bad.of_media import PARSERS as OF_MEDIA
from tests.chaos.bad.of_settings import PARSERS as OF_SETTINGS
from tests.chaos.bad.trial import Parser, Tally, run_tries

PARSERS: dict[str, Parser] = {one.name: one for one in (*OF_DATA, *OF_MEDIA, *OF_SETTINGS)}


@dataclass(frozen=True)
class Batch:
    """Tries number begin to end of a parser, a key of PARSERS, until ends_s; now: the file that holds the number of the one that
    runs, for who asks after a crash."""

    parser: str
    seed: str
    begin: int
    end: int
    ends_s: float
    now: Path


def run_batch(batch: Batch) -> Tally:
    return run_tries(PARSERS[batch.parser], batch.seed, range(batch.begin, batch.end), batch.ends_s, batch.now)
