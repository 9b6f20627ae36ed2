"""Stamps in any unit: told from their size, from the epoch or from anywhere else, and refused where that does not hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tast.datasets.clocks import TICKS_PER_S, in_seconds
from tast.datasets.frame_times import increasing_times
from tast.errors import BadInput

PATH = Path("stamps.csv")


@given(
    unit=st.sampled_from(sorted(TICKS_PER_S)),
    start_s=st.one_of(st.floats(4e8, 2.9e9), st.floats(0, 1e5)),
    step_s=st.floats(0.004, 2.5),
)
def test_the_unit_is_found_whatever_the_clock_and_the_rate(unit: str, start_s: float, step_s: float) -> None:
    times_s = start_s + step_s * np.arange(20)
    found_s, found = in_seconds(PATH, times_s * TICKS_PER_S[unit])
    assert found == unit
    np.testing.assert_allclose(found_s, times_s, rtol=1e-12)


@pytest.mark.parametrize(
    ("stamps", "reason"),
    [
        ([1.7173e9, 1.7173e12, 1.7173e12 + 33], "time stamps of 1.7173e+09 to 1.7173e+12"),
        ([0.0, 1.7173e9, 1.7173e9 + 1, 1.7173e9 + 2], "time stamps of 0 to 1.7173e+09, 1 apart"),
        ([0.0, 5e10, 1e11], "5e+10 apart; expected one clock in s, ms, us or ns"),
        ([7.0], "time stamps of 7 to 7"),
        ([7.0, np.nan], "a time stamp is missing"),
        ([], "no time stamps"),
    ],
)
def test_what_is_no_clock_is_refused(stamps: list[float], reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        in_seconds(PATH, np.array(stamps))
    assert reason in str(caught.value)


def test_frames_that_share_a_stamp_are_spread_over_the_tick_of_the_clock() -> None:
    """A clock of whole seconds, two or three frames in each: its tick is the second."""
    spread_s, (note,) = increasing_times(PATH, np.array([10.0, 10, 11, 11, 11, 12]))
    np.testing.assert_allclose(spread_s, [0, 0.5, 1, 1 + 1 / 3, 1 + 2 / 3, 2])
    assert note == "3 frames share a time stamp with the one before: spread over 1000 ms"
    np.testing.assert_array_equal(increasing_times(PATH, np.array([5.0, 5.25]))[0], [0, 0.25])
    for bad, reason in (([3.0, 2.0], "time goes back at frame 2"), ([3.0, 3.0], "all frames have one time stamp")):
        with pytest.raises(BadInput, match=reason):
            increasing_times(PATH, np.array(bad))


@pytest.mark.parametrize(("stamps", "unit"), [([1.7173e9], "s"), ([1.7173e12, 1.7173e12 + 10_000], "ms"), ([0.5e9, 1.5e9], "ns")])
def test_few_stamps_and_long_steps(stamps: list[float], unit: str) -> None:
    """Readings ten seconds apart, since the epoch; and a relative clock in ns whose stamps could be years."""
    assert in_seconds(PATH, np.array(stamps))[1] == unit
