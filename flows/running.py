"""What every flow shares: log lines, one clear line for a mistake, a non-zero exit."""

from __future__ import annotations

import copy
import functools
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import requests
from prefect import flow
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler, APILogWorker
from prefect.states import Failed, State

from tast.errors import TastError

SHOWN_ON = "TAST_SHOWN_ON"  # environment: flow run and task run of the pipeline on whose page this stage's lines stand as well
OURS = ("tast", "flows")
ANSWER_S = 5.0  # for a server
WITHOUT_PREFECT = "start that server (`make serve`), or unset the variable: each run then starts a server of its own"


def stage(body: Callable[..., State | None]) -> Callable[..., Any]:
    """Make a Prefect flow of a function, which ends in the state that it returns, if any: an answer that has a name.

    A TastError ends it as Failed, its line the message, without a traceback.
    """

    @flow(name=body.__name__, validate_parameters=False)
    @functools.wraps(body)
    def guarded(*arguments: Any, **named: Any) -> State | None:
        try:
            return body(*arguments, **named)
        except TastError as error:
            return Failed(message=str(error))

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
    elsewhere = None
    try:
        require_prefect()
        if SHOWN_ON in os.environ:
            elsewhere = show_on(*os.environ[SHOWN_ON].split("/"))
        finish(stage_flow)
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        if elsewhere is not None:
            elsewhere.handle(logging.makeLogRecord({"name": __name__, "levelno": logging.ERROR, "msg": str(error)}))
        raise SystemExit(1) from None


def require_prefect() -> None:
    """Raises TastError where PREFECT_API_URL is set and its server does not answer, or does not know our credentials."""
    if not (url := os.environ.get("PREFECT_API_URL", "").rstrip("/")):
        return
    user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    try:
        answer = requests.get(f"{url}/admin/version", auth=(user, password) if user else None, timeout=ANSWER_S)
    except (requests.RequestException, ValueError) as error:
        raise TastError(f"PREFECT_API_URL={url} does not answer ({type(error).__name__}): {WITHOUT_PREFECT}") from None
    if answer.status_code == requests.codes.unauthorized:
        raise TastError(f"PREFECT_API_URL={url} asks for credentials: set PREFECT_API_AUTH_STRING to its user:password")
    if answer.status_code != requests.codes.ok:
        raise TastError(f"PREFECT_API_URL={url} answers {answer.status_code}, not as Prefect's API: {WITHOUT_PREFECT}")


def configure_logging() -> None:
    """Plain lines on stderr for our own loggers; everyone else from WARNING on."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in ("mlflow", "alembic"):  # they tell of every table they make
        logging.getLogger(name).setLevel(logging.WARNING)


def show_on(flow_run_id: str, task_run_id: str) -> logging.Handler:
    """Send our log lines to a task of another program's flow as well."""
    handler = OtherRun(flow_run_id, task_run_id)
    for name in OURS:
        logging.getLogger(name).addHandler(handler)
    return handler


class OtherRun(APILogHandler):
    """Sends each line to a run that is not the one at work here."""

    def __init__(self, flow_run_id: str, task_run_id: str) -> None:
        super().__init__()
        self.ids = {"flow_run_id": flow_run_id, "task_run_id": task_run_id}

    def emit(self, record: logging.LogRecord) -> None:
        line = copy.copy(record)
        line.__dict__.update(self.ids)
        super().emit(line)
