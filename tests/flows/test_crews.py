"""Crews of real processes, of this machine and of a Dask cluster: killed workers, greedy workers, and the same bytes from all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from flows.crews import CREWS, Crew, WorkerKilled, dask_crew, local_crew
from tast.errors import TastError
from tast.params import load_params
from tast.preprocessing.pipeline import Shard, preprocess_records, settings_of
from tast.records import VideoRecord
from tests.end_to_end.conftest import PROJECT
from tests.flows.work import fragile, greedy, squares, wrong
from tests.preprocessing.test_pipeline import session

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # sockets of a killed Dask worker are closed late


@pytest.fixture(scope="module")
def local() -> Iterator[Crew]:
    with local_crew(workers=2, memory_gb=4.0, address=None) as crew:
        yield crew


@pytest.fixture(scope="module")
def dask() -> Iterator[Crew]:
    with dask_crew(workers=2, memory_gb=4.0, address=None) as crew:
        yield crew


@pytest.fixture(params=CREWS)
def crew(request: pytest.FixtureRequest) -> Crew:
    chosen: Crew = request.getfixturevalue(request.param)
    return chosen


def do_all(crew: Crew, work: object, items: list) -> list:
    """Results in the order of the items, or the WorkerKilled of those that were lost."""

    def one(item: object) -> object:
        try:
            return crew.do(work, item)
        except WorkerKilled as death:
            return death

    with ThreadPoolExecutor(2 * crew.size) as threads:
        return list(threads.map(one, items))


def test_other_processes_do_the_work_where_we_are(crew: Crew) -> None:
    done = do_all(crew, squares, list(range(12)))
    assert [result for result, _, _ in done] == [[n * n] for n in range(12)]
    pids = {pid for _, pid, _ in done}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= crew.size == 2
    assert {where for _, _, where in done} == {str(Path.cwd())}


def test_a_worker_killed_once_loses_nothing(crew: Crew, tmp_path: Path) -> None:
    done = do_all(crew, partial(fragile, folder=tmp_path, once=(2, 5)), list(range(8)))
    assert done == [[n * n] for n in range(8)]
    assert (tmp_path / "2-1").exists()


def test_a_deadly_item_is_named_and_takes_nobody_with_it(crew: Crew, tmp_path: Path) -> None:
    done = do_all(crew, partial(fragile, folder=tmp_path, deadly=(3,)), list(range(8)))
    assert isinstance(done[3], WorkerKilled)
    assert "worker killed (out of memory?)" in str(done[3])
    assert [result for n, result in enumerate(done) if n != 3] == [[n * n] for n in range(8) if n != 3]


def test_local_items_are_tried_twice_and_the_innocent_once(local: Crew, tmp_path: Path) -> None:
    do_all(local, partial(fragile, folder=tmp_path, deadly=(0,)), [0, 1, 2])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-0", "0-1", "1-0", "2-0"]


def test_a_worker_that_outgrows_its_share_is_stopped() -> None:
    with local_crew(workers=1, memory_gb=0.3, address=None) as crew:
        assert crew.do(greedy, 20) == 20
        with pytest.raises(WorkerKilled, match=r"needs more than 0.3 GB \(runner.memory_gb\)"):
            crew.do(greedy, 400)
        assert crew.do(greedy, 20) == 20


def test_errors_of_the_work_pass_through(crew: Crew) -> None:
    with pytest.raises(ValueError, match="no 7"):
        crew.do(wrong, 7)


def test_a_crew_that_has_gone_home_does_nothing() -> None:
    with local_crew(workers=1, memory_gb=1.0, address=None) as crew:
        pass
    with pytest.raises(RuntimeError, match="gone home"):
        crew.do(squares, 1)


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.crews.DASK_PATIENCE_S", 1)
    with (
        pytest.raises(TastError, match=r"runner.address = 'tcp://127.0.0.1:9'"),
        dask_crew(workers=1, memory_gb=1.0, address="tcp://127.0.0.1:9"),
    ):
        pass


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
    files = {path.name: path.read_bytes() for path in sorted((folder / "clips").iterdir())}
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
        shards = do_all(crew, work, records)
        assert (there / "0-1").exists()  # it was killed, and tried again
        files, rows, rejects, _ = outcome(there, shards)
        assert files == outcome(here, [one])[0]
        assert sum(rows, ()) == one.rows
        assert sum(rejects, ()) == one.rejects
        assert list(files) == ["01-01.npy"]
        assert shards[0].n_computed == 0  # the second try found the first one's frames
