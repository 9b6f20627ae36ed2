"""What a reading says, and what a model is off by it, known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.anchors import Reading, light_from, offset_by, reading_of, seconds_from
from tast.errors import TastError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("97", Reading(0.0, 10.0, 97.0, 1.0)),
        ("97+-2", Reading(0.0, 10.0, 97.0, 2.0)),
        ("12=96", Reading(7.0, 17.0, 96.0, 1.0)),
        ("2=96.5±0.5", Reading(0.0, 10.0, 96.5, 0.5)),
        ("rest", Reading(0.0, 10.0, 97.0, 1.5)),
        ("60=rest+-3", Reading(55.0, 65.0, 97.0, 3.0)),
    ],
)
def test_what_a_reading_says(text: str, expected: Reading) -> None:
    assert reading_of(text) == expected


@pytest.mark.parametrize("text", ["", "high", "97%", "=97", "12=", "101", "9.7", "97+-", "-3=97", "97+-80", "nan"])
def test_what_is_no_reading(text: str) -> None:
    with pytest.raises(TastError, match="expected"):
        reading_of(text)


def test_an_offset_is_what_the_model_is_off_on_average_over_the_anchor() -> None:
    given = np.array([90.0, 92.0, 80.0, 80.0])
    offset = offset_by(np.arange(4.0), given, [Reading(0.0, 2.0, 97.0, 1.5)])
    assert (offset.percent, offset.sd_percent) == (-6.0, 1.5)


def test_a_second_belongs_to_the_anchor_that_its_middle_lies_in() -> None:
    """The face is first seen at .4 s: its seconds begin at .4, 1.4, ..., and end where an anchor of 2 s does not."""
    offset = offset_by(0.4 + np.arange(4.0), np.array([1.0, 5.0, 9.0, 13.0]), [Reading(0.0, 2.0, 90.0, 1.0)])
    assert offset.percent == 3.0 - 90.0


def test_several_readings_weigh_by_how_sure_they_are() -> None:
    """By 1 and 1/4: (4 * 2 + 1 * 7) / 5 = 3, off by sqrt(16 + 4) / 5."""
    readings = [Reading(0.0, 1.0, 88.0, 1.0), Reading(1.0, 2.0, 83.0, 2.0)]
    offset = offset_by(np.arange(2.0), np.array([90.0, 90.0]), readings)
    assert_allclose([offset.percent, offset.sd_percent], [3.0, np.sqrt(20) / 5])


def test_readings_that_are_sure_are_sure_together() -> None:
    assert offset_by(np.arange(2.0), np.zeros(2), [Reading(0.0, 1.0, 90.0, 0.0)] * 2).sd_percent == 0.0


def test_an_anchor_beyond_the_video_is_refused_with_both_spans() -> None:
    with pytest.raises(TastError, match=r"anchor of 55 to 65 s; .* 0\.4 to 4\.4 s"):
        offset_by(0.4 + np.arange(4.0), np.zeros(4), [reading_of("60=97")])


def test_no_reading_anchors_nothing() -> None:
    with pytest.raises(TastError, match="no reading"):
        offset_by(np.arange(4.0), np.zeros(4), [])


def test_how_far_a_second_is_from_what_is_known() -> None:
    readings = [Reading(2.0, 4.0, 97.0, 1.0), Reading(7.0, 8.0, 97.0, 1.0)]
    assert_allclose(seconds_from(np.arange(10.0), readings), [2, 1, 0, 0, 1, 2, 1, 0, 1, 2])
    assert_allclose(seconds_from(np.arange(3.0), []), 0)


def test_light_is_compared_with_that_of_the_known_moment_which_is_most_like_it() -> None:
    brightness = np.array([0.0, 0.0, 0.5, 0.6, np.nan])
    readings = [Reading(0.0, 2.0, 97.0, 1.0), Reading(2.0, 3.0, 95.0, 1.0)]
    assert_allclose(light_from(np.arange(5.0), brightness, readings), [0, 0, 0, 0.1, 0], atol=1e-12)
    assert_allclose(light_from(np.arange(5.0), brightness, []), 0)
