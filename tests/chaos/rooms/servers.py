"""MLflow's and Prefect's servers killed midway, their stores locked or put back from an older copy; a clock that goes back."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from flows.servers import _wait_until_healthy, end_group, free_port
from tests.chaos.outcome import Outcome, Tries
from tests.chaos.published import summary
from tests.chaos.rooms.kills import dvc
from tests.chaos.workspace import OUTPUTS, STAGES, Ended, Host, digests, finished, host_in, made
from tests.end_to_end.conftest import own_environment, set_params

START_S = 180.0
LOCKED_S = 8.0
ONE_OF_EACH = "one run, one version, the same numbers and files"
CLOCK = Path(__file__).parents[1] / "clock_back.c"
DAY_S = 86_400
FEW_TRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}  # of a server that is gone; MLflow's own seven take minutes


def run(tries: Tries) -> Iterator[Outcome]:
    folder = made(tries.folder / "project")
    shim = compiled_clock(tries.folder)
    preloaded = {} if shim is None else {"LD_PRELOAD": str(shim)}
    with host_in(folder, publishes=True, **preloaded) as host:
        took_s = finished(host)
        host.done("source")
        dvc(folder, "commit", "--force", "--quiet")
        yield from clock_back(host, took_s, known=shim is not None)
        yield mlflow_killed(host, tries)
        yield a_day_before(host)
    yield from of_prefect(folder)


def compiled_clock(folder: Path) -> Path | None:
    """None where there is no C compiler."""
    if shutil.which("cc") is None:
        return None
    shim = folder / "clock_back.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(CLOCK)], check=True)
    return shim


def clock_back(host: Host, took_s: dict[str, float], *, known: bool) -> Iterator[Outcome]:
    """What was made today, used by runs of yesterday."""
    fault = "the clock goes back by a day"
    if not known:
        yield Outcome(fault, "the same bytes", 0, 0, note="no C compiler here: not tried")
        return
    yesterday = {"CLOCK_BACK_S": str(DAY_S)}
    tried = held = 0
    first = ""
    for stage in STAGES:
        whole = digests(host.folder, OUTPUTS[stage])
        if stage == "train":  # an epoch of today goes on yesterday
            shutil.rmtree(host.folder / ".tast/checkpoints", ignore_errors=True)
            host.run(stage, kill_when=".tast/checkpoints/checkpoint.pt")
        else:
            host.run(stage, kill_after_s=took_s[stage] / 2)
        ended = host.run(stage, environment=yesterday)
        again = host.run(stage)
        sound = not ended.rc and not again.rc and digests(host.folder, OUTPUTS[stage]) == whole
        tried, held = tried + 1, held + sound
        first = first or ("" if sound else f"{stage}: exit {ended.rc} {ended.text.strip()[-200:]}")
    yield Outcome(f"{fault} behind a stage that was killed", "the same bytes", tried, held, note=first)
    store = host.folder / ".tast/mlflow"
    host.done("publish")
    whole_store = summary(store)
    seen = _newest_start_s(store)
    ended = host.run("publish", environment=yesterday)
    same = ended.rc == 0 and summary(store) == whole_store
    shutil.rmtree(store)
    anew = host.run("publish", environment=yesterday)
    behind = seen - _newest_start_s(store) if anew.rc == 0 else 0.0
    same = same and host.run("publish").rc == 0 and summary(store) == whole_store and DAY_S - 600 < behind < DAY_S
    note = f"started {behind / 3600:.1f} h before" if same else f"{behind:.0f} s; {ended.text[-150:]}{anew.text[-150:]}"
    yield Outcome(f"{fault} between two publishings", ONE_OF_EACH, 1, int(same), note=note)


def _newest_start_s(store: Path) -> float:
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        return float(database.execute("select max(start_time) from runs").fetchone()[0]) / 1000


@contextmanager
def server(command: list[str], url: str, health: str, folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    log_file = folder / "server.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=own_environment() | environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_healthy("tried", process, f"{url}{health}", START_S, log_file)
        yield process
    finally:
        end_group(process)


def _mlflow(store: Path, port: int) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--default-artifact-root", (store / "artifacts").as_uri()]
    return command, {"MLFLOW_BACKEND_STORE_URI": f"sqlite:///{store}/mlflow.db"}


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def mlflow_killed(host: Host, tries: Tries) -> Outcome:
    """While something is published to it; then another server on the same store, and the same once more."""
    store = host.folder / "of_server"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command, environment = _mlflow(store, port)
    asked = {"MLFLOW_TRACKING_URI": url} | FEW_TRIES

    def fresh() -> None:
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir()

    fresh()
    with server(command, url, "/health", store, **environment):
        took_s = host.done("publish", environment=asked).took_s
    whole = summary(store)
    tried = held = tracebacks = 0
    first = ""
    for _ in range(tries.times(4)):
        if tries.over and tried:
            break
        fresh()
        with server(command, url, "/health", store, **environment) as process:
            timer = threading.Timer(tries.random.uniform(0.1, 0.9) * took_s, _kill, [process])
            timer.start()
            ended = host.run("publish", environment=asked)
            timer.join()
        with server(command, url, "/health", store, **environment):
            again = host.run("publish", environment=asked)
        sound = (ended.one_line or ended.rc == 0) and again.rc == 0 and summary(store) == whole
        tried, held, tracebacks = tried + 1, held + sound, tracebacks + ("Traceback" in ended.text)
        first = first or ("" if sound else f"exit {ended.rc}: {ended.text.strip()[-200:]} then {again.text.strip()[-150:]}")
    shutil.rmtree(store)
    return Outcome("SIGKILL of MLflow's server while it is published to", f"one line; then {ONE_OF_EACH}", tried, held,
                   tracebacks=tracebacks, note=first)  # fmt: skip


def a_day_before(host: Host) -> Outcome:
    """The database of before two of three runs, beside the files of all three: each, published again, is there once."""
    store, params = host.folder / ".tast/mlflow", host.folder / "params.yaml"
    shutil.rmtree(store, ignore_errors=True)
    before = params.read_bytes()
    host.done("publish")
    shutil.copy(store / "mlflow.db", host.folder / "of_yesterday.db")

    def publish_with(draws: int) -> Ended:
        set_params(params, {"evaluate.bootstrap": draws})
        host.done("evaluate")
        dvc(host.folder, "commit", "--force", "--quiet", "evaluate")
        return host.run("publish")

    ended = [publish_with(draws) for draws in (21, 22)]
    whole = summary(store)
    for name in ("mlflow.db-wal", "mlflow.db-shm"):
        (store / name).unlink(missing_ok=True)
    shutil.copy(host.folder / "of_yesterday.db", store / "mlflow.db")
    lost = summary(store)["versions"]
    ended += [publish_with(draws) for draws in (21, 22)]
    found = summary(store)
    sound = not any(one.rc for one in ended) and found == whole and len(lost) == 1 and len(whole["versions"]) == 3
    params.write_bytes(before)
    host.done("evaluate")
    dvc(host.folder, "commit", "--force", "--quiet", "evaluate")
    other = [f"{key}: {found[key]} in place of {whole[key]}"[:300] for key in whole if found[key] != whole[key]]
    note = "" if sound else f"{[one.rc for one in ended]} {ended[-1].text.strip()[-100:]}; {'; '.join(other)}"
    fault = "MLflow's database put back from a copy of before two of three runs"
    return Outcome(fault, "each of them once, with the same numbers", 1, int(sound), note=note)


def of_prefect(folder: Path) -> Iterator[Outcome]:
    """Prefect's server under a real flow: killed midway, its database locked for a while, and put back from an older copy."""
    home = folder / "of_prefect"
    home.mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"PREFECT_HOME": str(home)}
    asked = {"PREFECT_API_URL": f"{url}/api", "PREFECT_HOME": str(home)}
    store = folder / ".tast/mlflow"
    shutil.rmtree(store, ignore_errors=True)
    database = home / "prefect.db"
    with server(command, url, "/api/health", home, **environment) as process:
        flow = _flow(folder, asked | {"PREFECT_CLIENT_MAX_RETRIES": "2"})  # its own five take minutes
        _await_run(database, flow)
        _kill(process)
        ended = _end_of(flow)
    with server(command, url, "/api/health", home, **environment):
        again = _end_of(_flow(folder, asked))
        whole = summary(store)
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            flow = _flow(folder, asked)
            _await_run(database, flow, more_than=_runs(database))
            connection.execute("begin exclusive")
            time.sleep(LOCKED_S)
            connection.rollback()
        waited = _end_of(flow)
    told = ended.one_line and "Error logging" not in ended.text
    sound = (told or ended.rc == 0) and again.rc == 0 and len(whole["versions"]) == 1 and whole["runs"][0][0] == 1
    note = "" if sound else f"exit {ended.rc}: {ended.text.strip()[-250:]}; then {again.rc} {whole['versions']} {whole['runs']}"
    yield Outcome("SIGKILL of Prefect's server during a flow", "done without it, or one line; then one run, one version", 1,
                  int(sound), tracebacks=int("Traceback" in ended.text), note=note)  # fmt: skip
    sound = waited.rc == 0 and summary(store) == whole
    yield Outcome(f"Prefect's database locked for {LOCKED_S:g} s", "waited for", 1, int(sound),
                  note="" if sound else f"exit {waited.rc}: {waited.text.strip()[-200:]}")  # fmt: skip
    for name in ("prefect.db-wal", "prefect.db-shm"):
        (home / name).unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("delete from flow_run")  # what was not yet in the file itself went with the others
        connection.commit()
    with server(command, url, "/api/health", home, **environment):
        after = _end_of(_flow(folder, asked))
        runs = _runs(database)
    sound = after.rc == 0 and runs == 1 and summary(store) == whole
    yield Outcome("Prefect's database without the flows of before", "the next flow is its first; nothing is published twice", 1,
                  int(sound), note="" if sound else f"{runs} flows, exit {after.rc}: {after.text.strip()[-200:]}")  # fmt: skip


def _flow(folder: Path, asked: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flows.publish"], cwd=folder, env=own_environment() | asked, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _end_of(flow: subprocess.Popen[str]) -> Ended:
    began_s = time.monotonic()
    _, text = flow.communicate(timeout=300)
    return Ended(flow.returncode, time.monotonic() - began_s, text)


def _runs(database: Path) -> int:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("select count(*) from flow_run where state_type is not null").fetchone()[0])
    return 0


def _await_run(database: Path, flow: subprocess.Popen[str], more_than: int = 0) -> None:
    while flow.poll() is None and _runs(database) <= more_than:
        time.sleep(0.05)
