"""What is drawn into the frames of a real face, and where."""

from __future__ import annotations

import numpy as np
import pytest

from tast.preview.overlay import BOX_RGB, LANDMARK_RGB, Sight, close_up, watch
from tests.preprocessing import scene

HIDDEN = range(3, 6)


@pytest.fixture(scope="module")
def frames() -> list[tuple[float, np.ndarray]]:
    return list(scene.film(scene.swaying(0.3), hidden=HIDDEN))


@pytest.fixture(scope="module")
def sights(frames: list[tuple[float, np.ndarray]]) -> list[Sight]:
    return list(watch(frames, detect_every_s=0.03, height_px=480))  # looked for in every frame


def near(image: np.ndarray, rgb: tuple[int, int, int]) -> int:
    return int(np.sum(np.abs(image.astype(int) - rgb).max(axis=2) < 40))


def test_every_frame_comes_out_at_its_time_twice_as_large(frames: list[tuple[float, np.ndarray]], sights: list[Sight]) -> None:
    assert [sight.time_s for sight in sights] == [time_s for time_s, _ in frames]
    assert {sight.image.shape for sight in sights} == {(480, 640, 3)}


def test_box_landmarks_and_mesh_stand_on_the_face(frames: list[tuple[float, np.ndarray]], sights: list[Sight]) -> None:
    first = sights[0]
    assert first.corners_px is not None
    middle = np.array([first.corners_px.mean().real, first.corners_px.mean().imag])
    matrix = scene.swaying(0.3).matrices()[0]
    nose = matrix @ [226, 125, 1]
    np.testing.assert_allclose(middle, 2 * nose, atol=30)  # the box's steps are coarse
    assert near(first.image, BOX_RGB) > 200
    assert near(first.image, LANDMARK_RGB) > 68
    plain = np.kron(frames[0][1], np.ones((2, 2, 1)))
    changed = np.abs(first.image - plain).max(axis=2) > 60
    rows, columns = np.nonzero(changed)
    reach = np.ptp(first.corners_px.real)
    assert np.mean(np.hypot(columns - middle[0], rows - middle[1]) < reach) > 0.97


def test_a_frame_without_face_is_left_as_it_is(sights: list[Sight]) -> None:
    for number in HIDDEN:
        assert sights[number].corners_px is None
        assert near(sights[number].image, BOX_RGB) == 0
    assert sights[-1].corners_px is not None


def test_close_up_holds_every_face_and_little_else(sights: list[Sight]) -> None:
    images = close_up(sights)
    assert len({image.shape for image in images}) == 1
    assert images[0].shape[0] < 480
    assert near(images[0], BOX_RGB) == near(sights[0].image, BOX_RGB)
    blank = [sights[3], sights[4]]
    assert [image.shape for image in close_up(blank)] == [(480, 640, 3)] * 2
