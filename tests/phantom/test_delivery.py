"""Frames that get lost and frames that come once more: which picture arrives at which time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tast.phantom.delivery import Delivery, arrivals, delivered
from tast.phantom.randomness import stream


def test_frames_get_lost_and_come_twice_as_often_as_the_delivery_says() -> None:
    arrives = Delivery(30.0, dropped=0.1, doubled=0.2).arriving(stream(1, "arrivals"), 20_000)
    number = np.arange(20_000)
    assert arrives[0] == 0 and arrives[-1] == 19_999
    late = (arrives >= 0) & (arrives < number)
    assert_allclose([(arrives == -1).mean(), late.mean()], [0.1, 0.2], atol=0.01)
    assert_array_equal(Delivery().arriving(stream(1, "arrivals"), 50), np.arange(50))


def test_what_arrived_last_is_shown_once_more_however_often() -> None:
    assert arrivals(7, lost=[2], doubled=[3, 4, 6]).tolist() == [0, 1, -1, 1, 1, 5, 5]
    frames = [(k / 10, letter) for k, letter in enumerate("abcdefg")]
    shown = list(delivered(frames, arrivals(7, lost=[2], doubled=[3, 4, 6])))
    assert shown == [(0.0, "a"), (0.1, "b"), (0.3, "b"), (0.4, "b"), (0.5, "f"), (0.6, "f")]


@given(st.sets(st.integers(1, 29)), st.sets(st.integers(1, 29)))
def test_every_picture_that_is_in_no_list_arrives_at_its_time(lost: set[int], doubled: set[int]) -> None:
    arrives = arrivals(30, lost=sorted(lost), doubled=sorted(doubled - lost))
    assert set(np.flatnonzero(arrives < 0)) == lost
    assert set(np.flatnonzero(arrives == np.arange(30))) == set(range(30)) - lost - doubled
    assert (arrives <= np.arange(30)).all()
