"""Preprocessing by machines that share no folder, through an S3 store: what a second and a fourth keep of their speed.

    python -m benchmarks.machines [--videos 12] [--seconds 20] [--repeats 3] [--publish]      (a quarter of an hour of two cores)

1, 2 and 4 Dask workers, each in a folder and, where this may be done (root, Linux's `ip`), in a network namespace of its own,
with a veth to this machine, on which the scheduler and a real S3 server (moto's) run. Each round has a store of its own that is
empty; all workers do a small video first. Every round's items must be the bytes of those that were made here. One round more
kills a worker while it computes: how many videos are then fetched a second time. Efficiency: time of one worker, over n
times that of n; of more workers than cores it is told beside, as CPU time per video.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import psutil
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.results import Row, write_between, write_rows
from flows import running
from flows.servers import free_port
from tast.digests import file_digest
from tast.params import load_params
from tast.phantom.render import render
from tast.phantom.session import phantom_sessions
from tast.preprocessing.away import compute_away
from tast.preprocessing.cache import FRAMES, ItemCache
from tast.preprocessing.pipeline import key_of, settings_of
from tast.preprocessing.steps import Settings, preprocess_video
from tast.records import Spo2Trace, VideoRecord, VideoSource
from tast.video.coding import Coding
from tast.video.write_coded import write_coded

PAGE = Path("docs/scaling.md")
BEGIN, END = "<!-- machines: python -m benchmarks.machines --publish -->", "<!-- end of machines -->"
WORKERS = (1, 2, 4)
MUST = 0.9  # of two, on two cores
BUCKET = "machines"
WARM_UP_S = 3.0
PATIENCE_S = 120.0
HERE = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """A worker's machine: its network namespace, empty where there is none, and the address at which it sees this one."""

    namespace: str
    host: str


def may_have_namespaces() -> bool:
    return os.geteuid() == 0 and shutil.which("ip") is not None


@contextmanager
def places(n: int) -> Iterator[list[Place]]:
    if not may_have_namespaces():
        yield [Place("", HERE)] * n
        return
    made = [Place(f"tast{os.getpid()}-{k}", f"10.213.{k}.1") for k in range(n)]
    try:
        for k, place in enumerate(made):
            outer, inner = f"tast{k}o", f"tast{k}i"
            for command in (
                f"netns add {place.namespace}", f"link add {outer} type veth peer name {inner}",
                f"link set {inner} netns {place.namespace}", f"addr add {place.host}/24 dev {outer}", f"link set {outer} up",
                f"-n {place.namespace} addr add 10.213.{k}.2/24 dev {inner}", f"-n {place.namespace} link set {inner} up",
                f"-n {place.namespace} link set lo up", f"-n {place.namespace} route add default via {place.host}",
            ):  # fmt: skip
                subprocess.run(["ip", *command.split()], check=True, capture_output=True)
        yield made
    finally:
        for k, place in enumerate(made):  # a namespace that is gone takes its end of the cable along, but in its own time
            for command in (f"link delete tast{k}o", f"netns delete {place.namespace}"):
                subprocess.run(["ip", *command.split()], check=False, capture_output=True)


@contextmanager
def process(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """In a folder of its own, with its temporary files."""
    (folder / "tmp").mkdir(parents=True)
    place = {"TMPDIR": os.fspath(folder / "tmp"), "PYTHONPATH": os.fspath(Path.cwd()), "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("wb") as log:
        started = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=os.environ | environment | place, start_new_session=True
        )  # fmt: skip
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):  # it was killed before
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@dataclass(frozen=True)
class Cluster:
    away: dict[str, Any]
    workers: list[subprocess.Popen[bytes]]
    root: Path


