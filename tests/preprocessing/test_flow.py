from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from tast.preprocessing.flow import SIDE_PX, FaceFlow
from tast.preprocessing.pose import Pose, roi_pose

# From face coordinates to the photograph's pixels and to an upright frame in which the face fills 128 px.
PHOTOGRAPH = Pose(43 + 0j, 225 + 104j)
FRAME = roi_pose(SIDE_PX)
EYES_NOSE = (-0.5 + 0j, 0.5 + 0j, 0.6j)


def frame(pose: Pose, gain: float = 1.0, seed: int = 0) -> npt.NDArray[np.uint8]:
    """The astronaut's face as a pose (face coordinates -> pixels) shows it in gray, with the camera's noise."""
    image = cv2.warpAffine(skimage.data.astronaut(), pose.after(PHOTOGRAPH.inverse()).matrix(), (SIDE_PX, SIDE_PX)).astype(float)
    noisy = 0.7 * gain * image + np.random.default_rng(seed).normal(0, 1.5, image.shape)
    return np.asarray(cv2.cvtColor(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def moved(shift: complex, turn: complex) -> Pose:
    return Pose(FRAME.turn * turn, FRAME.centre_px + shift)


def distance_px(one: Pose, other: Pose) -> float:
    return max(abs(one.turn * z + one.centre_px - other.turn * z - other.centre_px) for z in EYES_NOSE)


def follow(flow: FaceFlow, gray: npt.NDArray[np.uint8], landmarks: Pose | None) -> Pose | None:
    return flow.join(gray, flow.move(gray), landmarks)


@pytest.mark.parametrize(("shift", "turn"), [(0.3 - 0.2j, 1 + 0j), (1.5 + 1j, 1.01 + 0.01j), (-3 + 2j, 0.99 - 0.02j)])
def test_a_step_is_seen_to_a_twentieth_of_a_pixel_whatever_the_landmarks_say(shift: complex, turn: complex) -> None:
    flow = FaceFlow()
    follow(flow, frame(FRAME), FRAME)
    path = follow(flow, frame(moved(shift, turn), seed=1), FRAME)  # as if the landmarks had not moved
    assert path is not None
    assert distance_px(path, moved(shift, turn)) < 0.05 + 0.03 * abs(shift)  # a hundredth of it is the leak


def test_a_change_of_light_by_the_pulse_does_not_look_like_motion() -> None:
    paths = []
    for gain in (1.0, 1.02):
        flow = FaceFlow()
        follow(flow, frame(FRAME), FRAME)
        paths.append(follow(flow, frame(FRAME, gain=gain, seed=1), FRAME))
    assert paths[0] is not None
    assert paths[1] is not None
    assert distance_px(*paths) < 0.01


def test_where_the_flow_fails_and_after_a_loss_the_path_goes_on_with_the_landmarks() -> None:
    noise = np.random.default_rng(5).integers(0, 255, (SIDE_PX, SIDE_PX), dtype=np.uint8)
    elsewhere = moved(30 + 10j, 1 + 0j)
    for broken in (frame(FRAME), noise):
        flow = FaceFlow()
        follow(flow, broken, FRAME)
        path = follow(flow, noise[::-1], elsewhere)
        assert path is not None
        assert distance_px(path, elsewhere) < 1e-9
    flow = FaceFlow()
    follow(flow, frame(FRAME), FRAME)
    assert follow(flow, noise, None) is None
    path = follow(flow, frame(elsewhere), elsewhere)
    assert path is not None
    assert distance_px(path, elsewhere) < 1e-9


def test_the_path_returns_to_the_landmarks_in_time() -> None:
    flow = FaceFlow()
    follow(flow, frame(FRAME), FRAME)
    off = moved(1 + 0j, 1 + 0j)
    paths = [follow(flow, frame(FRAME, seed=k), off) for k in range(200)]
    assert paths[0] is not None
    assert distance_px(paths[0], off) > 0.9
    assert paths[-1] is not None
    assert distance_px(paths[-1], off) < 0.25  # exp(-2) and the drift of 200 steps
