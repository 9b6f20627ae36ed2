"""Who does the work per video: processes of this machine, or the workers of a Dask cluster that sees the same files.

A crew does one item per worker at a time, so that when a worker is killed it is known by what.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import psutil
from threadpoolctl import threadpool_limits

from tast.errors import TastError

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

GIGABYTE = 10**9
WATCH_EVERY_S = 0.2
DASK_RESTART_S = 20  # that a worker may be missing before another is started in its place, or twice that
DASK_PATIENCE_S = 60  # for the scheduler's answer and its first worker


class WorkerKilled(Exception):
    """An item's worker was killed, and was again when the item was tried once more; says why, as far as it is known."""


class Crew(Protocol):
    """size: how many items are worked on at the same time."""

    size: int

    def do(self, work: Callable[[list[Item]], Result], item: Item) -> Result:
        """work([item]), done by a free worker: call it from at least `size` threads, each waits for its result.

        Raises WorkerKilled, and whatever work() raises.
        """


class LocalCrew:
    """Spawned processes of this machine, each replaced when it dies."""

    def __init__(self, workers: int, memory_gb: float) -> None:
        self.size = workers
        self._lanes = [_Lane(memory_gb) for _ in range(workers)]
        self._free: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        for lane in self._lanes:
            self._free.put(lane)

    def do(self, work: Callable[[list[Item]], Result], item: Item) -> Result:
        lane = self._free.get()
        try:
            try:
                return lane.do(work, item)
            except WorkerKilled as death:
                log.warning("%s: tried once more in a new process", death)
            return lane.do(work, item)
        finally:
            self._free.put(lane)

    def check_memory(self) -> None:
        """Kill each worker that has outgrown its share."""
        for lane in self._lanes:
            lane.check_memory()

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()


class _Lane:
    """One process after the other: a pool of its own, so that its death breaks nobody else's work."""

    def __init__(self, memory_gb: float) -> None:
        self._memory_gb = memory_gb
        self._closed = False
        self._pool: ProcessPoolExecutor | None = None
        self._process: psutil.Process | None = None
        self._outgrown = False

    def do(self, work: Callable[[list[Item]], Result], item: Item) -> Result:
        try:
            return self._started().submit(work, [item]).result()
        except BrokenProcessPool:
            reason = f"needs more than {self._memory_gb:g} GB (runner.memory_gb)" if self._outgrown else "out of memory?"
            self._stop()
            raise WorkerKilled(f"worker killed ({reason})") from None

    def check_memory(self) -> None:
        """What the process alone holds counts, not the files and libraries that it maps: the kernel can drop those."""
        process = self._process
        if process is None:
            return
        try:
            memory = process.memory_info()
            if memory.rss - getattr(memory, "shared", 0) > self._memory_gb * GIGABYTE:
                self._outgrown = True
                process.kill()
        except psutil.NoSuchProcess:
            return

    def close(self) -> None:
        self._closed = True
        self._stop()

    def _started(self) -> ProcessPoolExecutor:
        if self._closed:
            raise RuntimeError("this crew has gone home")
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_one_thread_each)
            self._outgrown = False
            self._process = psutil.Process(self._pool.submit(os.getpid).result())
        return self._pool

    def _stop(self) -> None:
        pool, self._pool, self._process = self._pool, None, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


class DaskCrew:
    """The workers of a Dask cluster. What ran on one that is lost is tried again elsewhere by the scheduler.

    How often is in the scheduler's own configuration: distributed.scheduler.allowed-failures.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.size = sum(client.nthreads().values())

    def do(self, work: Callable[[list[Item]], Result], item: Item) -> Result:
        from distributed import KilledWorker  # slow to import

        try:
            result: Result = self._client.submit(_in_folder, Path.cwd(), work, [item], pure=False).result()
        except KilledWorker:
            raise WorkerKilled("worker killed (out of memory?)") from None
        return result


@contextmanager
def local_crew(*, workers: int, memory_gb: float, address: str | None) -> Iterator[LocalCrew]:
    """memory_gb of each worker is enforced from here, by a look at what it holds every WATCH_EVERY_S seconds.

    Limits of the kernel were weighed: RLIMIT_AS counts what is reserved and never touched, gigabytes with MediaPipe; RLIMIT_DATA
    makes an allocation fail anywhere inside of dlib or OpenCV, which then abort or raise what they like. A worker that is killed
    from outside ends like one that the kernel kills for want of memory: one way for both. address is Dask's alone.
    """
    crew = LocalCrew(workers, memory_gb)
    try:
        with _every(WATCH_EVERY_S, crew.check_memory):
            yield crew
    finally:
        crew.close()


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


@contextmanager
def dask_crew(*, workers: int, memory_gb: float, address: str | None) -> Iterator[DaskCrew]:
    """The cluster whose scheduler is at `address`; or one of `workers` processes of this machine, memory_gb each.

    Its workers must see the project's folder under the same path and have the project installed. Raises TastError where no
    cluster answers.
    """
    from distributed import Client

    with ExitStack() as stack:
        cluster = stack.enter_context(_own_cluster(workers, memory_gb)) if address is None else None
        address = cluster.scheduler_address if cluster else address
        try:
            client = stack.enter_context(Client(address, timeout=DASK_PATIENCE_S))
            client.wait_for_workers(1, timeout=DASK_PATIENCE_S)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise TastError(f"runner.address = {address!r}: no Dask scheduler with a worker answers ({error})") from None
        if cluster:
            stack.enter_context(_every(DASK_RESTART_S, _replacement(cluster, client, workers)))
        yield DaskCrew(client)


def _own_cluster(workers: int, memory_gb: float) -> Any:
    """A cluster on this machine that tries an item once more, and gives a worker its next item only when it is free.

    So an item that waits is never blamed for the one that kills the worker.
    """
    import dask
    from distributed import LocalCluster

    with dask.config.set({"distributed.scheduler.allowed-failures": 1, "distributed.scheduler.worker-saturation": 1.0}):
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit=int(memory_gb * GIGABYTE), dashboard_address=None,
            silence_logs=logging.ERROR,
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


CREWS: dict[str, Callable[..., AbstractContextManager[Crew]]] = {"local": local_crew, "dask": dask_crew}


def _one_thread_each() -> None:
    """Workers times threads would oversubscribe the cores."""
    cv2.setNumThreads(1)
    threadpool_limits(1)


def _in_folder(folder: Path, work: Callable[[list[Item]], Result], items: list[Item]) -> Result:
    """Paths are relative to the project's folder, and a Dask worker may have been started anywhere."""
    os.chdir(folder)
    _one_thread_each()
    return work(items)
