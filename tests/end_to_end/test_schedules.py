"""`make serve` on a real Prefect server: the deployments are there with their forms, a schedule fires, and all ends together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from flows.servers import end_group, free_port
from tests.end_to_end.conftest import Workspace, own_environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]  # the first waits for the pipeline, then for two servers
PATIENCE_S = 300


class Api:
    """Prefect's API, asked over HTTP."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api"

    def filter(self, what: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(f"{self.url}/{what}/filter", b"{}", {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return list(json.load(answer))


def fire_every(prefect_yaml: Path, name: str, seconds: int) -> None:
    yaml = YAML()
    content = yaml.load(prefect_yaml)
    (deployment,) = (one for one in content["deployments"] if one["name"] == name)
    deployment["schedules"] = [{"interval": seconds}]
    yaml.dump(content, prefect_yaml)


def until(ask: Any, process: subprocess.Popen[str]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if found := ask():
            return found
        time.sleep(1)
    raise AssertionError(f"nothing within {PATIENCE_S} s")


@pytest.fixture(scope="module")
def served(finished: Workspace) -> Iterator[tuple[Api, subprocess.Popen[str]]]:
    kept = finished.path("prefect.yaml").read_text()
    fire_every(finished.path("prefect.yaml"), "on-new-data", 10)
    ports = {"PREFECT_PORT": str(free_port()), "MLFLOW_PORT": str(free_port())}
    with subprocess.Popen(
        [sys.executable, "-m", "flows.serve"], cwd=finished.folder, env=own_environment() | ports, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(3)]
            assert lines[-1].startswith("Ctrl-C stops"), (lines, process.poll())
            yield Api(int(ports["PREFECT_PORT"])), process
        finally:
            end_group(process)
            finished.path("prefect.yaml").write_text(kept)


def test_deployments_take_turns_and_have_typed_forms(served: tuple[Api, subprocess.Popen[str]]) -> None:
    commands = [" ".join(child.cmdline()) for child in psutil.Process(served[1].pid).children(recursive=True)]
    assert any("mlflow" in command for command in commands)
    assert not any("sqlite://" in command or "huey" in command for command in commands)  # nor MLflow's seven processes for jobs
    deployments = {one["name"]: one for one in served[0].filter("deployments")}
    assert set(deployments) == {"nightly", "on-new-data", "weekly"}
    assert {one["global_concurrency_limit"]["limit"] for one in deployments.values()} == {1}
    form = deployments["nightly"]["parameter_openapi_schema"]["properties"]
    assert form["push"]["type"] == "boolean" and "remote" in form["push"]["description"]
    assert form["until"]["enum"] == ["evaluate", "publish", "promote"] and "champion" in form["until"]["description"]
    assert deployments["nightly"]["tags"] == ["tast", "nightly"] and deployments["nightly"]["work_pool_name"] == "tast"
    names = deployments["weekly"]["parameter_openapi_schema"]["properties"]["names"]
    assert "evm" in names["items"]["enum"]
    assert deployments["nightly"]["schedules"][0]["schedule"]["cron"] == "0 3 * * *"


def test_the_schedule_fires_and_ends_at_once_where_nothing_changed(served: tuple[Api, subprocess.Popen[str]]) -> None:
    api, process = served

    def done() -> list[dict[str, Any]]:
        ended = [run for run in api.filter("flow_runs") if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]
        return [run for run in ended if run["auto_scheduled"]]

    def output() -> list[str]:
        lines = api.filter("logs")  # they arrive some seconds after the run's end
        return [line["message"] for line in lines if line["flow_run_id"] == run["id"] and line["name"] == "flows.scheduled"]

    run = until(done, process)[0]
    assert run["state_type"] == "COMPLETED", run
    assert until(output, process) == ["nothing changed"]
    assert run["name"].startswith("on-new-data 20")


def test_term_ends_servers_and_worker(served: tuple[Api, subprocess.Popen[str]]) -> None:
    api, process = served
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out.strip(), err.strip()) == (0, "stopped", "")
    with pytest.raises(urllib.error.URLError):
        api.filter("deployments")
    left = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False).stdout.split()
    assert left == []
