"""How many videos may be lost: sessions that cannot be read count as well as those that preprocessing rejects."""

from __future__ import annotations

from pathlib import Path

import pytest

import flows.stages.preprocess
from flows.clips import require_enough
from flows.layout import CLIPS, RAW
from tast.clip_store import ClipRow, Reject
from tast.datasets.description import Description, describe
from tast.digests import seal
from tast.errors import TastError
from tast.instruction_set import in_force
from tests.datasets.layouts import write_pure_session
from tests.end_to_end.conftest import set_params

PROJECT = Path(__file__).parents[2]
ROW = ClipRow("01-01-000", "pure", "01", "01-01", "steady", "01-01.npy", 0, 120, 0.0, 15.0, 1.0, (97.0,) * 8)


def rejects(n: int) -> list[Reject]:
    return [Reject(f"{k:02d}-01", "no face found in 17 frames") for k in range(n)]


def test_as_many_as_the_fraction_allows_and_no_more() -> None:
    require_enough([ROW], rejects(2), 10, 0.2)
    with pytest.raises(TastError, match=r"3 of 10 videos rejected, preprocess.max_reject_fraction is 0\.2: 00-01: no face found"):
        require_enough([ROW], rejects(3), 10, 0.2)


def test_no_clip_is_not_enough_even_without_a_reject() -> None:
    with pytest.raises(TastError, match="0 of 0 videos rejected"):
        require_enough([], [], 0, 0.2)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **params: object) -> None:
    """A project's folder with raw data in it, and params.yaml but for `params`."""
    describe(folder / RAW, [Description("pure", "pure")])
    seal(folder / RAW)
    (folder / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    set_params(folder / "params.yaml", {"compute.instruction_set": in_force().split()[0], **params})  # of this process
    monkeypatch.chdir(folder)


def test_sessions_that_cannot_be_read_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sessions whose readings are cut in half: the stage fails, names both, and leaves nothing."""
    for name in ("01-01", "02-01"):
        path = write_pure_session(tmp_path / RAW / "pure", name)
        path.write_text(path.read_text()[:500])
    stand_in(tmp_path, monkeypatch)
    with pytest.raises(TastError, match=r"2 of 2 videos rejected.*01-01\.json: not JSON.*02-01"):
        flows.stages.preprocess.main()
    assert not CLIPS.exists()


def test_a_video_that_needs_more_memory_than_there_is_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker is killed while it imports what reads videos, and so is the second one."""
    write_pure_session(tmp_path / RAW / "pure", "01-01")
    stand_in(tmp_path, monkeypatch, **{"runner.memory_gb": 0.02})
    monkeypatch.setenv("TAST_CACHE", str(tmp_path / "cache"))
    lost = r"1 of 1 videos rejected.*01-01: worker killed \(needs more than 0\.02 GB: memory_gb\)"
    with pytest.raises(TastError, match=lost):
        flows.stages.preprocess.main()
    assert not CLIPS.exists()
