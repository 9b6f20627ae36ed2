"""Work per video: done by a crew, one video per worker at a time, while a thread for each worker waits for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from flows.crews import CREWS, Crew, WorkerKilled
from flows.progress import progress
from tast.errors import TastError
from tast.params import Runner

Item = TypeVar("Item")
Result = TypeVar("Result")


def over_processes(
    what: str,
    work: Callable[[list[Item]], Result],
    items: Sequence[Item],
    *,
    runner: Runner,
    note: Callable[[Collection[Result]], str] = lambda _: "",
    lost: Callable[[Item, str], Result] | None = None,
) -> list[Result]:
    """work([item]) for every item; the results in the order of the items, whatever the order of completion.

    note: what the progress bar tells of the results so far. lost: the result of an item whose worker was killed twice, from the
    item and the reason; without it, that raises TastError. Errors of work() pass through.
    """
    results: dict[int, Result] = {}
    if not items:
        return []
    how = runner.model_dump(exclude={"kind"}) | {"workers": min(runner.workers, len(items))}
    with (
        CREWS[runner.kind](**how) as crew,
        progress(what, len(items)) as advance,
        ThreadPoolExecutor(crew.size) as threads,
    ):
        numbers = {threads.submit(done_by, crew, work, item, what, lost): number for number, item in enumerate(items)}
        try:
            for future in as_completed(numbers):
                results[numbers[future]] = future.result()
                advance(1, note(list(results.values())))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)  # after an error, those that wait would all be done first
    return [results[number] for number in range(len(items))]


def done_by(
    crew: Crew, work: Callable[[list[Item]], Result], item: Item, what: str, lost: Callable[[Item, str], Result] | None
) -> Result:
    """work([item]) by the crew, or what `lost` makes of it; raises TastError where the worker was killed and nothing does."""
    try:
        return crew.do(work, item)
    except WorkerKilled as death:
        if lost is None:
            raise TastError(f"{what}: {death}; raise runner.memory_gb, or lower runner.workers, and run again") from None
        return lost(item, str(death))
