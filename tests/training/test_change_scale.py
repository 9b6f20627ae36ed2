"""What a change means that was read: planted ones come back, and a trace and its scores follow them alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from flows.fitting import scaled_by_left_out
from tast.anchors import Reading
from tast.evaluation.anchored import anchored_predictions
from tast.prediction.anchoring import KeptAnchor
from tast.training.anchored_interval import anchored_errors
from tast.training.change_reader import ChangeReader
from tast.training.change_scale import COLUMNS, ChangeScale, fit_change_scale, scale_in, scaled
from tests.evaluation.test_anchored import recording
from tests.prediction.test_seconds import trace
from tests.training.test_anchored_interval import people

SCALE = ChangeScale(2.0, 70.0, 100.0)
FALL = np.concatenate([np.full(10, 97.0), np.linspace(97.0, 85.0, 20)])


def read_of(change: np.ndarray, level: np.ndarray | float, scale: ChangeScale = SCALE) -> np.ndarray:
    """What is read where SpO2 has changed so: the scale, the other way round."""
    room = np.where(change < 0, level - scale.lowest_percent, scale.highest_percent - level)
    return np.sign(change) * room * np.expm1(np.abs(change) / room) / scale.gain


def test_small_changes_are_stretched_and_large_ones_less_the_more_so_the_less_room_there_is() -> None:
    small, large = SCALE.change(np.array([-0.01, -20.0]), 97.0)
    assert small == pytest.approx(-0.02, rel=1e-2) and -27 < large < -20
    assert SCALE.change(np.array([5.0]), 97.0)[0] < 5 < -SCALE.change(np.array([-5.0]), 97.0)[0]
    assert_allclose(SCALE.change(read_of(np.array([-8.0, 2.0]), 97.0), 97.0), [-8, 2])
    assert np.isfinite(SCALE.change(np.array([-3.0, 3.0]), 60.0)).all()  # a level below the lowest


def test_the_planted_scale_comes_back_and_none_where_nothing_is_gained() -> None:
    rng = np.random.default_rng(0)
    level = rng.uniform(80, 98, 4000)
    true = rng.uniform(-12, np.minimum(6, 99 - level))
    fitted = fit_change_scale(read_of(true, level) + 0.3 * rng.standard_normal(4000), true, level)
    assert fitted is not None
    assert_allclose(fitted.change(read_of(true, level), level), true, atol=0.4)
    assert fit_change_scale(true + 0.3 * rng.standard_normal(4000), true, level) is None


def test_a_trace_its_errors_and_its_score_follow_one_scale() -> None:
    """Read without its level, 40 points off; the anchor says 97."""
    read = 57 + read_of(FALL - 97.0, 97.0)
    anchored = replace(trace(0.0, read), change_scale=SCALE).anchored([Reading(0.0, 10.0, 97.0, 0.0)])
    assert_allclose(anchored.spo2_percent, FALL, atol=1e-9)
    rows = recording(FALL, read).assign(**SCALE.columns())
    assert_allclose(anchored_predictions(rows, None)["predicted_percent"], FALL[10:], atol=1e-9)
    clips = rows.assign(clip_id="x", first_frame=15 * np.arange(30), fps_hz=15.0, second=0)
    assert_allclose(anchored_errors(clips)["error"], 0, atol=1e-9)
    without = anchored_errors(clips.drop(columns=list(COLUMNS)))
    assert_allclose(without["read_percent"], (read - 57)[10:])
    assert without["error"].max() > 2


def test_an_anchor_that_was_kept_knows_its_level() -> None:
    kept = KeptAnchor("before.mp4", -40.0, 1.0, (Reading(0.0, 10.0, 97.0, 1.0),))
    read = 57 + read_of(FALL - 97.0, 97.0)
    one = replace(trace(0.0, read), change_scale=SCALE)
    assert_allclose(one.anchored(kept.offset).spo2_percent, FALL, atol=1e-9)
    unknown = replace(kept, readings=())
    assert_allclose(one.anchored(unknown.offset).spo2_percent, np.clip(read + 40, 50, 100))


def test_predictions_keep_the_scale_and_those_of_before_have_none() -> None:
    rows = pd.DataFrame({"a": [1, 2]})
    assert scale_in(rows) is None and scale_in(rows.assign(**dict.fromkeys(COLUMNS, np.nan))) is None
    assert scale_in(rows.assign(**SCALE.columns())) == SCALE
    assert_allclose(scaled(None, np.array([-4.0]), 97.0), -4)


def test_a_reader_gets_the_scale_of_what_was_left_out() -> None:
    """Slopes that differ by a factor of four: who shows little is read too small."""
    rng = np.random.default_rng(1)
    left_out = people(2, 200, noise=0.1)
    slope = dict(zip(left_out["record_id"].unique(), np.exp(rng.uniform(np.log(0.25), 0, 200)), strict=True))
    left_out["changing_percent"] *= left_out["record_id"].map(slope)
    reader, rows = scaled_by_left_out(ChangeReader((0.0,), (0.0,), 0.0, 1, 1), people(3, 4), [left_out])
    assert reader is not None and reader.scale is not None and reader.scale.gain > 1.2
    assert anchored_errors(rows)["error"].mean() < 0.9 * anchored_errors(left_out)["error"].mean()
    unmoved, same = scaled_by_left_out(ChangeReader((0.0,), (0.0,), 1.0, 1, 1), people(3, 4), [])
    assert unmoved is not None and unmoved.scale is None and not set(COLUMNS) & set(same)


def test_no_scale_turns_the_room_round() -> None:
    with pytest.raises(ValueError, match="lowest below"):
        ChangeScale(1.0, 100.0, 70.0)
