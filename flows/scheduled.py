"""What runs on a schedule, as prefect.yaml deploys it: the nightly reproduction, a look for new data, the weekly benchmarks.

Parameters are typed, so that Prefect's page asks for them in a form. All runs of one project take turns: a workspace has one DVC.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Literal

from filelock import FileLock, Timeout
from prefect import flow

from flows import STATE
from flows.pipeline import LOCK, held, nothing_changed, reproduce
from flows.running import configure_logging
from tast.errors import TastError

log = logging.getLogger("flows.scheduled")
BENCHMARKS = STATE / "benchmarks"  # not the tracked results, which a person replaces (docs/performance.md)
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
    "ladder",
    "workers",
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
    reproduce(PATIENCE_S)
    if push:
        _run("dvc", "push")


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
        raise TastError(f"a run of the pipeline holds this workspace for more than {PATIENCE_S:g} s") from None


def _run(module: str, *arguments: str) -> None:
    """A program of this environment, in the project. Raises TastError where it fails."""
    code = subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode
    if code:
        raise TastError(f"{' '.join((module, *arguments))} exited with {code}")
