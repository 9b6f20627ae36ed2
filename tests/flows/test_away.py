"""Machines that share no folder: real Dask workers, each in a folder of its own, and a real S3 server between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from flows.clips import lost_videos, preprocess_all
from flows.servers import free_port
from tast.errors import BadInput, TastError
from tast.params import Runner
from tast.preprocessing.away import Errand, ItemStore, run_errand
from tast.preprocessing.cache import ItemCache
from tast.preprocessing.pipeline import key_of, settings_of
from tast.records import VideoRecord
from tests.flows.test_no_clip_is_lost import NAMES, clips_of, people_in, settings
from tests.s3_server import BUCKET, S3Server, running_s3

STORE = f"s3://{BUCKET}/lab"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[VideoRecord]:
    return people_in(tmp_path_factory.mktemp("people"), longer_s=0.2)


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patched:
        yield patched


@pytest.fixture(scope="module")
def server(patch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with running_s3(patch) as running:
        yield running


@contextmanager
def machine(kind: str, *arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a folder of its own, whose temporary files lie there too."""
    (folder / "tmp").mkdir(parents=True)
    place = {"TMPDIR": os.fspath(folder / "tmp"), "PYTHONPATH": os.fspath(Path.cwd())}
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=os.environ | place, start_new_session=True
        )  # fmt: skip
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[dict[str, Any], list[subprocess.Popen[bytes]]]]:
    """What `away` is told of a scheduler and two workers, and the workers' processes."""
    address = f"tcp://127.0.0.1:{free_port()}"
    with ExitStack() as machines:
        port = address.rpartition(":")[2]
        machines.enter_context(
            machine("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", folder=folder / "scheduler")
        )
        workers = [
            machines.enter_context(
                machine(
                    "worker",
                    address,
                    "--nthreads",
                    "1",
                    "--no-dashboard",
                    "--preload-nanny",
                    "flows",
                    folder=folder / f"worker-{k}",
                )
            )
            for k in range(2)
        ]
        yield Runner(kind="dask", workers=2, memory_gb=4.0, address=address, store=STORE).away(), workers


def made(
    people: list[VideoRecord], folder: Path, monkeypatch: pytest.MonkeyPatch, away: dict[str, Any] | None
) -> tuple[dict[str, bytes], int, int]:
    """Each clip's file, how many items were computed elsewhere, and how many here."""
    monkeypatch.setenv("TAST_CACHE", str(folder / "cache"))
    (folder / "clips").mkdir(parents=True)
    shards, n_away = preprocess_all(people, settings(), folder / "clips", away=away, workers=1, lost=lost_videos)
    assert [reject for shard in shards for reject in shard.rejects] == []
    return clips_of(shards, folder / "clips"), n_away, sum(shard.n_computed for shard in shards)


def test_machines_that_share_no_folder_make_the_same_bytes(people, server, tmp_path, monkeypatch):
    """One of two is lost at its first item: that is done again, and nothing else."""
    alone, _, n_here = made(people, tmp_path / "alone", monkeypatch, None)
    assert n_here == len(NAMES)
    with cluster(tmp_path / "machines") as (away, workers):

        def lose_one() -> None:
            while not list((tmp_path / "machines/worker-0/tmp").rglob("tast-*")):
                time.sleep(0.05)
            os.killpg(workers[0].pid, signal.SIGKILL)

        accident = threading.Thread(target=lose_one)
        accident.start()
        together, n_away, n_here = made(people, tmp_path / "together", monkeypatch, away)
        accident.join()
        assert (n_away, n_here) == (len(NAMES), 0) and together == alone
        assert list((tmp_path / "machines/worker-1/tmp").rglob("tast-*")) == []
    another, n_away, n_here = made(people, tmp_path / "another", monkeypatch, {**away, "address": "tcp://127.0.0.1:9"})
    assert (n_away, n_here) == (0, 0) and another == alone  # what lies in the store needs no machine


def test_bytes_that_changed_on_the_way_and_a_worker_of_another_release_are_named(people, server, tmp_path):
    steps, video = settings_of(settings().model_dump()), people[0].video
    store = ItemStore(STORE)
    digests = store.send_video(video)
    errand = Errand("anna_1", key_of(video, steps), video, digests)
    with pytest.raises(TastError, match=r"anna_1: this worker computes otherwise .*requirements\.lock"):
        run_errand(Errand("anna_1", "0" * 64, video, digests), STORE, steps)
    server.put(f"lab/videos/{digests[0]}", b"other bytes")
    with pytest.raises(BadInput, match=r"anna\.avi: .*expected the bytes that s3://team/lab was given"):
        run_errand(errand, STORE, steps)


def test_what_the_store_does_not_give_is_one_line(people, server, tmp_path):
    server.refuse_after = 0
    errand = Errand("anna_1", "0" * 64, people[0].video, ("1" * 64,))
    with pytest.raises(TastError, match=r"runner\.store s3://team/lab: the store (refused|failed)"):
        run_errand(errand, STORE, {})
    server.refuse_after = None
    with pytest.raises(TastError, match="holds credentials"):
        ItemStore("s3://key:s3cret@team/lab")
    with pytest.raises(BadInput, match="gopher"):
        ItemStore("gopher://team/lab")
    with pytest.raises(ValidationError, match="store is for machines of a cluster; expected kind: dask"):
        Runner(kind="local", workers=1, memory_gb=1.0, store=STORE)
    assert ItemCache(tmp_path).wrong_with("0" * 64)
