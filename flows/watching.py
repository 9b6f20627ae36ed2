"""A stage's program, watched by the pipeline's task: a bar on Prefect's page tells how far it is, its log lines stand there too.

The program is asked for both through its environment; alone, under `dvc repro`, nobody asks.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from uuid import UUID

from prefect import runtime
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.progress import TOLD_IN, Standing, read_progress
from flows.running import SHOWN_ON

LOOK_EVERY_S = 1.0


def asking(file: Path) -> dict[str, str]:
    """Environment that asks a program to tell in `file` how far it is, and to show its lines on the task that is running here."""
    return {TOLD_IN: str(file), SHOWN_ON: f"{runtime.flow_run.id}/{runtime.task_run.id}"}


def wait_and_tell(process: subprocess.Popen[bytes], stage: str, file: Path) -> int:
    """The exit code of a stage's program; until it ends, a progress artifact follows the file in which it tells how far it is."""
    artifact_id, told, code = None, None, None
    while code is None:
        code = _ended(process)
        now = read_progress(file)
        if now is not None and now != told:
            artifact_id, told = _show(artifact_id, stage, now), now
    return code


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return None


def _show(artifact_id: UUID | None, stage: str, now: Standing) -> UUID:
    if artifact_id is None:
        return create_progress_artifact(now.percent, key=f"progress-{stage}", description=str(now))
    return update_progress_artifact(artifact_id, now.percent, str(now))
