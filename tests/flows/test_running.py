"""Programs end in one line for a mistake, and stages stand alone in their workspace."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from filelock import FileLock

from flows import running


def test_a_stage_beside_another_one_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "PATIENCE_S", 0.0)
    ran: list[bool] = []
    running.run_stage(lambda: ran.append(True))
    with FileLock(tmp_path / ".tast/stage.lock"), pytest.raises(SystemExit):
        running.run_stage(lambda: ran.append(False))
    assert capsys.readouterr().err == f"error: another stage is at work in {tmp_path}; wait for it or stop it\n"
    running.run_stage(lambda: ran.append(True))
    assert ran == [True, True]


def test_a_full_disk_is_one_line_and_a_mistake_of_ours_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "data/clips/a.npy")

    def wrong() -> None:
        raise OSError("of no number")

    with pytest.raises(SystemExit):
        running.run(full)
    assert capsys.readouterr().err.startswith("error: data/clips/a.npy: no space left on device; expected room on its disk")
    with pytest.raises(OSError, match="of no number"):
        running.run(wrong)
