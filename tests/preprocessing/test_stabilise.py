from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from tast.preprocessing.pose import Pose
from tast.preprocessing.stabilise import Stabiliser

STILL = Pose(1 + 0j, 0j)


def roi(moved: Pose = STILL, gain: float = 1.0, seed: int = 0) -> npt.NDArray[np.uint8]:
    """The astronaut's face at 128 px with the camera's noise, moved by a pose (reference pixels -> these)."""
    to_roi = Pose(128 / 135 + 0j, -(226 + 118j) * 128 / 135 + 63.5 + 60j)
    image = cv2.warpAffine(skimage.data.astronaut(), moved.after(to_roi).matrix(), (128, 128)).astype(float)
    return np.clip(np.rint(0.7 * gain * image + np.random.default_rng(seed).normal(0, 1.5, image.shape)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("shift", "turn"), [(0.3 - 0.2j, 1 + 0j), (1.5 + 1j, 1.01 + 0.01j), (-3 + 2j, 0.99 - 0.02j)])
def test_small_motion_is_seen_to_a_twentieth_of_a_pixel(shift: complex, turn: complex) -> None:
    middle = 63.5 + 63.5j
    true = Pose(turn, middle + shift - turn * middle)
    stabiliser = Stabiliser()
    stabiliser.residual(roi())
    seen = stabiliser.residual(roi(true, seed=1))
    for point in (middle, 40 + 50j, 90 + 80j):
        assert abs(seen.turn * point + seen.centre_px - true.turn * point - true.centre_px) < 0.05 + 0.02 * abs(shift)


def test_a_change_of_light_by_the_pulse_does_not_look_like_motion() -> None:
    stabiliser = Stabiliser()
    stabiliser.residual(roi())
    middle = 63.5 + 63.5j
    still, brighter = (stabiliser.residual(roi(gain=gain, seed=1)) for gain in (1.0, 1.02))
    assert abs((brighter.turn - still.turn) * middle + brighter.centre_px - still.centre_px) < 0.01


def test_where_the_flow_fails_the_landmarks_are_trusted() -> None:
    stabiliser = Stabiliser()
    stabiliser.residual(roi())
    unrelated = np.random.default_rng(5).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    assert stabiliser.residual(unrelated) == STILL
    flat = Stabiliser()
    flat.residual(np.full((128, 128, 3), 90, dtype=np.uint8))
    assert flat.residual(roi()) == STILL
