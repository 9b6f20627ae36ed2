"""Every DVC stage as a Prefect task, then publish and promote: what `python -m flows.pipeline` runs where something changed.

A module of its own, since Prefect takes two seconds to import: a run that finds nothing to do never gets here.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from prefect import task
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import STATE
from flows.layout import STAGES
from flows.mending import keep_lock
from flows.running import configure_logging, finish, require_prefect, settle, stage
from flows.servers import guarded, prefect_server, require_mlflow
from flows.watching import asking, wait_and_tell
from tast.errors import TastError

log = logging.getLogger(__name__)


@task(name="dvc stage", task_run_name="dvc stage {name}")
def run_stage(name: str, api_url: str) -> None:
    """One DVC stage in a process group of its own; what it made is shown on Prefect's page. Raises TastError where it failed."""
    from flows.artifacts import LEFT_BY  # pandas takes its time, and is not needed where nothing changed

    _heading(name)
    keep_lock()
    alone = [] if name == STAGES[0] else ["--single-item"]  # the first looks at its source as well
    code = _in_own_group([sys.executable, "-m", "dvc", "repro", "--quiet", *alone, name], name, api_url)
    if code:
        raise TastError(f"stage {name} failed (exit code {code}); its last lines are above, `dvc repro {name}` runs it alone")
    if name in LEFT_BY:
        LEFT_BY[name]()


def _in_own_group(command: list[str], stage_name: str, api_url: str) -> int:
    standing = STATE / "progress.json"
    standing.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PREFECT_API_URL": api_url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **asking(standing),
    }
    with guarded(command, env=environment) as process:
        return wait_and_tell(process, stage_name, standing)


@stage
def pipeline(api_url: str) -> None:
    """Every DVC stage in order, then publish and promote."""
    from flows.promote import promote  # MLflow takes seconds to import, and is not needed before the stages have run
    from flows.publish import publish

    for name in STAGES:
        run_stage(name, api_url)
    _heading("publish")
    finish(publish)
    _heading("promote")
    finish(promote)


def run() -> None:
    """The pipeline under a server of its own, or under PREFECT_API_URL's where that is set."""
    configure_logging()
    require_prefect()
    require_mlflow()  # before hours of training, not after them
    existing = os.environ.get("PREFECT_API_URL")
    if existing:
        finish(pipeline, existing)
    else:
        with prefect_server() as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
            try:
                finish(pipeline, f"{address}/api")
            finally:
                settle()


def _heading(name: str) -> None:
    print(f"-- {name}", file=sys.stderr, flush=True)
