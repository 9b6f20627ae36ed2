"""Independent pieces of work in processes of their own, for tables of variants and benchmarks; stages have flows.crews."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from tast.worker_processes import end_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """work() on each item, `workers` at a time, results in the items' order; one worker, or one item: in this process.

    The workers end when this process does, however that is.
    """
    if min(workers, len(items)) < 2:
        yield from map(work, items)
        return
    spawn = get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(items)), mp_context=spawn, initializer=end_with_parent) as pool:
        yield from pool.map(work, items)


def trainings_at_a_time(threads: int) -> int:
    """How many trainings of so many threads this machine's cores carry."""
    return max(1, (os.cpu_count() or 1) // threads)
