"""Stopped or killed at random moments, the pipeline leaves no process, a valid workspace, and goes on to the same dvc.lock.

TAST_KILLS=20 gives the long form; the short one is what every run of the tests does.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.conftest import Workspace, clone, own_environment

pytestmark = pytest.mark.end_to_end

KILLS = int(os.environ.get("TAST_KILLS", "2"))
EARLIEST_S, LATEST = 1.0, 0.5  # of the time that a whole run takes here: the next one goes on from there
ALL_GONE_S = 15.0


def processes_in(folder: Path) -> list[str]:
    """Command lines of the processes that work in a folder."""
    found = []
    for process in psutil.process_iter(["pid", "cwd", "cmdline", "status"]):
        inside = process.info["cwd"] and Path(process.info["cwd"]).is_relative_to(folder)
        if inside and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(process.info["cmdline"] or [])[:120])
    return found


def kill_after(workspace: Workspace, seconds: float, number: signal.Signals) -> bool:
    """Start the pipeline and send it a signal; False where it had ended by then."""
    with (workspace.folder / "killed.log").open("ab") as log:
        pipeline = subprocess.Popen(
            [sys.executable, "-m", "flows.pipeline"], cwd=workspace.folder, env=own_environment(), stdout=log, stderr=log
        )  # fmt: skip
        try:
            pipeline.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            pipeline.send_signal(number)
            pipeline.wait(60)
            return True


@pytest.mark.timeout(600 + 90 * KILLS)
def test_killed_anywhere_the_next_run_completes_with_the_same_lock(
    finished: Workspace, run_s: float, api_url: str, tmp_path: Path
) -> None:
    workspace = clone(tmp_path / "tree")
    workspace.set(runner__workers=2)
    moments = random.Random(6)
    for attempt in range(KILLS):
        number = (signal.SIGKILL, signal.SIGTERM)[attempt % 2]
        if not kill_after(workspace, moments.uniform(EARLIEST_S, LATEST * run_s), number):
            workspace.run("-m", "flows.clean")  # it was through: from the beginning again
        deadline = time.monotonic() + ALL_GONE_S
        while (left := processes_in(workspace.folder)) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert left == [], f"after {number.name} number {attempt}"
        workspace.run("-m", "dvc", "status")  # fails where the workspace is locked or its files are broken
    workspace.run("-m", "dvc", "repro", "--quiet")  # which alone, without Prefect and MLflow, gives the same
    assert workspace.path("dvc.lock").read_text() == finished.path("dvc.lock").read_text()
    Workspace(workspace.folder, api_url).run("-m", "flows.pipeline")  # publishes what it finds done
    assert list(workspace.folder.glob("*/.*.part")) == []
    assert workspace.run("-m", "flows.pipeline").stdout.startswith("Nothing changed since the last run.")
