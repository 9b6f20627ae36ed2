"""Progress in a log: a line for each tenth, with rate, time left and the note; and in a file, for a program that watches."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import flows.progress as progress_module
from flows.progress import PROGRESS_IN, Standing, progress, rate, read_progress
from tast.files import whole_file


def test_a_log_gets_a_line_for_each_tenth(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="flows.progress")
    with progress("preprocess", 40) as advance:
        for number in range(40):
            advance(1, "2 rejected" if number >= 20 else "")
    lines = [record.message for record in caplog.records]
    assert len(lines) == 10
    assert re.fullmatch(r"preprocess: 4 of 40, [\d.]+/(s|min), 0 s left", lines[0])
    assert re.fullmatch(r"preprocess: 40 of 40, [\d.]+/(s|min), 2 rejected", lines[-1])


def test_a_program_that_watches_finds_each_step_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "progress.json"
    assert read_progress(file) is None
    monkeypatch.setenv(PROGRESS_IN, str(file))
    with progress("preprocess", 8) as advance:
        assert read_progress(file) == Standing("preprocess", 0, 8, "")
        advance(1, "")
        advance(1, "1 rejected")
        found = read_progress(file)
    assert found == Standing("preprocess", 2, 8, "1 rejected")
    assert (found.percent, str(found)) == (25.0, "preprocess: 2 of 8, 1 rejected")


def test_whoever_counts_bytes_writes_a_thousand_times_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRESS_IN, str(tmp_path / "progress.json"))
    written = []
    with monkeypatch.context() as patch, progress("fetch", 10_000_000) as advance:
        patch.setattr(progress_module, "whole_file", lambda file, **how: written.append(file) or whole_file(file, **how))
        for _ in range(10_000):
            advance(1000, "")
    assert len(written) == 1000
    assert read_progress(tmp_path / "progress.json") == Standing("fetch", 10_000_000, 10_000_000, "")


def test_no_step_is_lost_between_threads(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="flows.progress")
    with progress("render", 2000) as advance, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: advance(1, ""), range(2000)))
    assert caplog.records[-1].message.startswith("render: 2000 of 2000")


def test_rates_read_well() -> None:
    assert [rate(0), rate(3.24), rate(0.05)] == ["", "3.2/s", "3.0/min"]
