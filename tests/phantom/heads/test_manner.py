"""How people move: sizes and rates known from the scenarios, and eyes that stay on the camera."""

from __future__ import annotations

import numpy as np
import pytest

from tast.phantom.heads.manner import BLINKS_PER_MIN, RECOIL_CM, TURN_SCALE, Manner, manner, posed
from tast.phantom.heads.morphable import morphable_head
from tast.phantom.motion import SETUPS

TIMES_S = np.arange(0, 240, 1 / 30)
BEAT = 0.5 * np.sin(2 * np.pi * 1.1 * TIMES_S)
BREATH = np.sqrt(2) * np.sin(2 * np.pi * 0.25 * TIMES_S)


def course(scenario: str, seed: int = 1) -> Manner:
    return manner(np.random.default_rng(seed), SETUPS[scenario], TIMES_S, BEAT, BREATH)


def weight(of: Manner, name: str) -> np.ndarray:
    return of.expression[:, morphable_head().expression_names.index(name)]


def test_a_steady_head_hardly_moves_and_a_turning_one_turns_as_its_scenario_says() -> None:
    steady, turning = course("steady"), course("medium_rotation")
    assert np.degrees(steady.turn_rad).std(axis=0).max() < 0.3 and steady.shift_cm.std(axis=0).max() < 0.5
    yaw_deg = np.degrees(turning.turn_rad[:, 0])
    assert yaw_deg.std() == pytest.approx(TURN_SCALE * SETUPS["medium_rotation"].turn_deg, rel=0.2)
    assert np.abs(yaw_deg).max() < 30


def test_the_head_recoils_with_each_beat_and_the_chest_rises_with_each_breath() -> None:
    steady = course("steady")
    assert np.ptp(steady.recoil_cm[:, 1]) == pytest.approx(RECOIL_CM, rel=0.01)
    assert np.corrcoef(steady.recoil_cm[:, 1], BEAT)[0, 1] > 0.999
    assert np.corrcoef(steady.breath_cm, BREATH)[0, 1] > 0.999


def test_lids_blink_about_seventeen_times_a_minute_and_close() -> None:
    closed = np.concatenate([weight(course("steady", seed), "eyeBlink_L") for seed in range(4)]) > 0.9
    blinks = np.sum(closed[1:] & ~closed[:-1])
    assert blinks / 16 == pytest.approx(BLINKS_PER_MIN, rel=0.35)
    assert closed.mean() < 0.06


def test_the_jaw_moves_when_one_talks_and_only_then() -> None:
    assert weight(course("steady"), "jawOpen").max() == 0
    opening = weight(course("talking"), "jawOpen")
    assert 0.15 < opening.max() < 1 and opening.min() == 0


def test_eyes_stay_near_the_camera_while_the_head_turns() -> None:
    turning = course("small_rotation")
    direction_deg = np.degrees(turning.gaze_rad + turning.turn_rad[:, :2])
    assert np.abs(direction_deg).max() < 7


def test_weights_are_within_what_the_model_knows() -> None:
    for scenario in SETUPS:
        assert course(scenario).expression.min() >= 0 and course(scenario).expression.max() <= 1


def test_a_pose_is_one_moment() -> None:
    pose = posed((20, 0, 0), {"jawOpen": 0.5})
    assert pose.turn_rad.shape == (1, 3) and weight(pose, "jawOpen")[0] == 0.5
    assert np.degrees(pose.gaze_rad[0, 0]) == pytest.approx(-20)
