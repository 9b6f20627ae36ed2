"""The short form of the room bad_input: every parser, in this process, always the same tries."""

from __future__ import annotations

import time

import pytest

from tests.chaos.bad.parsers import PARSERS
from tests.chaos.bad.trial import first_faults, run_tries

SHARE = 15  # of the whole suite's tries, one in so many


@pytest.mark.parametrize("name", PARSERS)
def test_damaged_files_give_a_right_result_or_one_clear_line(name: str) -> None:
    parser = PARSERS[name]
    tally = run_tries(parser, "short", range(parser.tries // SHARE), time.monotonic() + 600)
    assert tally.tried == parser.tries // SHARE
    assert not tally.faults, first_faults(tally.faults)
