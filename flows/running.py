"""What every stage's flow shares: log lines, one clear line for a mistake, a non-zero exit."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.states import Failed, State

from tast.errors import TastError

log = logging.getLogger("flows")


def stage(body: Callable[[], None]) -> Callable[..., Any]:
    """Make a Prefect flow of a stage. A TastError ends it as Failed with the error's line as the message, without a traceback."""

    @flow(name=body.__name__, validate_parameters=False)
    @functools.wraps(body)
    def guarded() -> State | None:
        try:
            body()
        except TastError as error:
            return Failed(message=str(error))
        return None

    return guarded


def run(stage_flow: Callable[..., Any]) -> None:
    """Run one stage as a program: exit 0, or print the one line and exit 1."""
    configure_logging()
    state = stage_flow(return_state=True)
    if state.is_failed() or state.is_crashed():
        print(f"error: {state.message}", file=sys.stderr)
        raise SystemExit(1)


def configure_logging() -> None:
    """Plain lines on stderr for our own loggers; everyone else from WARNING on."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in ("tast", "flows"):
        logging.getLogger(name).setLevel(logging.INFO)
