"""Work in processes of its own: order, who does it, mistakes that come through, and nobody left behind."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flows.processes import in_processes, trainings_at_a_time
from tests.flows.work import sleep_long


def own_process(_: int) -> int:
    return os.getpid()


def test_results_keep_the_order_of_the_items():
    assert list(in_processes(math.factorial, [5, 3, 4], 2)) == [120, 6, 24]


def test_several_workers_are_other_processes_and_one_is_this():
    assert os.getpid() not in set(in_processes(own_process, [0, 1], 2))
    assert set(in_processes(own_process, [0, 1], 1)) == set(in_processes(own_process, [0], 2)) == {os.getpid()}


def test_a_mistake_in_a_worker_is_raised_here():
    with pytest.raises(ValueError):
        list(in_processes(math.sqrt, [1, -1], 2))


def test_trainings_share_the_cores_and_one_always_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert [trainings_at_a_time(threads) for threads in (1, 2, 32)] == [16, 8, 1]


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path):
    parent = subprocess.Popen([sys.executable, "-m", "tests.flows.test_processes", str(tmp_path)])
    try:
        wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        workers = [psutil.Process(int(path.stem)) for path in tmp_path.glob("*.pid")]
    finally:
        parent.kill()
        parent.wait()
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
    list(in_processes(sleep_long, [Path(sys.argv[1])] * 2, 2))
