"""Tests over two processes (`make test`): a file goes to one as a whole, for its fixtures, and the longest begin first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from xdist.scheduler import LoadFileScheduling

END_TO_END = "tests/end_to_end/"
LONGEST = [f"{END_TO_END}test_{name}.py" for name in ("dvc_user", "vipl_hr", "killed", "second_night", "method_table")]
LONG = tuple(
    f"tests/{name}.py"
    for name in (
        "benchmarks/test_table", "chaos/test_faults", "test_instruction_set", "test_shared_storage", "training/test_loop",
        "view/test_served",
    )
)  # fmt: skip


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    config.option.loadscopereorder = False  # by the number of tests, which says nothing of ours
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The first of them makes the finished workspace, which all others wait for; the second needs none.

    After the end-to-end tests come the long files of the others: one that came last would be waited for by one process alone.
    """
    if in_parallel(config):
        items.sort(key=lambda item: turn(item.nodeid.partition("::")[0]))


def turn(file: str) -> int:
    if file in LONGEST:
        return LONGEST.index(file)
    return len(LONGEST) + (0 if file.startswith(END_TO_END) else 1 if file in LONG else 2)


@pytest.fixture(autouse=True)
def _one_core(request: pytest.FixtureRequest) -> None:
    """One core of each of several processes: threads that wait for a core that another has take ten times as long."""
    if in_parallel(request.config):
        torch.set_num_threads(1)


def in_parallel(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")  # one of xdist's processes


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, the same for all of xdist's processes: what is made there under a lock is made once."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def empty_database(shared: Path) -> Path:
    """MLflow's tables, which take seconds to make; tests get copies of this file."""
    from tast.tracking.store import initialise  # MLflow, which most files do without

    database = shared / "mlflow" / "mlflow.db"
    initialise(f"sqlite:///{database}")  # under a lock of its own
    return database


@pytest.fixture(scope="session")
def prefect_database(shared: Path) -> Path:
    """The tables of Prefect's server, which take it seconds to make; tests put a copy into the PREFECT_HOME of theirs."""
    home, made = shared / "prefect", shared / "prefect_made"
    with FileLock(shared / "prefect.lock"):
        if not made.exists():
            home.mkdir()
            environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
            subprocess.run(
                [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"],
                env=environment | {"PREFECT_HOME": str(home)}, check=True, capture_output=True,
            )  # fmt: skip
            made.touch()
    return home / "prefect.db"
