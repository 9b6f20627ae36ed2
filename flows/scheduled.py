"""What runs on a schedule, as prefect.yaml deploys it: the nightly reproduction, a look for new data, the weekly benchmarks.

Parameters are typed, so that Prefect's page asks for them in a form. All runs of one project take turns: a workspace has one DVC.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Literal

from filelock import FileLock, Timeout
from prefect import flow, runtime
from prefect.variables import Variable
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

from flows import STATE
from flows.pipeline import LOCK, HowFar, held, nothing_changed, reproduce
from flows.running import configure_logging
from tast.errors import TastError, Unavailable

log = logging.getLogger("flows.scheduled")
BENCHMARKS = STATE / "benchmarks"  # not the tracked results, which a person replaces (docs/performance.md)
TRIES, FIRST_WAIT_S = 6, 60.0
TIMEOUT_S = 3600 * float(os.environ.get("TAST_TIMEOUT_HOURS", "48"))  # of a run, its waiting included: then it is TimedOut
PUSH = "tast_push"  # variable of Prefect's, which a team sets
PATIENCE_S = 12 * 3600.0  # for a run that is at work already: two never share a workspace

BenchmarkName = Literal[  # three groups, and what is in them (benchmarks/__main__.py)
    "speed",
    "signal",
    "spo2",
    "evm",
    "metadata",
    "models",
    "training_step",
    "inference",
    "preprocessing",
    "door",
    "optics",
    "anchored",
    "knowable",
    "heads",
    "rendering",
    "worlds",
    "worlds_probe",
    "real_waves",
    "causes",
    "error_causes",
    "light_prior",
    "landmarks",
    "ladder",
    "workers",
    "machines",
    "libraries",
    "growth",
    "instruction_set",
    "store",
    "recorded",
    "accuracy",
]


def run_name() -> str:
    """What a run is called on Prefect's page: its deployment, and when it was due."""
    due = runtime.flow_run.scheduled_start_time
    return f"{runtime.deployment.name or 'by hand'} {due:%Y-%m-%d %H:%M}"


@flow(name="pipeline", flow_run_name=run_name, timeout_seconds=TIMEOUT_S)
def pipeline(push: bool = False, only_where_changed: bool = False, until: HowFar = "promote") -> None:
    """Reproduce every stage that is out of date, publish the result to MLflow, promote it where it is better.

    Args:
        push: Afterwards, send DVC's outputs to its remote (restricted data never leave this machine). Also done where Prefect's
            variable tast_push is true.
        only_where_changed: End within seconds where no file at dataset.root, no parameter and no code has changed, and where
            another run is at work.
        until: The last step: evaluate (DVC's stages alone), publish (to MLflow), or promote (let it meet the champion).
    """
    configure_logging()
    if only_where_changed and held():
        log.info("a run of the pipeline is at work; the next look comes after it")
        return
    if only_where_changed and nothing_changed():
        log.info("nothing changed")
        return
    again_where_it_helps(lambda: reproduce(PATIENCE_S, until))
    if push or Variable.get(PUSH, default=False):
        again_where_it_helps(lambda: _run("dvc", "push", may_pass=True))


@flow(name="benchmark", flow_run_name=run_name, timeout_seconds=TIMEOUT_S)
def benchmark(names: list[BenchmarkName] = []) -> None:  # noqa: B006 Prefect's form shows the default, and never changes it
    """Measure speed and memory, JSON into .tast/benchmarks/, once no run of the pipeline is at work.

    Args:
        names: Which benchmarks, or groups of them (speed, signal, spo2); none means all.
    """
    configure_logging()
    try:
        with FileLock(LOCK, timeout=PATIENCE_S):  # beside a run, both would be measured
            _run("benchmarks", *names, "--out", str(BENCHMARKS))
    except Timeout:
        raise Unavailable(f"a run of the pipeline holds this workspace for more than {PATIENCE_S:g} s") from None


def again_where_it_helps(body: Callable[[], None], first_wait_s: float = FIRST_WAIT_S) -> None:
    """Call it, and again where what failed may be there a little later (Unavailable): TRIES times in all, over half an hour.

    What a person has to mend fails at once. Downloads try again by themselves (tast.datasets.fetch).
    """
    waits = wait_exponential(multiplier=first_wait_s, max=16 * first_wait_s) + wait_random(0, first_wait_s)
    for attempt in Retrying(
        retry=retry_if_exception_type(Unavailable), stop=stop_after_attempt(TRIES), wait=waits, reraise=True, before_sleep=_told
    ):
        with attempt:
            body()


def _told(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("%s; try %d of %d in %.0f s", error, state.attempt_number + 1, TRIES, state.upcoming_sleep)


def _run(module: str, *arguments: str, may_pass: bool = False) -> None:
    """A program of this environment, in the project. Raises TastError where it fails, Unavailable where that may pass."""
    code = subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode
    if code:
        raise (Unavailable if may_pass else TastError)(f"{' '.join((module, *arguments))} exited with {code}")
