"""A trace by hand: which second is which, how sure, how good."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from tast.prediction.predict import predict_frames
from tast.prediction.trace import PredictedTrace, joined
from tast.training.interval import PredictionInterval
from tests.prediction.conftest import film


def trace(start_s: float, spo2_percent: list[float], face_share: float = 1.0, pulse_share: float = 1.0) -> PredictedTrace:
    n = len(spo2_percent)
    return PredictedTrace(
        "by hand", start_s + np.arange(n), np.array(spo2_percent), np.full(n, face_share), np.full(n, pulse_share),
        np.full(n, 70.0), PredictionInterval(0.9, 3.0, 8, 70), lowest_percent=70.0, highest_percent=100.0,
    )  # fmt: skip


def test_the_interval_ends_where_physiology_does() -> None:
    one = trace(0.0, [98.0, 90.0, 72.0])
    assert_allclose(one.upper_percent, [100, 93, 75])
    assert_allclose(one.lower_percent, [95, 87, 70])


def test_quality_takes_a_face_and_a_pulse() -> None:
    assert_allclose(trace(0.0, [97.0], face_share=0.5, pulse_share=0.5).quality, 0.25)
    assert_allclose(trace(0.0, [97.0], face_share=1.0, pulse_share=0.2).quality, 0.2)


def test_pieces_follow_each_other_in_time_whatever_their_quality() -> None:
    both = joined([trace(0.0, [91.0, 92.0]), trace(5.0, [93.0], face_share=0.1)], ("2 to 5 s are left out",))
    assert_allclose(both.start_s, [0, 1, 5])
    assert_allclose(both.spo2_percent, [91, 92, 93])
    assert both.notes == ("2 to 5 s are left out",)


def test_seconds_are_those_of_the_video_also_where_the_face_comes_late(model) -> None:
    """The first face is seen in frame 10, at 0.4 s."""
    late = predict_frames("late", film(5.5, hidden=range(10)), *model, min_quality=0.0)
    assert_allclose(late.start_s[0], 0.4, atol=0.05)
    assert_allclose(np.diff(late.start_s), 1.0)
