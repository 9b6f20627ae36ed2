"""Work per video over processes: shards as Prefect tasks, each driven from a thread, computed in one pool of spawned processes.

Threads hold Prefect's side, so that no worker process ever starts a Prefect client or server of its own.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

import cv2
from prefect import task
from prefect.futures import as_completed
from threadpoolctl import threadpool_limits

from flows.progress import progress
from tast.errors import TastError

Item = TypeVar("Item")
Result = TypeVar("Result")
SHARDS_PER_WORKER = 4  # coarse enough for Prefect, fine enough for an even load and a moving progress bar


def deal(items: Sequence[Item], hands: int) -> list[list[Item]]:
    """Items dealt round robin into at most `hands` shards, none empty."""
    return [list(items[start::hands]) for start in range(min(hands, len(items)))]


def over_processes(
    what: str,
    work: Callable[[list[Item]], Result],
    items: Sequence[Item],
    *,
    workers: int,
    note: Callable[[Result], str] = lambda _: "",
) -> list[Result]:
    """work(shard) for every shard of the items; the results in the order of the shards, whatever the order of completion.

    Raises TastError when a worker process is killed (by the kernel for its memory, most often); errors of work() pass through.
    """
    if not items:
        return []
    shards = deal(items, workers * SHARDS_PER_WORKER)
    results: dict[int, Result] = {}
    with _pool(min(workers, len(items))) as pool, progress(what, len(items)) as advance:

        @task(name=what)
        def shard_task(number: int) -> int:
            results[number] = pool.submit(work, shards[number]).result()
            return number

        futures = [shard_task.with_options(task_run_name=f"{what} {n + 1}/{len(shards)}").submit(n) for n in range(len(shards))]
        for future in as_completed(futures):
            number = _result(what, future)
            advance(len(shards[number]), note(results[number]))
    return [results[number] for number in range(len(shards))]


def _result(what: str, future: object) -> int:
    try:
        return int(future.result())  # type: ignore[attr-defined]
    except BrokenProcessPool:
        raise TastError(f"{what}: a worker process was killed (out of memory?); lower runner.workers and run again") from None


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread_each)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread_each() -> None:
    """Workers times threads would oversubscribe the cores."""
    cv2.setNumThreads(1)
    threadpool_limits(1)
