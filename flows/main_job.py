"""Every DVC stage as a Prefect task, then publish and promote: what `python -m flows.pipeline` runs where something changed.

A module of its own, since Prefect takes two seconds to import: a run that finds nothing to do never gets here.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from prefect import tags, task
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import State

from flows import STATE
from flows.layout import STAGES, table_stages
from flows.mending import keep_lock
from flows.pipeline import HowFar
from flows.prefect_flows import described, finish, flow_of, require_prefect, settle
from flows.running import configure_logging
from flows.servers import guarded, prefect_server, require_mlflow
from flows.watching import Watch
from tast.errors import TastError, Unavailable
from tast.params import load_params

log = logging.getLogger(__name__)
WAITS_S = [10.0, 60.0]  # before a stage that a server did not answer is tried again


def may_pass(task: Any, run: Any, state: State) -> bool:
    """Whether a stage that failed is worth another try: what it asked for did not answer, and a mistake stays one."""
    return isinstance(state.result(raise_on_failure=False), Unavailable)


@task(
    name="dvc stage", task_run_name="{name}", tags=["dvc"], retries=len(WAITS_S), retry_delay_seconds=WAITS_S,
    retry_condition_fn=may_pass,
)  # fmt: skip
def run_stage(name: str) -> None:
    """One DVC stage in a process group of its own; what it made is shown on Prefect's page. Raises TastError where it failed."""
    from flows.artifacts import LEFT_BY  # pandas takes its time, and is not needed where nothing changed

    _heading(name)
    keep_lock()
    alone = [] if name == STAGES[0] else ["--single-item"]  # the first looks at its source as well
    code, passing = _in_own_group([sys.executable, "-m", "dvc", "repro", "--quiet", *alone, name], name)
    if code:
        kind = Unavailable if passing else TastError
        raise kind(f"stage {name} failed (exit code {code}); its last lines are above, `dvc repro {name}` runs it alone")
    if name in LEFT_BY:
        LEFT_BY[name]()


def _in_own_group(command: list[str], stage_name: str) -> tuple[int, bool]:
    """Its exit code, and whether it failed for want of what may be there later."""
    watch = Watch(stage_name, STATE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with guarded(command, env={**os.environ, "PATH": path, **watch.asking}) as process:
        return watch.follow(process), watch.passing


@partial(flow_of, name="main-job", run_name=described)
def pipeline(until: HowFar = "promote") -> None:
    """Every DVC stage in order, then publish and promote, or only so far."""
    from flows.promote import promote  # MLflow takes seconds to import, and is not needed before the stages have run
    from flows.publish import publish

    for name in [*STAGES, *table_stages(load_params().table)]:
        run_stage(name)
    if until in ("publish", "promote"):
        _heading("publish")
        finish(publish)
    if until == "promote":
        _heading("promote")
        finish(promote)


def run(until: HowFar = "promote") -> None:
    """The pipeline under a server of its own, or under PREFECT_API_URL's where that is set."""
    configure_logging()
    require_prefect()
    require_mlflow()  # before hours of training, not after them
    if os.environ.get("PREFECT_API_URL"):
        with tags(*labels()):
            finish(pipeline, until)
    else:
        with prefect_server() as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
            try:
                with tags(*labels()):
                    finish(pipeline, until)
            finally:
                settle()


def labels() -> set[str]:
    """Tags of a run on Prefect's page: what data and which method."""
    params = load_params()
    return {*(one.name for one in params.dataset.sources), params.train.method}


def _heading(name: str) -> None:
    print(f"-- {name}", file=sys.stderr, flush=True)
