"""What runs on a schedule, as prefect.yaml deploys it: the nightly reproduction, a look for new data, the weekly benchmarks.

Parameters are typed, so that Prefect's page asks for them in a form. All runs of one project take turns: a workspace has one DVC.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Literal

from filelock import FileLock, Timeout
from prefect import flow
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

from flows import STATE
from flows.pipeline import LOCK, held, nothing_changed, reproduce
from flows.running import configure_logging
from tast.errors import TastError, Unavailable

log = logging.getLogger("flows.scheduled")
BENCHMARKS = STATE / "benchmarks"  # not the tracked results, which a person replaces (docs/performance.md)
TRIES, FIRST_WAIT_S = 6, 60.0
PATIENCE_S = 12 * 3600.0  # for a run that is at work already: two never share a workspace

BenchmarkName = Literal[
    "evm",
    "metadata",
    "models",
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
    "growth",
    "instruction_set",
    "store",
    "recorded",
    "accuracy",
]


@flow(name="nightly-repro")
def nightly_repro(push: bool = False) -> None:
    """Reproduce every stage that is out of date, publish the result to MLflow, promote it where it is better.

    Args:
        push: Afterwards, send DVC's outputs to its remote (restricted data never leave this machine).
    """
    configure_logging()
    again_where_it_helps(lambda: reproduce(PATIENCE_S))
    if push:
        again_where_it_helps(lambda: _run("dvc", "push", may_pass=True))


@flow(name="on-new-data")
def on_new_data(push: bool = False) -> None:
    """The same, but only where files at dataset.root, parameters or code have changed; else it ends within seconds.

    Args:
        push: Afterwards, send DVC's outputs to its remote (restricted data never leave this machine).
    """
    configure_logging()
    if held():
        log.info("a run of the pipeline is at work; the next look comes after it")
        return
    if nothing_changed():
        log.info("nothing changed")
        return
    nightly_repro(push)


@flow(name="benchmark")
def benchmark(names: list[BenchmarkName] = []) -> None:  # noqa: B006 Prefect's form shows the default, and never changes it
    """Measure speed and memory, JSON into .tast/benchmarks/, once no run of the pipeline is at work.

    Args:
        names: Which benchmarks; none means all.
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
