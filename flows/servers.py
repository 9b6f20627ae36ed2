"""Servers on this machine, each in its own process group, and always ended as a group."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flows import STATE
from tast.addresses import LOOPBACK
from tast.doctor.project import check_mlflow
from tast.errors import TastError, Unavailable

NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # for its judges of language models: seven processes, 25 s of CPU
ANYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # an address to listen on -> where this machine reaches it


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def until_stopped(serve: Callable[[], None]) -> None:
    """Call what serves for ever: Ctrl-C and SIGTERM end it cleanly; a TastError is one line on stderr and exit code 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve()
    except KeyboardInterrupt:
        print("stopped")
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def url_of(host: str, port: int) -> str:
    """Where this machine reaches a server that listens on `host`."""
    name = ANYWHERE.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def require_mlflow() -> None:
    """Raises TastError where MLFLOW_TRACKING_URI names a server that does not answer: MLflow itself would try for 4 minutes."""
    if not (check := check_mlflow(os.environ)).ok:
        raise Unavailable(
            f"MLFLOW_TRACKING_URI: {check.detail}; {check.what_to_do}: without it runs go to a file in .tast/mlflow"
        )


@contextlib.contextmanager
def prefect_server(port: int | None = None, host: str = LOOPBACK, page_url: str | None = None) -> Iterator[str]:
    """A Prefect server for the length of the block; yields its address for this machine. The API is at <address>/api.

    page_url: where browsers reach it, if that is another address.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
    address = url_of(host, port)
    ui_api_url = f"{(page_url or address).rstrip('/')}/api"  # else the page asks port 4200, whatever ours is
    environment = {**os.environ, "PREFECT_SERVER_UI_API_URL": ui_api_url}
    with _process("prefect", command, f"{address}/api/health", env=environment):
        yield address


@contextlib.contextmanager
def mlflow_page(tracking_uri: str, artifacts: Path, port: int, host: str = LOOPBACK) -> Iterator[str]:
    """MLflow's page over a tracking store; yields its address."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--default-artifact-root", artifacts.as_uri()]
    environment = {**NO_JOBS, **os.environ, "MLFLOW_BACKEND_STORE_URI": tracking_uri}  # as an argument, all here could read it
    address = url_of(host, port)
    with _process("mlflow", command, f"{address}/health", env=environment):
        yield address


def log_of(name: str) -> Path:
    """The file that a server's output goes to."""
    logs = STATE / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return logs / f"{name}.log"


@contextlib.contextmanager
def _process(name: str, command: list[str], health_url: str, patience_s: float = 300, **options: Any) -> Iterator[None]:
    log_file = log_of(name)
    with log_file.open("wb") as log, guarded(command, stdout=log, stderr=subprocess.STDOUT, **options) as process:
        _wait_until_healthy(name, process, health_url, patience_s, log_file)
        yield


@contextlib.contextmanager
def guarded(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, which ends with the block, and with this process even where that one is killed."""
    its_end, our_end = os.pipe()
    guard = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), str(its_end)]
    process = subprocess.Popen([*guard, *command], pass_fds=[its_end], start_new_session=True, **options)
    os.close(its_end)
    try:
        yield process
    finally:
        end_group(process)
        os.close(our_end)


def _wait_until_healthy(name: str, process: subprocess.Popen[bytes], url: str, patience_s: float, log_file: Path) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise TastError(f"the {name} server ended with code {process.returncode}; see {log_file}")
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(url, timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise TastError(f"the {name} server did not answer at {url} within {patience_s:.0f} s; see {log_file}")


def end_group(process: subprocess.Popen[bytes], patience_s: float = 10) -> None:
    """TERM to the whole process group, then KILL to what is left: a child alone would survive its parent."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
