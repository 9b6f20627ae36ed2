"""Crews of real processes, of this machine and of a Dask cluster: killed workers, greedy workers, and the same bytes from all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tast.crew.cluster import dask_crew
from tast.crew.each import Crew, do_each_by
from tast.crew.local import local_crew
from tast.errors import TastError
from tast.params import load_params
from tast.preprocessing.pipeline import Shard, preprocess_records, settings_of
from tast.records import VideoRecord
from tests.crew.work import by_signal, fragile, greedy, squares, threads_of, wrong
from tests.end_to_end.conftest import PROJECT
from tests.preprocessing.test_pipeline import session

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # sockets of a killed Dask worker are closed late


@pytest.fixture(scope="module")
def local() -> Iterator[Crew]:
    with local_crew(workers=2, memory_gb=4.0) as crew:
        yield crew


@pytest.fixture(scope="module")
def dask() -> Iterator[Crew]:
    with dask_crew(workers=2, memory_gb=4.0) as crew:
        yield crew


@pytest.fixture(params=["local", "dask"])
def crew(request: pytest.FixtureRequest) -> Crew:
    chosen: Crew = request.getfixturevalue(request.param)
    return chosen


def reason_of(item: object, reason: str) -> str:
    return reason


def test_other_processes_do_the_work_where_we_are(crew: Crew) -> None:
    done = do_each_by(crew, squares, [[n] for n in range(12)])
    assert [result for result, _, _ in done] == [[n * n] for n in range(12)]
    pids = {pid for _, pid, _ in done}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= crew.size == 2
    assert {where for _, _, where in done} == {str(Path.cwd())}


def test_a_worker_computes_on_one_thread(crew: Crew) -> None:
    """OpenCV, and every BLAS and OpenMP that the job's imports have loaded."""
    (threads,) = do_each_by(crew, threads_of, [["cv2", "scipy.linalg"]])
    assert len(threads) >= 2 and set(threads) == {1}


def test_a_worker_killed_once_loses_nothing(crew: Crew, tmp_path: Path) -> None:
    done = do_each_by(crew, partial(fragile, folder=tmp_path, once=(2, 5)), [[n] for n in range(8)])
    assert done == [[n * n] for n in range(8)]
    assert (tmp_path / "2-1").exists()


def test_a_deadly_item_is_named_and_takes_nobody_with_it(crew: Crew, tmp_path: Path) -> None:
    done = do_each_by(crew, partial(fragile, folder=tmp_path, deadly=(3,)), [[n] for n in range(8)], lost=reason_of)
    assert done[3] == "worker killed (out of memory?)"
    assert [result for n, result in enumerate(done) if n != 3] == [[n * n] for n in range(8) if n != 3]


def test_local_items_are_tried_twice_and_the_innocent_once(local: Crew, tmp_path: Path) -> None:
    do_each_by(local, partial(fragile, folder=tmp_path, deadly=(0,)), [[0], [1], [2]], lost=reason_of)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-0", "0-1", "1-0", "2-0"]


def test_a_worker_that_outgrows_its_share_is_stopped() -> None:
    with local_crew(workers=1, memory_gb=0.3) as crew:
        done = do_each_by(crew, greedy, [[20], [400], [20]], lost=reason_of)
    assert done == [20, "worker killed (needs more than 0.3 GB: memory_gb)", 20]


def test_it_is_said_how_a_worker_died(local: Crew) -> None:
    done = do_each_by(local, by_signal, ["SIGSEGV", "exit"], lost=reason_of)
    assert done == ["worker killed (SIGSEGV)", "worker ended (exit code 7)"]


def test_errors_of_the_work_pass_through(crew: Crew) -> None:
    with pytest.raises(ValueError, match="no 7"):
        do_each_by(crew, wrong, [[7]])
    assert do_each_by(crew, squares, [[3]])[0][0] == [9]


def test_a_crew_that_has_gone_home_does_nothing() -> None:
    with local_crew(workers=1) as crew:
        pass
    with pytest.raises(RuntimeError, match="gone home"):
        do_each_by(crew, squares, [[1]])


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tast.crew.cluster.PATIENCE_S", 1)
    with (
        pytest.raises(TastError, match=r"address 'tcp://127.0.0.1:9': no Dask scheduler with a worker answers"),
        dask_crew(workers=1, memory_gb=1.0, address="tcp://127.0.0.1:9"),
    ):
        pass


def test_the_crew_is_imported_without_what_its_work_needs() -> None:
    loaded = "import sys, tast.crew.each; print(*{name.partition('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert "psutil" in found
    assert not {"dask", "distributed", "numpy", "cv2", "torch", "flows", "prefect"} & set(found)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[VideoRecord]:
    folder = tmp_path_factory.mktemp("raw")
    return [session(folder, "01-01"), session(folder, "02-01", face=False)]


def preprocess_once_killed(items: list[VideoRecord], *, folder: Path, deadly: str, **chosen: object) -> Shard:
    """Preprocessing; the first try on one record is done, stored, and then its worker is killed before it can tell."""
    shard = preprocess_records(items, cache_root=folder / "cache", clips_folder=folder / "clips", **chosen)
    if items[0].record_id == deadly:
        fragile([0], folder=folder, once=(0,))
    return shard


def outcome(folder: Path, shards: list[Shard]) -> tuple[object, ...]:
    clips = folder / "clips"
    files = {str(path.relative_to(clips)): path.read_bytes() for path in sorted(clips.rglob("*")) if path.is_file()}
    return files, [shard.rows for shard in shards], [shard.rejects for shard in shards], [shard.defects for shard in shards]


def test_one_worker_two_workers_and_a_cluster_that_loses_one_give_the_same_bytes(
    records: list[VideoRecord], local: Crew, dask: Crew, tmp_path: Path
) -> None:
    chosen = load_params(PROJECT / "params.yaml").preprocess.model_dump()
    chosen["clips"] |= {"length_s": 3, "size_px": 32}
    chosen["label_delay_s"] = 0.0
    settings = settings_of(chosen)
    here = tmp_path / "here"
    one = preprocess_records(records, settings=settings, cache_root=here / "cache", clips_folder=here / "clips")
    assert (len(one.rows), len(one.rejects)) == (2, 1)
    for name, crew in {"local": local, "dask": dask}.items():
        there = tmp_path / name
        there.mkdir()
        work = partial(preprocess_once_killed, folder=there, deadly="01-01", settings=settings)
        shards = do_each_by(crew, work, [[record] for record in records])
        assert (there / "0-1").exists()  # it was killed, and tried again
        files, rows, rejects, _ = outcome(there, shards)
        assert files == outcome(here, [one])[0]
        assert sum(rows, ()) == one.rows
        assert sum(rejects, ()) == one.rejects
        assert list(files) == ["01-01.npy", "light/01-01.npy", "pulse/01-01.npy"]
        assert shards[0].n_computed == 0  # the second try found the first one's frames
