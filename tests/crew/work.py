"""Work that test crews do in other processes: it must be importable there."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import scipy.linalg  # noqa: F401  its BLAS is one of those whose threads are counted
from threadpoolctl import threadpool_info


def squares(items: list[int]) -> tuple[list[int], int, str]:
    """Squares, who made them, and where."""
    return [item * item for item in items], os.getpid(), str(Path.cwd())


def fragile(items: list[int], *, folder: Path, deadly: tuple[int, ...] = (), once: tuple[int, ...] = ()) -> list[int]:
    """Squares; `deadly` items kill their worker each time, `once` items the first time; every try leaves a file in folder."""
    for item in items:
        tries = len(list(folder.glob(f"{item}-*")))
        (folder / f"{item}-{tries}").touch()
        if item in deadly or (item in once and tries == 0):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
    return [item * item for item in items]


def greedy(items: list[int]) -> int:
    """Holds as many megabytes as an item says, for up to 20 s; then how many arrays it got."""
    held = [np.ones(125_000) for _ in range(items[0])]
    if items[0] > 300:
        time.sleep(20)
    return len(held)


def wrong(items: list[int]) -> int:
    raise ValueError(f"no {items[0]}")


def squares_slowest_first(item: int) -> int:
    """The first takes longest."""
    time.sleep(0.5 if item == 0 else 0.01)
    return item**2


def wrong_first(items: list[int], *, folder: Path) -> int:
    """Fails on item 0; every other leaves a file in folder, after a while."""
    if items[0] == 0:
        raise ValueError("no 0")
    time.sleep(0.05)
    (folder / str(items[0])).touch()
    return items[0]


def by_signal(name: str) -> None:
    """Ends its worker by a signal, or by itself."""
    if name == "exit":
        os._exit(7)
    os.kill(os.getpid(), signal.Signals[name])
    time.sleep(20)


def threads_of(modules: list[str]) -> list[int]:
    """How many threads compute in OpenCV and in each BLAS and OpenMP, all of them imported before the job began."""
    assert set(modules) <= set(sys.modules)
    return [cv2.getNumThreads(), *(library["num_threads"] for library in threadpool_info())]


def own_process(_: int) -> int:
    return os.getpid()


def sleep_or_fail(item: int, *, folder: Path) -> None:
    """0 sleeps, and leaves a file in folder in the end; any other fails once it does."""
    begun = folder / "begun"
    if item == 0:
        begun.touch()
        try:
            time.sleep(300)
        finally:
            begun.unlink()
            (folder / "cleaned").touch()
    while not begun.exists():
        time.sleep(0.05)
    raise ValueError("nobody else fails")


def sleep_long(folder: Path) -> None:
    """Says who sleeps by a file in folder."""
    (folder / f"{os.getpid()}.pid").touch()
    time.sleep(300)
