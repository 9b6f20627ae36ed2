"""A trace by hand: which second is which, how sure, how good."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.anchors import Reading, reading_of
from tast.errors import VideoRejected
from tast.prediction.asked import Asked
from tast.prediction.picture import trace_png
from tast.prediction.predict import predict_frames
from tast.prediction.trace import PredictedTrace, joined
from tast.training.anchored_interval import AnchoredInterval
from tast.training.domain import PULSE, Spread
from tast.training.interval import PredictionInterval
from tests.prediction.conftest import film


def trace(start_s: float, spo2_percent: list[float], face_share: float = 1.0, pulse_share: float = 1.0) -> PredictedTrace:
    n = len(spo2_percent)
    return PredictedTrace(
        "by hand", start_s + np.arange(n), np.array(spo2_percent), np.full(n, face_share), np.full(n, pulse_share),
        np.full(n, 70.0), np.array(spo2_percent), np.full(n, np.nan),
        PredictionInterval(0.9, 3.0, 8, 70), lowest_percent=70.0, highest_percent=100.0,
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
    late = predict_frames("late", film(5.5, hidden=range(10)), *model, Asked(min_quality=0.0))
    assert_allclose(late.start_s[0], 0.4, atol=0.05)
    assert_allclose(np.diff(late.start_s), 1.0)


ANCHORED = AnchoredInterval(0.9, 2.0, 0.5, 0.0, 8, 70)


def test_an_anchor_moves_every_second_by_what_is_known_of_some() -> None:
    """90 and 92 where 96 is known: five more everywhere, not beyond 100, and nothing else is another."""
    one = replace(trace(0.0, [90.0, 92.0, 80.0, 99.0]), anchored_interval=ANCHORED)
    anchored = one.anchored([Reading(0.0, 2.0, 96.0, 0.0)])
    assert_allclose(anchored.spo2_percent, [95, 97, 85, 100])
    assert_allclose(anchored.quality, one.quality)
    assert_allclose(anchored.table()["anchored_by_percent"], 5.0)
    assert one.table()["anchored_by_percent"].isna().all() and one.anchor is None


def test_what_the_model_cannot_give_is_no_bound_before_the_anchor() -> None:
    """A camera under which all reads above 100: held there, no change would be left."""
    high = replace(trace(0.0, [100.0, 100.0, 100.0]), changing_percent=np.array([112.0, 108.0, 104.0]))
    assert_allclose(high.anchored([reading_of("0=98")]).spo2_percent, [100, 98, 94])


def test_the_interval_grows_with_the_change_and_with_the_anchors_own_uncertainty() -> None:
    one = replace(trace(0.0, [96.0, 90.0]), anchored_interval=ANCHORED)
    sure, unsure = (one.anchored([Reading(0.0, 1.0, 96.0, sd)]) for sd in (0.0, 1.5))
    assert_allclose(sure.half_width_percent, [2.0, 2 * np.hypot(1, 3)])
    assert (unsure.half_width_percent > sure.half_width_percent).all()
    assert_allclose(one.half_width_percent, 3.0)


def test_the_interval_grows_where_the_light_is_another_than_at_the_anchor() -> None:
    of_light = AnchoredInterval(0.9, 2.0, 0.0, 0.0, 8, 70, of_light=4.0)
    lit = replace(trace(0.0, [96.0, 96.0, 96.0]), anchored_interval=of_light, brightness=np.array([0.0, 0.0, -0.25]))
    assert_allclose(lit.anchored([Reading(0.0, 1.0, 96.0, 0.0)]).half_width_percent, [2, 2, 2 * np.sqrt(2)])


def test_a_model_of_before_has_no_interval_once_anchored() -> None:
    anchored = trace(0.0, [96.0]).anchored([reading_of("97")])
    assert np.isnan(anchored.half_width_percent).all() and np.isnan(anchored.coverage)
    assert anchored.table()["lower_percent"].isna().all()


def test_an_anchor_beyond_the_video_refuses_it_by_name() -> None:
    with pytest.raises(VideoRejected, match="by hand: an anchor of 55 to 65 s"):
        trace(0.0, [96.0]).anchored([reading_of("60=97")])


def test_a_video_is_anchored_as_a_whole(model) -> None:
    without = predict_frames("one", film(5.5), *model, Asked(min_quality=0.0))
    anchored = predict_frames("one", film(5.5), *model, Asked(min_quality=0.0, anchor=[reading_of("97")]))
    assert_allclose(anchored.spo2_percent.mean(), 97.0, atol=0.5)  # all of it lies within the anchor's ten seconds
    assert_allclose(np.diff(anchored.spo2_percent), np.diff(without.changing_percent), atol=1e-9)


def outside(model, *, pulse: float):
    """The model, had it been trained where the pulse's red over green is `pulse` (its films have a third)."""
    net, card = model
    narrow = tuple(map(tuple, np.eye(2) / 0.1**2))
    return net, replace(card, domain={PULSE: Spread((pulse, 7 / 12), narrow, 2.0)})


def test_outside_of_the_training_no_percentage_is_given_without_an_anchor(model) -> None:
    far = outside(model, pulse=1.5)
    with pytest.raises(VideoRejected, match=r"pulse.s colour is outside of all that the model was trained on.*anchor"):
        predict_frames("one", film(5.5), *far, Asked(min_quality=0.0))
    anchored = predict_frames("one", film(5.5), *far, Asked(min_quality=0.0, anchor=[reading_of("97")]))
    assert np.isfinite(anchored.spo2_percent).all()
    assert anchored.table()["causes"].str.contains(PULSE).all()  # it is marked all the same
    with_interval = replace(anchored, anchored_interval=ANCHORED)
    assert with_interval.table()[["lower_percent", "coverage"]].isna().all(axis=None), "made from errors of another world"


def test_inside_of_it_nothing_is_another(model) -> None:
    near = predict_frames("one", film(5.5), *outside(model, pulse=1 / 3), Asked(min_quality=0.0))
    assert_allclose(near.spo2_percent, predict_frames("one", film(5.5), *model, Asked(min_quality=0.0)).spo2_percent)
    assert (near.findings.measures[PULSE] < 1).all()


def test_a_trend_is_no_percentage(model) -> None:
    trend = predict_frames("one", film(5.5), *outside(model, pulse=1.5), Asked(min_quality=0.0, uncalibrated=True))
    table = trend.table()
    assert table[["spo2_percent", "lower_percent", "upper_percent", "coverage"]].isna().all(axis=None)
    assert_allclose(np.diff(trend.trend), np.diff(trend.changing_percent) / 10)
    assert table["trend"].notna().all() and trace_png(trend).startswith(b"\x89PNG")
