"""What a process does that works for another one."""

from __future__ import annotations

import multiprocessing
import os
import threading


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
