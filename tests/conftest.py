"""Tests over two processes (`make test`): a file goes to one as a whole, for its fixtures, and the longest begin first."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from xdist.scheduler import LoadFileScheduling

END_TO_END = "tests/end_to_end/"
LONGEST = [f"{END_TO_END}test_{name}.py" for name in ("dvc_user", "vipl_hr", "killed", "second_night", "method_table")]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    config.option.loadscopereorder = False  # by the number of tests, which says nothing of ours
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The first of them makes the finished workspace, which all others wait for; the second needs none."""
    if in_parallel(config):
        items.sort(key=lambda item: turn(item.nodeid.partition("::")[0]))


def turn(file: str) -> int:
    return LONGEST.index(file) if file in LONGEST else len(LONGEST) + (not file.startswith(END_TO_END))


@pytest.fixture(autouse=True)
def _one_core(request: pytest.FixtureRequest) -> None:
    """One core of each of several processes: threads that wait for a core that another has take ten times as long."""
    if in_parallel(request.config):
        torch.set_num_threads(1)


def in_parallel(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")  # one of xdist's processes
