"""Shards: every item once, none empty."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.parallel import deal


@given(st.lists(st.integers(), max_size=50), st.integers(1, 12))
def test_every_item_is_dealt_once_and_no_shard_is_empty(items: list[int], hands: int) -> None:
    shards = deal(items, hands)
    assert sorted(item for shard in shards for item in shard) == sorted(items)
    assert all(shards)
    assert len(shards) == min(hands, len(items))
    sizes = [len(shard) for shard in shards] or [0]
    assert max(sizes) - min(sizes) <= 1
