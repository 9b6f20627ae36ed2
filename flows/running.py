"""What every flow shares: log lines, one clear line for a mistake, a non-zero exit."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.states import Failed, State

from tast.errors import TastError


def stage(body: Callable[..., None]) -> Callable[..., Any]:
    """Make a Prefect flow of a function. A TastError ends it as Failed, its line the message, without a traceback."""

    @flow(name=body.__name__, validate_parameters=False)
    @functools.wraps(body)
    def guarded(*arguments: Any, **named: Any) -> State | None:
        try:
            body(*arguments, **named)
        except TastError as error:
            return Failed(message=str(error))
        return None

    return guarded


def finish(stage_flow: Callable[..., Any], *arguments: Any) -> None:
    """Call a flow made by `stage`; raises TastError with its line where it failed."""
    state = stage_flow(*arguments, return_state=True)
    if state.is_failed() or state.is_crashed():
        raise TastError(str(state.message))


def settle() -> None:
    """Send what Prefect still holds back, before a server of our own ends: it would be looked for, for a minute."""
    APILogWorker.drain_all()
    EventsWorker.drain_all()


def run(stage_flow: Callable[..., Any]) -> None:
    """Run one flow as a program: exit 0, or print the one line and exit 1."""
    configure_logging()
    try:
        finish(stage_flow)
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def configure_logging() -> None:
    """Plain lines on stderr for our own loggers; everyone else from WARNING on."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in ("tast", "flows"):
        logging.getLogger(name).setLevel(logging.INFO)
    for name in ("mlflow", "alembic"):  # they tell of every table they make
        logging.getLogger(name).setLevel(logging.WARNING)
