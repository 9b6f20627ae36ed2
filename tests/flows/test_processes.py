"""Work in processes of its own: order, who does it, and mistakes that come through."""

from __future__ import annotations

import math
import os

import pytest

from flows.processes import in_processes, trainings_at_a_time


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
