"""The workers of a Dask cluster that see the same files. Dask takes half a second to import: not before one is asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from tast.crew.worker import GIGABYTE, Killed, do_job
from tast.errors import TastError

Item = TypeVar("Item")
Result = TypeVar("Result")

RESTART_S = 20  # that a worker may be missing before another is started in its place, or twice that
PATIENCE_S = 60  # for the scheduler's answer and its first worker


@contextmanager
def dask_crew(
    *, workers: int, memory_gb: float | None = None, threads: int | None = 1, address: str | None = None,
    folder: Path | None = None,
) -> Iterator[DaskCrew]:  # fmt: skip
    """The cluster whose scheduler is at `address`; or one of `workers` processes of this machine, memory_gb each.

    Its workers have the project installed, and see `folder` under the same path: paths are relative to it. None: where each was
    started. Raises TastError where no cluster answers.
    """
    from distributed import Client

    with ExitStack() as stack:
        cluster = stack.enter_context(_own_cluster(workers, memory_gb)) if address is None else None
        address = cluster.scheduler_address if cluster else address
        try:
            client = stack.enter_context(Client(address, timeout=PATIENCE_S))
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise TastError(f"address {address!r}: no Dask scheduler with a worker answers ({error})") from None
        if cluster:
            stack.enter_context(_every(RESTART_S, _replacement(cluster, client, workers)))
        yield DaskCrew(client, threads, folder)


class DaskCrew:
    """What ran on a worker that is lost is tried again elsewhere by the scheduler.

    How often is in the scheduler's own configuration: distributed.scheduler.allowed-failures.
    """

    def __init__(self, client: Any, threads: int | None, folder: Path | None) -> None:
        self._client, self._threads, self._folder = client, threads, folder
        self.size = sum(client.nthreads().values())

    def outcomes(
        self, work: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[int, Result | Killed], None, None]:
        """(place of the item, what became of it), in order of completion. Raises what work() raises.

        A worker is given its next item when it is free, so that an item that waits is seldom blamed for the one that kills a
        worker: only where the scheduler placed it there in the moment before.
        """
        from distributed import KilledWorker, as_completed

        busy: dict[Any, int] = {}
        waiting = iter(enumerate(items))

        def submitted(at_most: int) -> Iterator[Any]:
            for number, item in islice(waiting, at_most):
                future = self._client.submit(do_job, work, item, self._threads, self._folder, pure=False)
                busy[future] = number
                yield future

        try:
            completed = as_completed(list(submitted(self.size)))
            for future in completed:
                number = busy.pop(future)
                try:
                    outcome: Result | Killed = future.result()
                except KilledWorker:
                    outcome = Killed("worker killed (out of memory?)")
                completed.update(submitted(1))
                yield number, outcome
        finally:
            self._client.cancel(list(busy))


def _own_cluster(workers: int, memory_gb: float | None) -> Any:
    """A cluster on this machine that tries an item once more, and gives a worker its next item only when it is free."""
    import dask
    from distributed import LocalCluster

    with dask.config.set({"distributed.scheduler.allowed-failures": 1, "distributed.scheduler.worker-saturation": 1.0}):
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit=int(memory_gb * GIGABYTE) if memory_gb else 0,
            dashboard_address=None, silence_logs=logging.ERROR,
        )  # fmt: skip


def _replacement(cluster: Any, client: Any, workers: int) -> Callable[[], None]:
    """A look that replaces workers found missing twice: Dask restarts a killed one, but not one that is killed as it starts."""
    missing_before = 0

    def look() -> None:
        nonlocal missing_before
        missing = max(workers - len(client.nthreads()), 0)
        if missing and missing_before:
            cluster.scale(len(cluster.workers) + min(missing, missing_before))
        missing_before = missing

    return look


@contextmanager
def _every(seconds: float, look: Callable[[], None]) -> Iterator[None]:
    """Call look() again and again, from a thread of its own."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(seconds):
            look()

    watcher = threading.Thread(target=watch, name=look.__name__, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
