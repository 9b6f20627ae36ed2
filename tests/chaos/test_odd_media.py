"""The short form of the room odd_media: what takes no more than opening a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.bad.odd import CASES
from tests.chaos.rooms.odd_media import outcome_of
from tests.prediction.conftest import saved  # noqa: F401

SHORT = ("0 bytes", "10 GB", "names with", "links to", "one frame", "a pipe", "one person")


@pytest.mark.parametrize(
    "case", [one for one in CASES if any(word in one.name for word in SHORT)], ids=lambda case: case.name[:40]
)
def test_odd_input_ends_in_what_is_right_or_in_one_line(case, saved: Path, tmp_path: Path) -> None:  # noqa: F811
    outcome = outcome_of(case, tmp_path, saved)
    assert outcome.as_promised, outcome.note
