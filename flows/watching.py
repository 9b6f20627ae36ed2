"""A stage's program, watched by the pipeline's task: a bar on Prefect's page tells how far it is, its log lines stand there too.

The program is asked for both through its environment, and leaves them in files: it knows no Prefect, and alone, under
`dvc repro`, nobody asks.
"""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from prefect import runtime
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging.handlers import APILogHandler

from flows.progress import PROGRESS_IN, Standing, read_progress
from flows.running import LINES_IN, PASSING

LOOK_EVERY_S = 1.0


class Watch:
    """What a program is asked to leave in `folder`, and what of it has been shown on the task that is running here."""

    def __init__(self, stage: str, folder: Path) -> None:
        self.stage = stage
        self._progress, self._lines = folder / "progress.json", folder / "lines.jsonl"
        self._artifact_id: UUID | None = None
        self._shown: Standing | None = None
        self._read_bytes = 0
        self.passing = False  # whether the program failed for want of what may be there later
        self._page = APILogHandler()
        self._ids = {"flow_run_id": runtime.flow_run.id, "task_run_id": runtime.task_run.id}
        for file in (self._progress, self._lines):
            file.unlink(missing_ok=True)

    @property
    def asking(self) -> dict[str, str]:
        """Environment that asks a program for its progress and its lines."""
        return {PROGRESS_IN: str(self._progress), LINES_IN: str(self._lines)}

    def follow(self, process: subprocess.Popen[bytes]) -> int:
        """The exit code of the program, once it has ended and all that it left is shown."""
        code = None
        while code is None:
            code = _ended(process)
            self._show_progress()
            self._show_lines()
        return code

    def _show_progress(self) -> None:
        now = read_progress(self._progress)
        if now is None or now == self._shown:
            return
        if self._artifact_id is None:
            self._artifact_id = create_progress_artifact(now.percent, key=f"progress-{self.stage}", description=str(now))
        else:
            update_progress_artifact(self._artifact_id, now.percent, str(now))
        self._shown = now

    def _show_lines(self) -> None:
        for line in self._new_lines():
            entry = json.loads(line)
            record = {"name": entry["logger"], "levelno": entry["level"], "msg": entry["message"], "created": entry["at_s"]}
            self.passing = self.passing or entry.get(PASSING, False)
            self._page.emit(logging.makeLogRecord(record | self._ids))

    def _new_lines(self) -> Iterator[bytes]:
        """Whole ones: the last may be half-written yet."""
        if not self._lines.is_file():
            return
        with self._lines.open("rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read_bytes += len(line)
                yield line


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return None
