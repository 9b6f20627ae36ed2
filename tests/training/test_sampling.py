"""The order of an epoch: every clip once or every band alike, from seed and epoch alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tast.training.sampling import balanced, batches_in_order, batches_of_epoch, part_of


def labels(*percent: float) -> np.ndarray:
    """(N, 2) constant labels."""
    return np.repeat(np.array(percent, dtype=np.float32)[:, None], 2, axis=1)


@given(n=st.integers(1, 200), size=st.integers(1, 40), seed=st.integers(0, 2**32), epoch=st.integers(0, 100))
def test_an_epoch_is_every_clip_once_in_even_batches(n: int, size: int, seed: int, epoch: int) -> None:
    percent = labels(*np.full(n, 95.0))
    batches = batches_of_epoch(percent, size, seed=seed, epoch=epoch)
    assert sorted(position for batch in batches for position in batch) == list(range(n))
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert batches == batches_of_epoch(percent, size, seed=seed, epoch=epoch)


@pytest.mark.parametrize("sampler", ["shuffled", "balanced"])
def test_seed_and_epoch_both_change_the_order(sampler: str) -> None:
    percent = labels(*np.linspace(75, 100, 50))
    orders = [str(batches_of_epoch(percent, 7, sampler=sampler, seed=seed, epoch=epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4


def test_balanced_shows_each_band_as_often_as_any_other() -> None:
    percent = labels(*[96.0] * 900, *[91.0] * 90, *[81.0] * 10)
    percent[5] = np.nan  # a band of its own
    percent[6, 0] = np.nan  # half known: belongs to its other half
    order = balanced(percent, np.random.default_rng(0))
    assert len(order) == 1000
    level = np.nan_to_num(percent[order, 1])
    for one in (96.0, 91.0, 81.0, 0.0):
        assert np.mean(level == one) == pytest.approx(0.25, abs=0.05)  # 3.6 deviations of a binomial share
    assert len(set(order[level == 81.0])) == 10


def test_in_order() -> None:
    assert batches_in_order(5, 2) == [[0, 1], [2, 3], [4]]


@given(n=st.integers(0, 40), parts=st.integers(1, 9))
def test_parts_of_a_batch_are_all_of_it_in_order_and_even(n: int, parts: int) -> None:
    positions = list(range(100, 100 + n))
    cut = [positions[part_of(n, part, parts)] for part in range(parts)]
    assert [one for part in cut for one in part] == positions
    assert max(map(len, cut)) - min(map(len, cut)) <= 1
