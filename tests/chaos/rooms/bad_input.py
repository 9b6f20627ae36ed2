"""Bad input: every parser gets valid files with one thing wrong in each, and gives a right result or one clear line.

In processes of their own, so that a library in C that dies is noticed, and by what.
"""

from __future__ import annotations

from collections.abc import Iterator

from tast.crew.each import do_each_by
from tast.crew.local import local_crew
from tests.chaos.bad.parsers import PARSERS, Batch, run_batch
from tests.chaos.bad.trial import FALLEN, WRONG, Tally, first_faults
from tests.chaos.outcome import Outcome, Tries

EXPECTED = "a right result, or one line that names the file"
WORKERS, MEMORY_GB = 2, 3.0
BATCH = 60  # tries, for whose sake the valid input is made once
KILLED = "the process is killed"


def run(tries: Tries) -> Iterator[Outcome]:
    seed = str(tries.random.random())
    with local_crew(workers=WORKERS, memory_gb=MEMORY_GB) as crew:
        for name, parser in PARSERS.items():
            whole = tries.times(parser.tries)
            batches = [
                Batch(name, seed, begin, min(whole, begin + BATCH), tries.ends_s, tries.folder / f"{begin}")
                for begin in range(0, whole, BATCH)
            ]
            yield outcome_of(name, do_each_by(crew, run_batch, batches, lost=_killed))


def _killed(batch: Batch, reason: str) -> Tally:
    """What is left to say of a batch whose process died: by which try."""
    return Tally(faults=[(f"{KILLED}: {reason}", f"{batch.parser}, seed {batch.seed!r}, try {batch.now.read_text()}")])


def outcome_of(name: str, tallies: list[Tally]) -> Outcome:
    faults = [fault for tally in tallies for fault in tally.faults]
    refused = sum(tally.refused for tally in tallies)
    return Outcome(
        fault=name,
        expected=EXPECTED,
        tried=sum(tally.tried for tally in tallies),
        held=sum(tally.read + tally.refused for tally in tallies),
        silent=sum(what.startswith(WRONG) for what, _ in faults),
        tracebacks=sum(what.startswith(FALLEN) for what, _ in faults),
        note=first_faults(faults) or f"{refused} refused as a whole",
    )
