"""The short form of the room soak: a few videos in one process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.chaos.rooms.soak import many
from tests.prediction.conftest import saved  # noqa: F401

pytestmark = pytest.mark.end_to_end
FEW = 16


def test_videos_one_after_the_other_leave_nothing_behind(saved: Path, tmp_path: Path) -> None:  # noqa: F811
    outcomes = list(many(saved, tmp_path / "many", FEW, time.monotonic() + 240))
    assert len(outcomes) == 6 and outcomes[0].tried == FEW
    assert all(one.as_promised for one in outcomes), outcomes
