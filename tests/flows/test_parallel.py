"""Shards: every item once, none empty; and what becomes of an item that kills its worker."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.crews import local_crew
from flows.parallel import deal, done_by
from flows.preprocess import lost_video
from tast.errors import TastError
from tests.flows.test_contact_sheets import record
from tests.flows.work import fragile


@given(st.lists(st.integers(), max_size=50), st.integers(1, 12))
def test_every_item_is_dealt_once_and_no_shard_is_empty(items: list[int], hands: int) -> None:
    shards = deal(items, hands)
    assert sorted(item for shard in shards for item in shard) == sorted(items)
    assert all(shards)
    assert len(shards) == min(hands, len(items))
    sizes = [len(shard) for shard in shards] or [0]
    assert max(sizes) - min(sizes) <= 1


def test_an_item_that_kills_its_worker_is_lost_by_name_or_an_error(tmp_path: Path) -> None:
    deadly = partial(fragile, folder=tmp_path, deadly=(3,))
    with local_crew(workers=1, memory_gb=4, address=None) as crew:
        assert done_by(crew, deadly, 2, "render", None) == [4]
        assert done_by(crew, deadly, 3, "render", lambda item, reason: [item, reason]) == [3, "worker killed (out of memory?)"]
        with pytest.raises(TastError, match=r"render: worker killed \(out of memory\?\); raise runner.memory_gb"):
            done_by(crew, deadly, 3, "render", None)


def test_a_lost_video_is_a_reject() -> None:
    shard = lost_video(record("01-02", "talking"), "worker killed (out of memory?)")
    assert [(reject.record_id, reject.reason) for reject in shard.rejects] == [("01-02", "worker killed (out of memory?)")]
    assert (shard.rows, shard.defects, shard.n_computed) == ((), (), 1)
