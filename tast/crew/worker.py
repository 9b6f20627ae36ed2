"""What happens inside a worker, of this machine or of a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

GIGABYTE = 10**9
BREAK_OFF = signal.SIGUSR1  # ends a worker's job as Ctrl-C would, with all that it cleans up


@dataclass(frozen=True)
class Killed:
    """In place of an item's result: its worker was killed, and again when it was tried once more; reason: in a few words."""

    reason: str


def start() -> None:
    """A process of this machine, before its first job: Ctrl-C in a terminal reaches all of them, and is the parent's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(BREAK_OFF, signal.default_int_handler)
    end_with_parent()


def end_with_parent() -> None:
    """This spawned process ends when its parent does, in the middle of its work too.

    The workers of a ProcessPoolExecutor hold the writing end of their own queue: where the parent is killed they never see it
    closed, work off what is left and then wait for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("this process was not started by multiprocessing")

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, name="end with parent", daemon=True).start()


def do_job(work: Callable[[Item], Result], item: Item, threads: int | None, folder: Path | None = None) -> Result:
    """work(item) with so many threads, or as many as it likes; in `folder`, where the worker may have been started anywhere."""
    if folder is not None:
        os.chdir(folder)
    with limited_threads(threads):
        return work(item)


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """BLAS, OpenMP, OpenCV and torch, as far as they are imported, compute with so many threads as long as the block lasts.

    With one thread, sums have the same order everywhere, and as many workers as cores do not get in each other's way. None: no
    limit.
    """
    if threads is None:
        yield
        return
    cv2, torch = sys.modules.get("cv2"), sys.modules.get("torch")  # never imported here: that takes seconds
    cv2_threads, torch_threads = cv2 and cv2.getNumThreads(), torch and torch.get_num_threads()
    with _thread_pools(len(sys.modules)).limit(limits=threads):
        try:
            if cv2:
                cv2.setNumThreads(threads)
            if torch:
                torch.set_num_threads(threads)
            yield
        finally:
            if cv2:
                cv2.setNumThreads(cv2_threads)
            if torch:
                torch.set_num_threads(torch_threads)


@lru_cache(maxsize=1)
def _thread_pools(n_modules: int) -> ThreadpoolController:
    """The thread pools of all libraries that are loaded. Looked for again once more modules are imported, which bring libraries:
    it takes some 5 ms, as long as many a job."""
    return ThreadpoolController()
