"""Process groups end whole; a real Prefect server answers and is gone afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest

from flows.main_job import run
from flows.prefect_flows import finish, require_prefect
from flows.serve import public_url, require_credentials
from flows.servers import _wait_until_healthy, end_group, free_port, guarded, prefect_server, url_of
from tast.addresses import is_loopback
from tast.doctor.project import check_prefect
from tast.errors import TastError, Unavailable

PARENT_WITH_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(child.pid, flush=True); time.sleep(600)"
)


def alive(pid: int) -> bool:
    """Running, and not a zombie whose parent has yet to read its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_end_group_ends_the_child_of_the_child() -> None:
    process = subprocess.Popen([sys.executable, "-c", PARENT_WITH_CHILD], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    assert alive(grandchild)
    end_group(process)
    process.stdout.close()
    deadline = time.monotonic() + 5
    while alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(grandchild)
    assert process.poll() is not None


def test_a_guarded_group_ends_even_where_its_starter_is_killed() -> None:
    """The starter is killed without a word; program and grandchild, which ignores TERM, are gone soon after."""
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    program = (
        "import subprocess, sys, time;"
        f"child = subprocess.Popen([sys.executable, '-c', {stubborn!r}], stdout=subprocess.PIPE);"
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(600)"
    )
    starter = (
        "import sys, time; from flows.servers import guarded\n"
        f"with guarded([sys.executable, '-c', {program!r}]) as process:\n    print(process.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(process.stdout.readline()) for _ in range(2)]
    assert all(alive(pid) for pid in pids)
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)


def test_a_guarded_programs_code_is_its_own() -> None:
    for code in (0, 3):
        with guarded([sys.executable, "-c", f"raise SystemExit({code})"]) as process:
            assert process.wait() == code


WAITS = """
import logging, time
from functools import partial
from flows.prefect_flows import finish, flow_of
from flows.running import run

def body():
    print("runs", flush=True)
    input()
    logging.getLogger("tast").warning("said")
    time.sleep(4)  # twice what Prefect gathers lines for before it sends them

run(partial(finish, flow_of(body)))
"""


def test_a_server_that_dies_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], start_new_session=True)
    with pytest.raises(TastError, match=r"ended with code 3; see .*prefect\.log"):
        _wait_until_healthy("prefect", process, f"http://127.0.0.1:{free_port()}", 20, tmp_path / "prefect.log")


def test_a_prefect_server_answers_and_is_gone_afterwards(
    prefect_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(prefect_database, tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with prefect_server() as address, urllib.request.urlopen(f"{address}/api/health", timeout=5) as answer:
        assert answer.read() == b"true"
        with urllib.request.urlopen(f"{address}/ui-settings", timeout=5) as settings:
            assert f'"api_url":"{address}/api"' in settings.read().decode()  # what its page asks
        assert check_prefect({"PREFECT_API_URL": f"{address}/api"}).detail == f"{address}/api answers"  # `tast doctor`
        environment = {**os.environ, "PREFECT_API_URL": f"{address}/api", "PREFECT_CLIENT_MAX_RETRIES": "1"}
        flow = subprocess.Popen(  # during which the server goes
            [sys.executable, "-c", WAITS], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert flow.stdout is not None
        assert flow.stdout.readline() == "runs\n"
    _, line = flow.communicate("gone\n", timeout=120)
    assert flow.returncode == 1
    told = [one for one in line.splitlines() if "prefect.events.clients" not in one and "EventsWorker" not in one]
    assert "said" in told.pop(0)
    assert len(told) == 1, line
    assert re.match(r"error: Prefect's server does not answer any more \(ConnectError\): start that server", told[0])
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{address}/api/health", timeout=2)
    assert os.environ["PREFECT_HOME"] == str(tmp_path)


def test_a_server_with_credentials_asks_for_them_and_its_page_asks_the_public_address(
    prefect_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(prefect_database, tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "anna:a secret")
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    with prefect_server(page_url="http://tast.example.org:4200/") as address:
        with urllib.request.urlopen(f"{address}/ui-settings", timeout=5) as answer:
            settings = json.load(answer)
        assert (settings["api_url"], settings["auth"]) == ("http://tast.example.org:4200/api", "BASIC")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{address}/api/admin/version", timeout=5)
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        with pytest.raises(TastError, match="asks for credentials: set PREFECT_API_AUTH_STRING to its user:password"):
            require_prefect()
        given = "import flows, os; print(os.environ['PREFECT_API_AUTH_STRING'])"  # every program of ours here has them
        shown = subprocess.run([sys.executable, "-c", given], capture_output=True, text=True, check=True)
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", shown.stdout.strip())
        require_prefect()


@pytest.mark.parametrize(
    ("host", "loopback", "here", "public"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:42", "http://127.0.0.1:42"),
        ("localhost", True, "http://localhost:42", "http://localhost:42"),
        ("::1", True, "http://[::1]:42", "http://[::1]:42"),
        ("0.0.0.0", False, "http://127.0.0.1:42", f"http://{socket.gethostname()}:42"),
        ("::", False, "http://[::1]:42", f"http://{socket.gethostname()}:42"),
        ("192.0.2.7", False, "http://192.0.2.7:42", "http://192.0.2.7:42"),
        ("tast.example.org", False, "http://tast.example.org:42", "http://tast.example.org:42"),
    ],
)
def test_who_reaches_a_server_and_where(
    host: str, loopback: bool, here: str, public: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (is_loopback(host), url_of(host, 42), public_url(host, 42)) == (loopback, here, public)
    for credentials in ("", "anna", "anna:", ":secret"):
        monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", credentials)
        if loopback:
            require_credentials(host)
        else:
            with pytest.raises(TastError, match=f"TAST_HOST={host} opens Prefect to others"):
                require_credentials(host)
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "anna:secret")
    require_credentials(host)


def one_line(module: str, **environment: str) -> str:
    """What a program of ours says on stderr; it exits with 1 and prints nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", module], env=os.environ | environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    return line


def test_others_are_not_let_in_without_credentials() -> None:
    line = one_line("flows.serve", TAST_HOST="0.0.0.0", PREFECT_SERVER_API_AUTH_STRING="")
    assert line.startswith("error: TAST_HOST=0.0.0.0 opens Prefect to others")
    assert "set PREFECT_SERVER_API_AUTH_STRING=user:password, or unset TAST_HOST" in line


def test_a_dead_prefect_server_is_one_line_that_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    line = one_line("flows.publish", PREFECT_API_URL=url)
    assert line.startswith(f"error: PREFECT_API_URL={url} does not answer (ConnectionError): start that server")
    assert "or unset the variable: each run then starts a server of its own" in line
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(TastError, match="unset the variable"):
        run()


def test_a_dead_mlflow_server_is_found_before_the_stages_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(
        TastError, match=r"MLFLOW_TRACKING_URI: http://127\.0\.0\.1:\d+ does not answer .* or unset MLFLOW_TRACKING_URI"
    ):
        run()


def test_a_server_that_goes_during_a_flow_is_one_line_and_worth_another_try() -> None:
    def asks_a_server_that_went(*, return_state: bool) -> None:
        httpx.get("http://127.0.0.1:9", trust_env=False)

    with pytest.raises(Unavailable, match=r"Prefect's server does not answer any more \(ConnectError\): "):
        finish(asks_a_server_that_went)
