"""Every item once, in order, whoever is done first; what becomes of one that kills its worker, and of an error; nobody stays."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import psutil
import pytest

from tast.crew.each import do_each, do_each_by, workers_that_fit
from tast.crew.local import local_crew
from tast.errors import TastError
from tests.crew.work import fragile, own_process, sleep_long, sleep_or_fail, squares_slowest_first, wrong_first


def test_results_stand_in_the_order_of_the_items_and_are_heard_of_as_they_come() -> None:
    heard: list[tuple[int, int]] = []
    done = do_each(squares_slowest_first, list(range(7)), workers=2, on_result=lambda *result: heard.append(result))
    assert done == [n * n for n in range(7)]
    assert sorted(heard) == list(enumerate(done)) and heard[0] != (0, 0)
    assert do_each(squares_slowest_first, [], workers=2) == []


def test_one_worker_is_this_process_unless_its_memory_is_limited() -> None:
    assert os.getpid() not in do_each(own_process, [0, 1], workers=2)
    assert set(do_each(own_process, [0, 1], workers=1)) == set(do_each(own_process, [0], workers=2)) == {os.getpid()}
    assert do_each(own_process, [0], workers=1, memory_gb=4) != [os.getpid()]


def test_in_this_process_threads_are_limited_for_the_work_alone() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        assert do_each(lambda _: cv2.getNumThreads(), [0], workers=1) == [1]
        assert do_each(lambda _: cv2.getNumThreads(), [0], workers=1, threads=None) == [2]
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_an_item_that_kills_its_worker_is_lost_by_name_or_an_error(tmp_path: Path) -> None:
    deadly = partial(fragile, folder=tmp_path, deadly=(3,))
    with local_crew(workers=1) as crew:
        done = do_each_by(crew, deadly, [[2], [3]], lost=lambda item, reason: [*item, reason])
        assert done == [[4], [3, "worker killed (out of memory?)"]]
        with pytest.raises(TastError, match=r"job 2 of 2: worker killed \(out of memory\?\), twice; raise memory_gb"):
            do_each_by(crew, deadly, [[2], [3]])


def test_an_error_ends_the_work_before_what_waits_is_done(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no 0"):
        do_each(partial(wrong_first, folder=tmp_path), [[n] for n in range(50)], workers=1, memory_gb=4)
    assert len(list(tmp_path.iterdir())) < 10


def test_an_error_breaks_off_what_is_being_done_which_cleans_up(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match="nobody else"):
        do_each(partial(sleep_or_fail, folder=tmp_path), [0, 1], workers=2)
    assert time.monotonic() - start < 60
    assert [path.name for path in tmp_path.iterdir()] == ["cleaned"]


def test_a_mistake_in_a_worker_is_raised_here() -> None:
    with pytest.raises(ValueError):
        do_each(math.sqrt, [1, -1], workers=2)


def test_workers_share_the_cores_and_one_always_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert [workers_that_fit(threads) for threads in (1, 2, 32)] == [16, 8, 1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_however_it_dies(number: signal.Signals, tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-m", "tests.crew.test_each", str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        workers = [psutil.Process(int(path.stem)) for path in tmp_path.glob("*.pid")]
        parent.send_signal(number)
        parent.wait(30)
    finally:
        parent.kill()
    try:
        wait_until(lambda: not any(worker.is_running() for worker in workers))
    finally:
        for left_behind in filter(psutil.Process.is_running, workers):
            left_behind.kill()


def wait_until(holds: Callable[[], bool], at_most_s: float = 30.0) -> None:
    end = time.monotonic() + at_most_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests with Ctrl-C ignored
    do_each(sleep_long, [Path(sys.argv[1])] * 2, workers=2)
