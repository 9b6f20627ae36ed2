"""Progress as somebody at a terminal, and somebody with a log, meets it."""

from __future__ import annotations

import logging
import re
import sys
import time
from pathlib import Path

import pytest

from tast.cli import output
from tests.terminal import ESCAPE, environment, in_pipe, in_terminal

PROJECT = Path(__file__).parents[2]
WORK = """
import logging, sys, time
from tast.cli import output
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
output.PATIENCE_S, output.AGAIN_S = 0.2, 0.2
with output.working("look"):
    time.sleep(0.7)
"""


def test_work_of_unknown_length_moves_in_a_terminal_and_is_lines_in_a_pipe(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORK]
    shown, code = in_terminal(command, tmp_path, environment(PYTHONPATH=str(PROJECT)))
    assert code == 0 and "look" in shown and "0:00:0" in shown and ESCAPE in shown and "at work" not in shown
    lines = in_pipe(command, tmp_path, environment(PYTHONPATH=str(PROJECT))).stderr.splitlines()
    assert len(lines) >= 2 and all(re.fullmatch(r"look: at work for \d+ s", line) for line in lines)


def test_what_is_counted_is_told_by_tenths_and_where_it_is_silent_for_too_long(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "PATIENCE_S", 0.1)
    monkeypatch.setattr(output, "AGAIN_S", 60.0)
    caplog.set_level(logging.INFO, "tast.cli.output")
    with output.counting("read", 20) as done_one:
        time.sleep(0.4)
        for _ in range(20):
            done_one()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["read: 0 of 20, at work for 0 s", *(f"read: {2 * tenth} of 20" for tenth in range(1, 11))]


def test_what_is_done_soon_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tast.cli.output")
    with output.working("look"):
        pass
    assert caplog.records == []
