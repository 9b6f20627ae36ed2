"""Promote in a real run: an answer is a state that can be heard, a failure fails the run, and the next run judges the version."""

from __future__ import annotations

import json
import re
import shutil
import socketserver
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Workspace

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]

QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0"}
FORGET = (
    "from mlflow import MlflowClient; from flows.store import tracking_uri;"
    "client = MlflowClient(tracking_uri(), tracking_uri()); client.delete_registered_model_alias('tast-net', 'champion');"
    "client.delete_model_version_tag('tast-net', '1', 'tast.comparison')"
)


class Hangs(socketserver.BaseRequestHandler):
    """Reads what is asked and closes the connection."""

    def handle(self) -> None:
        self.request.recv(65536)


@pytest.fixture
def closing_server() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Hangs) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def other_store(finished: Workspace, tmp_path: Path) -> dict[str, str]:
    """A copy of the finished run's registry, in which nothing was judged and nobody holds the title."""
    shutil.copy(finished.path(".tast/mlflow/mlflow.db"), tmp_path / "mlflow.db")
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    finished.run("-c", FORGET, **store)
    return store


def test_a_server_that_closes_the_connection_fails_the_promotion(finished: Workspace, api_url: str, closing_server: str) -> None:
    done = Workspace(finished.folder, api_url).run(
        "-m", "flows.promote", check=False, MLFLOW_TRACKING_URI=closing_server, **QUICK
    )
    assert done.returncode == 1
    (line,) = [one for one in done.stderr.splitlines() if closing_server in one]
    assert line.startswith("error: ")


def test_a_failed_promotion_fails_the_run_and_the_next_run_judges_the_version(
    finished: Workspace, api_url: str, other_store: dict[str, str]
) -> None:
    """The registry names a folder that is gone while the run promotes, and the right one for the next run."""
    workspace, published = Workspace(finished.folder, api_url), finished.path(".tast/published")
    before, database = published.read_text(), other_store["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///")
    try:
        published.unlink()
        with closing(sqlite3.connect(database)) as store, store:
            store.execute("CREATE TABLE places AS SELECT source, storage_location FROM model_versions")
            store.execute("UPDATE model_versions SET source = '/nowhere', storage_location = '/nowhere'")
        failed = workspace.run("-m", "flows.pipeline", check=False, **other_store)
        assert failed.returncode == 1
        assert "error: the files of version 1 of tast-net cannot be read" in failed.stderr
        assert not published.exists()
        with closing(sqlite3.connect(database)) as store, store:
            store.execute("UPDATE model_versions SET (source, storage_location) = (SELECT source, storage_location FROM places)")
        judged = workspace.run("-m", "flows.pipeline", **other_store)
        assert "Nothing changed" not in judged.stdout
        assert re.search("Version 1 (becomes the first|does not become) champion: an RMSE of", judged.stderr)  # it ends well
        assert published.read_text() == before
    finally:
        published.write_text(before)


def test_undecided_is_a_state_that_an_automation_hears_once(
    finished: Workspace, api_url: str, other_store: dict[str, str]
) -> None:
    workspace, params = Workspace(finished.folder, api_url), finished.path("params.yaml")
    before = params.read_text()
    try:
        workspace.set(promote__fewest_subjects=5)
        first = workspace.run("-m", "flows.promote", **other_store)
        again = workspace.run("-m", "flows.promote", **other_store)
    finally:
        params.write_text(before)
    assert "2 of the 2 test people are new to all" in first.stderr and "asks for 5: 3 more" in first.stderr
    assert "nothing new since it was last compared" in again.stderr
    events = heard(api_url, "prefect.flow-run.Undecided")
    assert len(events) == 1
    (flow,) = [one for one in events[0]["related"] if one["prefect.resource.role"] == "flow"]
    assert flow["prefect.resource.name"] == "promote"


def heard(api_url: str, name: str) -> list[dict[str, Any]]:
    """The events of that name that the server has, once it has them at all."""
    body = json.dumps({"filter": {"event": {"name": [name]}}}).encode()
    request = urllib.request.Request(f"{api_url}/events/filter", body, {"Content-Type": "application/json"})
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while not found and time.monotonic() < deadline:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)["events"]
        time.sleep(0.5)
    return found
