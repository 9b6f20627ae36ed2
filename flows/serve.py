"""`make serve`: Prefect's server with a worker for prefect.yaml's deployments, and MLflow's page, until Ctrl-C.

Ports by PREFECT_PORT (4200) and MLFLOW_PORT (5000). TAST_HOST (127.0.0.1) is the address that Prefect listens on: one that others
reach is refused without PREFECT_SERVER_API_AUTH_STRING=user:password, since whoever reaches Prefect's API can start runs.
TAST_PUBLIC_URL is where browsers reach it then (http://<this machine's name>:<port>). MLflow's page asks nobody for credentials:
it stays on 127.0.0.1. TAST_WEBHOOK is an address to which each failed run is told (flows.alerts). TAST_POOL is the work pool,
tast by default: made where there is none, and left as it is otherwise.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from flows import PROJECT
from flows.alerts import api_of, catch_up, missed, tell_failures
from flows.servers import ANYWHERE, guarded, log_of, mlflow_page, prefect_server, until_stopped, url_of
from flows.store import ARTIFACTS, MLFLOW_PAGE, tracking_uri
from tast.addresses import LOOPBACK, is_loopback
from tast.errors import TastError
from tast.params import load_params
from tast.tracking.store import experiment_page, initialise

POOL, POOL_NAME = "tast", "TAST_POOL"  # the work pool, and the environment variable that names another one
EARLIER = ("nightly-repro/nightly-repro", "on-new-data/on-new-data", "benchmark/benchmark")
QUERY_S = 5  # how often the worker asks for runs that are due


@contextmanager
def deployed(prefect_url: str, mlflow_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A work pool, prefect.yaml's deployments and a worker in this checkout; the worker is ended with the block.

    A pool that is there already stays as its team has set it. mlflow_url: of the page that runs link to.
    """
    pool = os.environ.get(POOL_NAME) or POOL
    environment = {
        MLFLOW_PAGE: mlflow_url, **os.environ, "PREFECT_API_URL": f"{prefect_url}/api", "TAST_HOME": str(PROJECT),
        POOL_NAME: pool,
    }  # fmt: skip
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with api_of(prefect_url) as client:
        overdue = missed(client)
        retire(client)
        if not has_pool(client, pool):
            _prefect(["work-pool", "create", "--type", "process", pool], environment)
    _prefect(["--no-prompt", "deploy", "--all"], environment)
    with api_of(prefect_url) as client:
        catch_up(client, overdue)
    if webhook := os.environ.get("TAST_WEBHOOK"):
        tell_failures(prefect_url, webhook)
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    environment["PREFECT_WORKER_QUERY_SECONDS"] = str(QUERY_S)
    with (
        log_of("worker").open("wb") as log,
        guarded(command, env=environment, cwd=PROJECT, stdout=log, stderr=subprocess.STDOUT) as worker,
    ):
        yield worker


def retire(client: SyncPrefectClient) -> None:
    """Take back the deployments that an earlier release made under other names: what they would start is no more."""
    for name in EARLIER:
        with suppress(ObjectNotFound):
            client.delete_deployment(client.read_deployment_by_name(name).id)


def has_pool(client: SyncPrefectClient, pool: str) -> bool:
    """Whether that work pool is there. Raises TastError where it is one whose runs are no processes of this machine."""
    try:
        kind = client.read_work_pool(pool).type
    except ObjectNotFound:
        return False
    if kind != "process":
        raise TastError(f"the work pool {pool!r} is of type {kind}; expected process: name another one as {POOL_NAME}")
    return True


def _prefect(arguments: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments], env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TastError(f"prefect {' '.join(arguments)}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def public_url(host: str, port: int) -> str:
    """Where browsers reach a server that listens on `host`, where TAST_PUBLIC_URL does not say."""
    return url_of(socket.gethostname() if host in ANYWHERE else host, port)


def require_credentials(host: str) -> None:
    """Raises TastError where Prefect would let anybody who reaches this machine start runs."""
    credentials = os.environ.get("PREFECT_SERVER_API_AUTH_STRING", "")
    if not is_loopback(host) and not all(credentials.partition(":")):
        raise TastError(
            f"TAST_HOST={host} opens Prefect to others, who could start runs here: set "
            "PREFECT_SERVER_API_AUTH_STRING=user:password, or unset TAST_HOST to stay on this machine"
        )


def serve(prefect_port: int, mlflow_port: int, host: str) -> None:
    """Until Ctrl-C or SIGTERM. Raises TastError where a server or the worker ends by itself, or would be open to anybody."""
    require_credentials(host)
    initialise(tracking_uri())
    runs = experiment_page(tracking_uri(), load_params().publish.experiment)
    page_url = os.environ.get("TAST_PUBLIC_URL") or public_url(host, prefect_port)
    with (
        mlflow_page(tracking_uri(), ARTIFACTS, mlflow_port) as mlflow_url,
        prefect_server(prefect_port, host, page_url) as prefect_url,
        deployed(prefect_url, mlflow_url) as worker,
    ):
        print(f"MLflow   {mlflow_url}/{runs}\nPrefect  {page_url.rstrip('/')}/deployments\nCtrl-C stops all of them.", flush=True)
        while worker.poll() is None:
            time.sleep(1)
        raise TastError(f"the worker ended with code {worker.returncode}; see {log_of('worker')}")


def main() -> None:
    ports = (int(os.environ.get("PREFECT_PORT", "4200")), int(os.environ.get("MLFLOW_PORT", "5000")))
    until_stopped(lambda: serve(*ports, os.environ.get("TAST_HOST", LOOPBACK)))


if __name__ == "__main__":
    main()
