"""The short form of the room soak: a few videos in one process."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.chaos.rooms.soak import GROWTH_MB, Sample, many, most_mb
from tests.prediction.conftest import saved  # noqa: F401

pytestmark = pytest.mark.end_to_end
FEW = 16


def test_what_is_kept_of_each_video_is_seen_above_what_a_film_takes() -> None:
    """Of a thousand videos, a quarter of which leave a table: levels that go up and down by 60 MB, and 50 kB of each video."""
    rng = np.random.default_rng(1)
    levels = [rng.uniform(505, 570) for _ in range(250)]
    for kept_kb, seen in ((0, False), (50, True)):
        samples = [Sample(k, level + 4 * k * kept_kb / 1024, 8, 3, 0) for k, level in enumerate(levels)]
        assert (most_mb(samples[125:]) - most_mb(samples[:125]) > GROWTH_MB) is seen


def test_videos_one_after_the_other_leave_nothing_behind(saved: Path, tmp_path: Path) -> None:  # noqa: F811
    outcomes = list(many(saved, tmp_path / "many", FEW, time.monotonic() + 240))
    assert len(outcomes) == 6 and outcomes[0].tried == FEW
    assert all(one.as_promised for one in outcomes), outcomes
