"""What a job finds in its worker: libraries that compute with as many threads as it was given."""

from __future__ import annotations

import threading

import numpy as np  # noqa: F401 a library with a pool of threads
from threadpoolctl import ThreadpoolController, threadpool_info

from tast.crew import worker
from tast.crew.worker import limited_threads


def threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info()]


def test_libraries_compute_with_the_threads_of_the_job_and_get_theirs_back() -> None:
    with ThreadpoolController().limit(limits=2):
        before = threads()  # a library may be built for one alone
        for _ in range(2):
            with limited_threads(1):
                assert set(threads()) == {1}
            assert threads() == before


def test_libraries_are_looked_for_once_until_more_are_imported(monkeypatch) -> None:
    """Looking takes as long as a job on what the cache holds: 50,000 jobs would spend minutes on it."""
    looked = []

    class Counted(ThreadpoolController):
        def __init__(self) -> None:
            looked.append(threading.current_thread())
            super().__init__()

    monkeypatch.setattr(worker, "ThreadpoolController", Counted)
    worker._thread_pools.cache_clear()
    for _ in range(5):
        with limited_threads(1):
            pass
    assert len(looked) == 1
    monkeypatch.setitem(worker.sys.modules, "a_library_imported_later", threading)
    with limited_threads(1):
        pass
    assert len(looked) == 2
