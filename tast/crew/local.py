"""Processes of this machine, each replaced when it dies.

Libraries were weighed, by trying: loky's pool breaks as a whole when one worker is killed, with every item that waits; Pebble's
knows the item and goes on, but neither limits memory nor tries again; the workers of both outlive a parent that is killed. Dask's
cluster does all but say why, counts what is mapped as held, takes half a second to import in each process and opens ports to
everybody on the machine. So the standard library's executors carry the jobs, one process each.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psutil

from tast.crew.worker import BREAK_OFF, GIGABYTE, Killed, do_job, limited_threads, start

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

WATCH_EVERY_S = 0.2
PATIENCE_S = 5.0  # for a job that is broken off, until its process is killed


@contextmanager
def local_crew(*, workers: int, memory_gb: float | None = None, threads: int | None = 1) -> Iterator[LocalCrew]:
    """So many processes, for as long as the block lasts; they start with their first job, and stay for the next ones.

    memory_gb: of each, enforced by a look at what it holds every WATCH_EVERY_S seconds. Limits of the kernel were weighed:
    RLIMIT_AS counts what is reserved and never touched, gigabytes with MediaPipe; RLIMIT_DATA makes an allocation fail anywhere
    inside of dlib or OpenCV, which then abort or raise what they like. A worker that is killed from outside ends like one that
    the kernel kills for want of memory: one way for both. threads: of each worker; None leaves that to the work.
    """
    crew = LocalCrew(workers, memory_gb, threads)
    try:
        yield crew
    finally:
        crew.close()


class LocalCrew:
    """One item per process at a time, so that when a process dies it is known by what."""

    def __init__(self, workers: int, memory_gb: float | None, threads: int | None) -> None:
        self.size = workers
        self._lanes = [_Lane(memory_gb, threads) for _ in range(workers)]

    def outcomes(
        self, work: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[int, Result | Killed], None, None]:
        """(place of the item, what became of it), in order of completion; an item that kills its worker is tried once more.

        Raises what work() raises. Closed before its end, it breaks off what is being done.
        """
        waiting = deque(range(len(items)))
        tried: set[int] = set()
        idle = list(reversed(self._lanes))
        busy: dict[Future[Result], tuple[_Lane, int]] = {}
        try:
            while waiting or busy:
                while waiting and idle:
                    lane, number = idle.pop(), waiting.popleft()
                    busy[lane.submit(work, items[number])] = lane, number
                done, _ = wait(busy, WATCH_EVERY_S, FIRST_COMPLETED)
                for lane, _ in busy.values():
                    lane.check_memory()
                for future in done:
                    lane, number = busy.pop(future)
                    try:
                        outcome: Result | Killed = future.result()
                    except BrokenProcessPool:
                        outcome = Killed(lane.clear())
                    idle.append(lane)
                    if isinstance(outcome, Killed) and number not in tried:
                        log.warning("%s: tried once more in a new process", outcome.reason)
                        tried.add(number)
                        waiting.appendleft(number)
                    else:
                        yield number, outcome
        finally:
            for lane, _ in busy.values():
                lane.break_off()
            wait(busy, PATIENCE_S)
            for lane, _ in busy.values():
                lane.kill()  # whether it broke off or not: the signal may have come between two jobs

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()


class _Lane:
    """One process after the other: an executor of its own, so that its death breaks nobody else's work."""

    def __init__(self, memory_gb: float | None, threads: int | None) -> None:
        self._memory_gb, self._threads = memory_gb, threads
        self._closed = self._outgrown = False
        self._pool: ProcessPoolExecutor | None = None
        self._process: Any = None
        self._job: Future[Any] | None = None

    def submit(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        if self._closed:
            raise RuntimeError("this crew has gone home")
        before = multiprocessing.active_children()
        if new := self._pool is None:
            self._pool, self._outgrown = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), start), False
        self._job = job = self._pool.submit(do_job, work, item, self._threads)
        if new:
            (self._process,) = (child for child in multiprocessing.active_children() if child not in before)
        return job

    def check_memory(self) -> None:
        """What the process alone holds counts, not the files and libraries that it maps: the kernel can drop those."""
        if self._memory_gb is None:
            return
        with suppress(psutil.NoSuchProcess):
            memory = psutil.Process(self._process.pid).memory_info()
            if memory.rss - getattr(memory, "shared", 0) > self._memory_gb * GIGABYTE:
                self._outgrown = True
                self._process.kill()

    def clear(self) -> str:
        """Make room for the next process after one that died; returns why it did, as far as that is known."""
        process = self._process
        self._shut()
        if self._outgrown:
            return f"worker killed (needs more than {self._memory_gb:g} GB: memory_gb)"
        if process.exitcode == -signal.SIGKILL:
            return "worker killed (out of memory?)"
        code = process.exitcode
        return f"worker killed ({signal.Signals(-code).name})" if code and code < 0 else f"worker ended (exit code {code})"

    def break_off(self) -> None:
        if self._job is not None and not self._job.done():
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, BREAK_OFF)

    def kill(self) -> None:
        self._process.kill()
        self._shut()

    def close(self) -> None:
        self._closed = True
        if self._job is not None and not self._job.done():  # interrupted once more while it was breaking off
            self._process.kill()
        self._shut()

    def _shut(self) -> None:
        pool, self._pool, self._process = self._pool, None, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


class ThisProcess:
    """The jobs one after the other, here: nothing to start, no limit of memory, and no second try."""

    size = 1

    def __init__(self, threads: int | None) -> None:
        self._threads = threads

    def outcomes(
        self, work: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[int, Result | Killed], None, None]:
        with limited_threads(self._threads):
            yield from enumerate(map(work, items))
