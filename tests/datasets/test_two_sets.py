"""Two data sets of one layout side by side, with the same names of people and recordings: four people, not two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tast.clip_store import Reject
from tast.datasets.description import Description
from tast.datasets.readers import read_downloaded
from tests.datasets.layouts import write_pure_session

RANGE_PERCENT = (50.0, 100.0)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for name in ("pure", "ours"):
        for session in ("01-01", "02-01"):
            write_pure_session(tmp_path / name, session)
    return tmp_path


def test_people_and_recordings_of_two_sets_stay_apart(raw: Path) -> None:
    records, rejects = read_downloaded(raw, [Description("pure", "pure"), Description("pure", "ours")], RANGE_PERCENT)
    assert not rejects
    assert {(record.dataset, record.subject_id) for record in records} == {(s, p) for s in ("pure", "ours") for p in ("01", "02")}
    assert sorted(record.record_id for record in records) == ["ours_01-01", "ours_02-01", "pure_01-01", "pure_02-01"]
    assert all(record.video.path.is_relative_to(raw / record.dataset) for record in records)


def test_a_recording_that_cannot_be_read_names_its_set(raw: Path) -> None:
    (raw / "ours" / "02-01" / "02-01.json").write_text("{")
    records, rejects = read_downloaded(raw, [Description("pure", "pure"), Description("pure", "ours")], RANGE_PERCENT)
    assert len(records) == 3
    (reject,) = rejects
    assert isinstance(reject, Reject) and reject.record_id == "ours_02-01"


def test_a_set_alone_keeps_its_names(raw: Path) -> None:
    records, _ = read_downloaded(raw, [Description("pure", "ours")], RANGE_PERCENT)
    assert [(record.dataset, record.record_id) for record in records] == [("ours", "01-01"), ("ours", "02-01")]
