"""The picture of a trace: where the interval lies, what a gap looks like, and the same bytes every time."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.testing import assert_allclose

from tast.anchors import Reading
from tast.prediction import MIN_QUALITY
from tast.prediction.picture import trace_png
from tast.prediction.profiles import CameraProfile
from tast.prediction.trace import PredictedTrace, joined
from tast.training.interval import PredictionInterval

GREEN, VERMILION, BAND = (0, 158, 115), (213, 94, 0), (209, 229, 240)  # BAND: blue at 18 % on white


def trace(first_s: float = 0.0, *, quality: float = 0.9, interval: bool = True, spo2: float = 94.0) -> PredictedTrace:
    seconds = np.ones(10)
    return PredictedTrace(
        "anna", first_s + np.arange(10.0), spo2 * seconds, seconds, quality * seconds, 72 * seconds, spo2 * seconds,
        np.nan * seconds, PredictionInterval(0.9, 3.0, 8, 70) if interval else None, 50.0, 100.0, notes=(f"from {first_s:g}",),
    )  # fmt: skip


def pixels(one: PredictedTrace) -> np.ndarray:
    """(H, W, 3) RGB."""
    return cv2.imdecode(np.frombuffer(trace_png(one), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def share(image: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((abs(image - colour).max(axis=2) <= 3).mean())


def test_the_same_trace_gives_the_same_bytes():
    assert trace_png(trace()) == trace_png(trace())


def test_the_interval_is_drawn_where_there_is_one():
    assert share(pixels(trace()), BAND) > 0.2
    assert share(pixels(trace(interval=False)), BAND) == 0


def test_low_quality_has_another_colour():
    assert share(pixels(trace(quality=MIN_QUALITY + 0.01)), GREEN) > 0.03
    low = pixels(trace(quality=MIN_QUALITY - 0.01))
    assert share(low, VERMILION) > 0.03 and share(low, GREEN) == 0


def test_a_model_of_rendered_people_alone_says_so_below_the_axis():
    rendered, of_both = (replace(trace(), trained_on=names) for names in (("phantom",), ("phantom", "pure")))
    assert rendered.caution and not of_both.caution and not trace().caution
    assert trace_png(of_both) == trace_png(trace()) != trace_png(rendered)
    assert rendered.table()["trained_on"].unique() == ["phantom"] and of_both.table()["trained_on"].unique() == ["phantom+pure"]


def test_what_the_values_rest_on_stands_below_the_axis():
    """A line more for each; many of them make the picture higher, and leave the trace its room."""
    profile = CameraProfile(1.0, 0.0, PredictionInterval(0.9, 3.0, 8, 70), None, 80.0, 85.0, "csv/p0", 3)
    calibrated = replace(trace(), profile=profile, trained_on=("phantom",))
    assert trace_png(calibrated) != trace_png(replace(trace(), trained_on=("phantom",)))
    anchored = calibrated.anchored([Reading(0.0, 10.0, 94.0, 1.0)])
    assert len(anchored.basis) == 4  # by whose profile, anchored, beyond what it has seen, and no interval
    assert len(pixels(anchored)) > len(pixels(calibrated)) == len(pixels(trace()))


def test_a_gap_stays_empty():
    """10 of 40 s are there on each side, so the band is half as wide as without the gap."""
    whole = joined([trace(first_s) for first_s in (0, 10, 20, 30)])
    broken = joined([trace(0), trace(30)], ("left out",))
    assert_allclose(share(pixels(broken), BAND) / share(pixels(whole), BAND), 0.5, atol=0.05)
    assert broken.notes == ("from 0", "from 30", "left out")
    assert len(broken) == 20
