"""Tests over two processes (`make test`): the files that share a costly workspace stay together, and the longest begin first."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

END_TO_END = "tests/end_to_end/"
ON_ONE_WORKSPACE = {
    f"{END_TO_END}test_{name}.py" for name in ("dvc_user", "killed", "pipeline", "processes", "registry", "schedules")
}


class Files(LoadScopeScheduling):
    """A file goes to one process as a whole, for its fixtures; those that use the workspace `finished` go together."""

    def _split_scope(self, nodeid: str) -> str:
        file = file_of(nodeid)
        return END_TO_END if file in ON_ONE_WORKSPACE else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    config.option.loadscopereorder = False  # by the number of tests, which says nothing of ours
    return Files(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of xdist's processes
        items.sort(key=lambda item: (file_of(item.nodeid) not in ON_ONE_WORKSPACE, not item.nodeid.startswith(END_TO_END)))


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]
