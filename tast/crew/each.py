"""A job for each item: the results in the items' order, whatever the order of completion, and whoever does them.

The stages, `tast predict`, tables of variants and benchmarks all go through here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from tast.crew.cluster import dask_crew
from tast.crew.local import ThisProcess, local_crew
from tast.crew.worker import Killed
from tast.errors import TastError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew(Protocol):
    """size: how many items are worked on at the same time. Closed before its end, outcomes() takes back what is not done."""

    size: int

    def outcomes(
        self, work: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[int, Result | Killed], None, None]:
        """(place of the item, work(item) or why it has no result), in order of completion. Raises what work() raises."""


def do_each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    memory_gb: float | None = None,
    threads: int | None = 1,
    kind: Literal["local", "dask"] = "local",
    address: str | None = None,
    shares_folder: bool = True,
    on_result: Callable[[int, Result], object] = lambda number, result: None,
    lost: Callable[[Item, str], Result] | None = None,
) -> list[Result]:
    """work(item) for every item, `workers` at a time; the results in the order of the items.

    work and items are pickled. memory_gb: of each worker, which is killed when it holds more; without that limit, a single worker
    is this very process. threads: of each worker; None leaves that to the work. kind, address: processes of this machine, or a
    Dask cluster, the one at that address. shares_folder: whether a cluster's machines see this folder under its path; else each
    works where it was started. on_result(place, result) is called here for each result as it comes.

    An item whose worker is killed is tried once more in a new one; if it kills that too, lost(item, reason) is its result,
    and without `lost` that raises TastError. After an error of work(), which is raised here, and after Ctrl-C, what is being done
    is broken off and what waits is never begun. The workers end with this process, however it dies.
    """
    if not items:
        return []
    workers = min(workers, len(items))
    crew: AbstractContextManager[Crew]
    if kind == "dask":
        folder = Path.cwd() if shares_folder else None
        crew = dask_crew(workers=workers, memory_gb=memory_gb, threads=threads, address=address, folder=folder)
    elif workers == 1 and memory_gb is None:
        crew = nullcontext(ThisProcess(threads))
    else:
        crew = local_crew(workers=workers, memory_gb=memory_gb, threads=threads)
    with crew as doing:
        return do_each_by(doing, work, items, on_result=on_result, lost=lost)


def do_each_by(
    crew: Crew,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    on_result: Callable[[int, Result], object] = lambda number, result: None,
    lost: Callable[[Item, str], Result] | None = None,
) -> list[Result]:
    """do_each() by a crew that is there already, and stays."""
    results: dict[int, Result] = {}
    with closing(crew.outcomes(work, items)) as outcomes:
        for number, outcome in outcomes:
            if isinstance(outcome, Killed):
                if lost is None:
                    advice = "raise memory_gb, or lower workers, and run again"
                    raise TastError(f"job {number + 1} of {len(items)}: {outcome.reason}, twice; {advice}")
                outcome = lost(items[number], outcome.reason)
            results[number] = outcome
            on_result(number, outcome)
    return [results[number] for number in range(len(items))]


def workers_that_fit(threads: int) -> int:
    """How many workers of so many threads each this machine's cores carry, one at least."""
    return max(1, (os.cpu_count() or 1) // threads)
