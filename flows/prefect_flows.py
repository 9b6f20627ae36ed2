"""Prefect flows of functions that may raise a TastError, alone or one within the other, and what a server of theirs needs."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import requests
from prefect import flow
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.states import Failed, State

from flows.running import run
from tast.errors import TastError, Unavailable, disk_errors_named
from tast.params import load_params

UNAVAILABLE = "Unavailable"  # state of a flow that a later run may find to be possible
ANSWER_S = 5.0  # for a server
WITHOUT_PREFECT = "start that server (`make serve`), or unset the variable: each run then starts a server of its own"


def _not_of_a_lost_server(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], httpx.TransportError)


logging.getLogger("prefect.flow_runs").addFilter(_not_of_a_lost_server)  # a traceback each time; `finish` has the one line


def flow_of(
    body: Callable[..., State | None], *, name: str | None = None, run_name: Callable[[], str] | None = None
) -> Callable[..., Any]:
    """Make a Prefect flow of a function, which ends in the state that it returns, if any: an answer that has a name.

    name: of the flow; the function's own by default. run_name: what its runs are called on Prefect's page.

    A TastError ends it as Failed, its line the message, without a traceback; one that may pass in a state of that name.
    """

    @flow(name=name or body.__name__, flow_run_name=run_name, validate_parameters=False)
    @functools.wraps(body)
    def guarded(*arguments: Any, **named: Any) -> State | None:
        try:
            with disk_errors_named():
                return body(*arguments, **named)
        except TastError as error:
            return Failed(message=str(error), name=UNAVAILABLE if isinstance(error, Unavailable) else "Failed")

    return guarded


def described() -> str:
    """What a run of this project makes now, in the words of params.yaml."""
    params = load_params()
    names = " and ".join(one.name for one in params.dataset.sources)
    return f"{names}, {params.train.method}, seed {params.train.seed}, fold {params.split.fold}"


def finish(made: Callable[..., Any], *arguments: Any) -> None:
    """Call a flow made by `flow_of`; raises TastError with its line where it failed, and where its server went meanwhile."""
    try:
        state = made(*arguments, return_state=True)
    except httpx.TransportError as error:
        raise Unavailable(f"Prefect's server does not answer any more ({type(error).__name__}): {WITHOUT_PREFECT}") from None
    if state.is_failed() or state.is_crashed():
        raise (Unavailable if state.name == UNAVAILABLE else TastError)(str(state.message))


def run_alone(made: Callable[..., Any]) -> None:
    """Run one flow as a program: exit 0, or print the one line and exit 1."""
    run(partial(_asked_and_finished, made))


def _asked_and_finished(made: Callable[..., Any]) -> None:
    require_prefect()
    finish(made)


def settle() -> None:
    """Send what Prefect still holds back, before a server of our own ends: it would be looked for, for a minute."""
    APILogWorker.drain_all()
    EventsWorker.drain_all()


def require_prefect() -> None:
    """Raises TastError where PREFECT_API_URL is set and its server does not answer, or does not know our credentials."""
    if not (url := os.environ.get("PREFECT_API_URL", "").rstrip("/")):
        return
    user, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    try:
        answer = requests.get(f"{url}/admin/version", auth=(user, password) if user else None, timeout=ANSWER_S)
    except (requests.RequestException, ValueError) as error:
        raise Unavailable(f"PREFECT_API_URL={url} does not answer ({type(error).__name__}): {WITHOUT_PREFECT}") from None
    if answer.status_code == requests.codes.unauthorized:
        raise TastError(f"PREFECT_API_URL={url} asks for credentials: set PREFECT_API_AUTH_STRING to its user:password")
    if answer.status_code != requests.codes.ok:
        raise TastError(f"PREFECT_API_URL={url} answers {answer.status_code}, not as Prefect's API: {WITHOUT_PREFECT}")
