"""PURE's setups: speeds and angles as stated, and what stays still."""

from __future__ import annotations

import numpy as np
import pytest

from tast.phantom.motion import SETUPS, HeadMotion, head_motion
from tast.phantom.randomness import stream

TIMES_S = np.arange(0, 120, 0.05)


def motion(name: str, seed: int = 0) -> HeadMotion:
    return head_motion(stream(seed, "motion"), SETUPS[name], TIMES_S, np.zeros_like(TIMES_S))


def test_the_setups_are_pures_in_pures_order() -> None:
    assert list(SETUPS) == ["steady", "talking", "slow_translation", "fast_translation", "small_rotation", "medium_rotation"]


@pytest.mark.parametrize(("name", "speed"), [("slow_translation", 0.07), ("fast_translation", 0.14)])
def test_translation_has_pures_speed(name: str, speed: float) -> None:
    """Face heights per second, over two minutes within 15 %."""
    course = motion(name)
    velocity = np.hypot(np.gradient(course.right, TIMES_S), np.gradient(course.down, TIMES_S))
    assert np.sqrt(np.mean(velocity**2)) == pytest.approx(speed, rel=0.15)


def test_a_steady_head_sways_by_less_than_two_percent_of_its_height() -> None:
    course = motion("steady")
    assert max(np.abs(course.right).max(), np.abs(course.down).max()) < 0.02
    assert np.degrees(np.abs(course.yaw_rad)).max() < 0.5


def test_rotation_grows_from_setup_to_setup() -> None:
    turns = [np.degrees(motion(name).yaw_rad).std() for name in ("steady", "talking", "small_rotation", "medium_rotation")]
    assert np.all(np.diff(turns) > 0)
    assert turns[-1] == pytest.approx(SETUPS["medium_rotation"].turn_deg, rel=0.15)


def test_only_the_talking_jaw_moves_and_it_pauses() -> None:
    assert not motion("fast_translation").jaw.any()
    jaw = motion("talking").jaw
    assert jaw.min() >= 0 and jaw.max() > 0.03
    assert np.mean(jaw < 0.002) > 0.1, "pauses between phrases"


def test_each_beat_jolts_the_head_upwards() -> None:
    beat = np.sin(2 * np.pi * TIMES_S)
    jolted = head_motion(stream(0, "motion"), SETUPS["steady"], TIMES_S, beat)
    recoil = jolted.down - motion("steady").down
    assert np.corrcoef(recoil, beat)[0, 1] == pytest.approx(-1)
