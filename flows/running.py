"""What every program shares: log lines, one clear line for a mistake, a non-zero exit. No Prefect: stages need none."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from flows import STATE
from tast.errors import TastError, Unavailable, disk_errors_named
from tast.redaction import hide_secrets_in_logs

STAGE_LOCK = Path(STATE.name) / "stage.lock"  # beside the outputs, in the folder that the stage runs in
PATIENCE_S = 15.0  # for a stage whose run was killed, until its guard has ended it
LINES_IN = "TAST_LINES_FILE"  # environment: where a program that another one watches writes its log lines as well
OURS = ("tast", "flows")
ERROR_LINE = "flows.error"  # logger of the one line with which a program fails; the terminal has it already
PASSING = "passing"  # of that line: a later try may find what was missing


def run(body: Callable[[], object]) -> None:
    """Call what a program is for: exit 0, or print the one line of a TastError and exit 1."""
    configure_logging()
    if LINES_IN in os.environ:
        write_lines(Path(os.environ[LINES_IN]))
    try:
        with disk_errors_named():
            body()
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        logging.getLogger(ERROR_LINE).error("%s", error, extra={PASSING: isinstance(error, Unavailable)})
        raise SystemExit(1) from None


def run_stage(body: Callable[[], object]) -> None:
    """The same for a stage, alone in its workspace: of two in the same folders, neither could say what it read."""
    run(lambda: _alone(body))


def _alone(body: Callable[[], object]) -> None:
    STAGE_LOCK.parent.mkdir(exist_ok=True)
    lock = FileLock(STAGE_LOCK)
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout:
        raise TastError(f"another stage is at work in {Path.cwd()}; wait for it or stop it") from None
    try:
        body()
    finally:
        lock.release()


def configure_logging() -> None:
    """Plain lines on stderr for our own loggers; everyone else from WARNING on."""
    logging.raiseExceptions = False  # a line that cannot be sent or written (a server went, a disk is full) is no traceback
    hide_secrets_in_logs()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in ("mlflow", "alembic"):  # they tell of every table they make
        logging.getLogger(name).setLevel(logging.WARNING)
    error_line = logging.getLogger(ERROR_LINE)
    error_line.propagate = False
    error_line.addHandler(logging.NullHandler())


def write_lines(file: Path) -> None:
    """From now on our log lines go into this file too, one JSON object each, whole as soon as they are said."""
    handler = logging.FileHandler(file, encoding="utf-8", delay=True)
    handler.setFormatter(JsonLine())
    for name in (*OURS, ERROR_LINE):
        logging.getLogger(name).addHandler(handler)


class JsonLine(logging.Formatter):
    """A log record as the watching program reads it."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {"logger": record.name, "level": record.levelno, "message": record.getMessage(), "at_s": record.created}
        entry |= {PASSING: True} if getattr(record, PASSING, False) else {}
        return json.dumps(entry)
