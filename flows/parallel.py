"""Work per video: shards as Prefect tasks, each driven from a thread, its items done one by one by a crew of processes.

Threads hold Prefect's side, so that no worker process ever starts a Prefect client or server of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from prefect import task
from prefect.futures import as_completed

from flows.crews import CREWS, Crew, WorkerKilled
from flows.progress import progress
from tast.errors import TastError
from tast.params import Runner

Item = TypeVar("Item")
Result = TypeVar("Result")
SHARDS_PER_WORKER = 4  # coarse enough for Prefect, fine enough for an even load


def deal(items: Sequence[Item], hands: int) -> list[list[Item]]:
    """Items dealt round robin into at most `hands` shards, none empty."""
    return [list(items[start::hands]) for start in range(min(hands, len(items)))]


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
    with CREWS[runner.kind](**how) as crew, progress(what, len(items)) as advance:

        @task(name=what)
        def shard_task(numbers: list[int]) -> None:
            for number in numbers:
                results[number] = done_by(crew, work, items[number], what, lost)
                advance(1, note(list(results.values())))

        shards = deal(range(len(items)), crew.size * SHARDS_PER_WORKER)
        named = [shard_task.with_options(task_run_name=f"{what} {n}/{len(shards)}") for n in range(1, len(shards) + 1)]
        for future in as_completed([one.submit(shard) for one, shard in zip(named, shards, strict=True)]):
            future.result()
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