@contextmanager
def cluster(n: int, root: Path, s3_port: int) -> Iterator[Cluster]:
    """A scheduler here and n workers elsewhere, all of them there."""
    from distributed import Client

    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(
            process([sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", str(port), "--no-dashboard"],
                    root / "scheduler", {})
        )  # fmt: skip
        workers = []
        for k, place in enumerate(stack.enter_context(places(n))):
            inside = ["ip", "netns", "exec", place.namespace] if place.namespace else []
            arguments = ["--nthreads", "1", "--no-dashboard", "--memory-limit", "0", "--preload-nanny", "flows"]
            command = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{place.host}:{port}", *arguments]
            store = {"AWS_ENDPOINT_URL": f"http://{place.host}:{s3_port}"}
            workers.append(stack.enter_context(process([*inside, *command], root / f"worker-{k}", store)))
        address = f"tcp://{HERE}:{port}"
        with Client(address, timeout=PATIENCE_S) as client:
            client.wait_for_workers(n, timeout=PATIENCE_S)
        yield Cluster({"kind": "dask", "workers": n, "memory_gb": None, "address": address}, workers, root)


@contextmanager
def s3_server(root: Path) -> Iterator[int]:
    """moto's server, for every address of this machine; its port."""
    port = free_port()
    known = {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{HERE}:{port}", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    os.environ.update(known)
    with process([sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", str(port)], root / "s3", {}):
        client, ends_s = boto3.client("s3"), time.monotonic() + PATIENCE_S
        while True:
            try:
                client.create_bucket(Bucket=BUCKET)
                break
            except (BotoCoreError, ClientError) as error:
                if time.monotonic() > ends_s:
                    raise RuntimeError("the S3 server did not start") from error
                time.sleep(0.2)
        yield port


def film(folder: Path, videos: int, seconds: float, seed: int) -> list[VideoRecord]:
    """H.264 of 640x480."""
    sessions = phantom_sessions(
        seed=seed, subjects=videos, sessions=1, seconds=seconds, fps_hz=30.0, width_px=640, height_px=480, face_height_px=160,
        profile="wide", scenarios=("slow_translation",),
    )  # fmt: skip
    records = []
    for session in sessions:
        place = folder / session.name
        place.mkdir(parents=True)
        path = write_coded(place / "video", render(session), Coding("h264", ".avi", quality=18))
        spo2 = Spo2Trace(np.arange(seconds), np.full(int(seconds), 97.0))
        source = VideoSource(path, None, session.frame_times_s())
        records.append(VideoRecord("machines", f"{session.subject:03d}", "", session.name, source, spo2))
    return records


def digests_of(records: Sequence[VideoRecord], settings: Settings, cache: ItemCache) -> list[str]:
    return [file_digest(cache.file(key_of(record.video, settings), FRAMES)) for record in records]


def cpu_s_of(workers: Sequence[subprocess.Popen[bytes]]) -> float:
    """Of all processes of the workers so far."""
    total = 0.0
    for worker in workers:
        above = psutil.Process(worker.pid)
        for one in (above, *above.children(recursive=True)):
            used = one.cpu_times()
            total += used.user + used.system
    return total


@dataclass(frozen=True)
class Round:
    wall_s: float
    cpu_s: float
    digests: list[str]


def run(records: Sequence[VideoRecord], settings: Settings, there: Cluster, name: str) -> Round:
    cache = ItemCache(there.root / f"cache-{name}")
    before_s, start_s = cpu_s_of(there.workers), time.perf_counter()
    done = compute_away(records, settings, cache, f"s3://{BUCKET}/{name}", on_result=lambda n: None, **there.away)
    wall_s = time.perf_counter() - start_s
    if done.lost or done.n_computed != len(records):
        raise RuntimeError(f"{done.n_computed} of {len(records)} videos were computed, lost {dict(done.lost)}")
    alive = [worker for worker in there.workers if worker.poll() is None]
    return Round(wall_s, cpu_s_of(alive) - before_s, digests_of(records, settings, cache))


def lost_midway(records: Sequence[VideoRecord], settings: Settings, root: Path, port: int) -> tuple[Round, int]:
    """Two workers, one of which is killed while it computes; and how many videos were fetched more often than once."""
    with cluster(2, root, port) as there:
        victim = root / "worker-0/tmp"

        def kill() -> None:
            while not list(victim.rglob("tast-*/video/*")):
                time.sleep(0.02)
            os.killpg(there.workers[0].pid, signal.SIGKILL)

        accident = threading.Thread(target=kill)
        accident.start()
        made = run(records, settings, there, "lost")
        accident.join()
        log = (root.parent / "s3/log").read_text(errors="replace")
    fetched = [line.split("GET ")[1].split()[0] for line in log.splitlines() if "GET /" in line and "/lost/videos/" in line]
    return made, len(fetched) - len(set(fetched))


def measure(root: Path, videos: int, seconds: float, repeats: int) -> list[Row]:
    settings = settings_of(load_params().preprocess.model_dump())
    records, warm_up = film(root / "films", videos, seconds, 7), film(root / "short", 2 * max(WORKERS), WARM_UP_S, 8)
    here = ItemCache(root / "here")
    for record in records:
        made = partial(preprocess_video, record.record_id, record.video, settings)
        here.get_or_compute(key_of(record.video, settings), record.record_id, made)
    expected = digests_of(records, settings, here)
    found: dict[int, list[Round]] = {n: [] for n in WORKERS}
    with s3_server(root) as port:
        for k in range(repeats):
            for n in WORKERS:
                place = root / f"round-{k}-{n}"
                with cluster(n, place, port) as there:
                    run(warm_up, settings, there, f"warm-{k}-{n}")
                    found[n].append(run(records, settings, there, f"made-{k}-{n}"))
                if found[n][-1].digests != expected:
                    raise RuntimeError(f"{n} workers made other bytes than this process")
                print(f"{n} workers: {found[n][-1].wall_s:.1f} s, {found[n][-1].cpu_s:.1f} CPU s", flush=True)
        lost, again = lost_midway(records, settings, root / "lost", port)
    if lost.digests != expected:
        raise RuntimeError("after the loss of a worker other bytes were made")
    wall_s = {n: statistics.median(one.wall_s for one in found[n]) for n in WORKERS}
    cpu_s = {n: statistics.median(one.cpu_s for one in found[n]) / videos for n in WORKERS}
    what = f"{videos} videos of {seconds:g} s"
    cores = os.cpu_count() or 1
    rows = [Row(f"{what}, one worker", wall_s[1], "s", better="lower")]
    for n in WORKERS[1:]:
        must = MUST if n <= cores else None
        rows.append(Row(f"{what}, {n} workers: efficiency", wall_s[1] / wall_s[n] / n, "1", f"{cores} cores", must=must))
    rows += [Row(f"{n} workers: CPU time of a video", cpu_s[n], "s", better="lower") for n in WORKERS]
    rows += [
        Row("same bytes as in one process, of rounds", float(len(WORKERS) * repeats + 1), "rounds"),
        Row("a worker killed midway: videos fetched again", float(again), "videos", better="lower", must=1.0),
        Row("network namespaces", float(may_have_namespaces()), "1"),
        Row("load of the machine at the end (1 minute)", os.getloadavg()[0], "processes", better="lower"),
    ]
    return rows


def lines(found: Sequence[Row]) -> list[str]:
    return ["| | |", "|---|---:|", *(f"| {row.name} | {row.value:.3g} {row.unit if row.unit != '1' else ''} |" for row in found)]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.machines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked.videos, asked.seconds, asked.repeats)
    write_rows("machines", found)
    if asked.publish:
        write_between(PAGE, BEGIN, END, lines(found))


if __name__ == "__main__":
    running.run(main)
