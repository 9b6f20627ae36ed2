"""A failed run is told to a webhook, a missed schedule made up for once, and tried again what may pass: on a real server."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue

import pytest
from prefect.client.schemas.filters import FlowRunFilter
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Scheduled

from flows.alerts import api_of, catch_up, missed, tell_failures
from flows.prefect_flows import finish, flow_of, settle
from flows.scheduled import TRIES, again_where_it_helps
from flows.servers import prefect_server
from tast.errors import BadInput, TastError, Unavailable


@pytest.fixture(scope="module")
def address(prefect_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("prefect_home")
    shutil.copy(prefect_database, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        patch.setattr("flows.servers.STATE", home)
        with prefect_server() as found:
            yield found


@pytest.fixture
def receiver() -> Iterator[tuple[str, Queue[str]]]:
    """An address, and what is posted to it."""
    posted: Queue[str] = Queue()

    class Receives(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.put(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receives) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/a-secret", posted
        server.shutdown()


@flow_of
def sound_night() -> None:
    pass


@flow_of
def bad_night() -> None:
    raise BadInput("params.yaml", 'a "quoted" key', "another")


def test_a_failed_night_is_heard_and_a_sound_one_is_not(address, receiver):
    webhook, posted = receiver
    for _ in range(2):  # `make serve` once more: still one automation
        tell_failures(address, webhook)
    with temporary_settings({PREFECT_API_URL: f"{address}/api"}):
        finish(sound_night)
        with pytest.raises(TastError, match="quoted"):
            finish(bad_night)
        settle()
    text = posted.get(timeout=60)
    assert text.startswith('bad_night ended as Failed: params.yaml: a "quoted" key; expected another (run ')
    time.sleep(2)
    assert posted.empty()
    with api_of(address) as client:
        (automation,) = client.read_automations_by_name("tast: a run failed")
        assert "a-secret" not in automation.model_dump_json()


def test_a_missed_schedule_is_made_up_for_once(address):
    now = datetime.now(UTC)
    with api_of(address) as client:
        flow_id = client.create_flow_from_name("nightly")
        deployments = [client.create_deployment(flow_id=flow_id, name=name) for name in ("missed", "punctual")]
        late = [timedelta(days=days) for days in (1, 2, 3)]
        for deployment_id, ages in zip(deployments, (late, [-timedelta(hours=1)]), strict=True):
            for age in ages:
                client.create_flow_run_from_deployment(deployment_id, state=Scheduled(scheduled_time=now - age))
        found = missed(client)
        assert found == {deployments[0]}
        catch_up(client, found)
        left = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate({"deployment_id": {"any_": deployments}}))
        caught = [run for run in left if run.deployment_id == deployments[0]]
        assert len(left) == 2 and [run.tags for run in caught] == [["caught-up"]]
        assert abs((caught[0].expected_start_time - now).total_seconds()) < 60
        assert missed(client) == set()


def test_what_may_pass_is_tried_again_and_a_mistake_is_not(caplog):
    calls: list[int] = []

    def locked() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise Unavailable("another run holds this workspace")

    again_where_it_helps(locked, first_wait_s=0.001)
    assert len(calls) == 3 and f"another run holds this workspace; try 2 of {TRIES} in 0 s" in caplog.text
    for error, times in ((Unavailable("no answer"), TRIES), (BadInput("params.yaml", "1", "2"), 1), (TastError("no face"), 1)):
        calls.clear()

        def fails(error: TastError = error) -> None:
            calls.append(1)
            raise error

        with pytest.raises(type(error)):
            again_where_it_helps(fails, first_wait_s=0.001)
        assert len(calls) == times
