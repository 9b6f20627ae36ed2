"""Every item once, in order, whoever is done first; and what becomes of an item that kills its worker, or of an error."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from flows.crews import local_crew
from flows.parallel import done_by, over_processes
from flows.stages.preprocess import lost_video
from tast.errors import TastError
from tast.params import load_params
from tests.flows.test_contact_sheets import record
from tests.flows.work import fragile, squares_slowest_first, wrong_first


def test_an_item_that_kills_its_worker_is_lost_by_name_or_an_error(tmp_path: Path) -> None:
    deadly = partial(fragile, folder=tmp_path, deadly=(3,))
    with local_crew(workers=1, memory_gb=4, address=None) as crew:
        assert done_by(crew, deadly, 2, "render", None) == [4]
        assert done_by(crew, deadly, 3, "render", lambda item, reason: [item, reason]) == [3, "worker killed (out of memory?)"]
        with pytest.raises(TastError, match=r"render: worker killed \(out of memory\?\); raise runner.memory_gb"):
            done_by(crew, deadly, 3, "render", None)


def test_results_stand_in_the_order_of_the_items(tmp_path: Path) -> None:
    runner = load_params().runner.model_copy(update={"workers": 2})
    assert over_processes("square", squares_slowest_first, list(range(7)), runner=runner) == [n * n for n in range(7)]
    assert over_processes("square", squares_slowest_first, [], runner=runner) == []


def test_an_error_ends_the_work_before_what_waits_is_done(tmp_path: Path) -> None:
    runner = load_params().runner.model_copy(update={"workers": 1})
    with pytest.raises(ValueError, match="no 0"):
        over_processes("square", partial(wrong_first, folder=tmp_path), list(range(50)), runner=runner)
    assert len(list(tmp_path.iterdir())) < 10


def test_a_lost_video_is_a_reject() -> None:
    shard = lost_video(record("01-02", "talking"), "worker killed (out of memory?)")
    assert [(reject.record_id, reject.reason) for reject in shard.rejects] == [("01-02", "worker killed (out of memory?)")]
    assert (shard.rows, shard.defects, shard.n_computed) == ((), (), 1)
