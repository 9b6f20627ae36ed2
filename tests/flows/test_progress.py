"""Progress in a log: a line for each tenth, with rate, time left and the note."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from flows.progress import progress, rate


def test_a_log_gets_a_line_for_each_tenth(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="flows.progress")
    with progress("preprocess", 40) as advance:
        for number in range(40):
            advance(1, "2 rejected" if number >= 20 else "")
    lines = [record.message for record in caplog.records]
    assert len(lines) == 10
    assert re.fullmatch(r"preprocess: 4 of 40, [\d.]+/(s|min), 0 s left", lines[0])
    assert re.fullmatch(r"preprocess: 40 of 40, [\d.]+/(s|min), 2 rejected", lines[-1])


def test_no_step_is_lost_between_threads(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="flows.progress")
    with progress("render", 2000) as advance, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: advance(1, ""), range(2000)))
    assert caplog.records[-1].message.startswith("render: 2000 of 2000")


def test_rates_read_well() -> None:
    assert [rate(0), rate(3.24), rate(0.05)] == ["", "3.2/s", "3.0/min"]
