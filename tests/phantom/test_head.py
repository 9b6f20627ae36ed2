"""The head's surface: the inverse map and the change of light."""

from __future__ import annotations

import numpy as np

from tast.phantom import head
from tast.phantom.head import Pose, face_points, relight
from tast.phantom.outlines import CHIN_Y, FACE_CENTRE

REST = Pose(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
GRID_X, GRID_Y = np.meshgrid(np.linspace(120, 330, 22), np.linspace(0, 260, 27))
LAMP = np.array([0.6, -0.3, np.sqrt(1 - 0.45)])


def test_at_rest_everything_is_in_its_place_and_light() -> None:
    u, v = face_points(GRID_X, GRID_Y, REST)
    np.testing.assert_allclose(u, GRID_X, atol=1e-9)
    np.testing.assert_allclose(v, GRID_Y, atol=1e-9)
    factor, gloss = relight(u, v, REST, LAMP)
    np.testing.assert_allclose(factor, 1)
    np.testing.assert_allclose(gloss, 0, atol=1e-12)


def test_inverse_finds_the_points_that_were_moved() -> None:
    """A turn of 20 degrees with everything else at once: within 0.4 face units (half a pixel of a face of 120)."""
    pose = Pose(right=12.0, down=-5.0, yaw_rad=np.radians(20), pitch_rad=np.radians(6), roll_rad=np.radians(4), jaw=5.0)
    u, v = face_points(GRID_X, GRID_Y, pose)
    x, y = head._moved(u, v, pose)
    assert np.abs(x + pose.right - GRID_X).max() < 0.4
    assert np.abs(y + pose.down - GRID_Y).max() < 0.4


def test_a_turn_to_the_right_shows_the_nose_right_of_where_it_was_and_leaves_the_shoulders() -> None:
    pose = Pose(0.0, 0.0, np.radians(15), 0.0, 0.0, 0.0)
    nose_u, _ = face_points(np.array([head.CENTRE_X + 10]), np.array([head.CENTRE_Y]), pose)
    assert nose_u[0] < head.CENTRE_X + 1
    shoulder_u, shoulder_v = face_points(np.array([150.0]), np.array([250.0]), pose)
    assert (shoulder_u[0], shoulder_v[0]) == (150.0, 250.0)


def test_an_open_jaw_lowers_the_chin_and_leaves_the_eyes() -> None:
    pose = Pose(0.0, 0.0, 0.0, 0.0, 0.0, 5.0)
    _, v = face_points(np.array([FACE_CENTRE[0]] * 2), np.array([CHIN_Y + 5, 100.0]), pose)
    np.testing.assert_allclose(v, [CHIN_Y, 100.0], atol=0.3)


def test_the_side_that_turns_to_the_lamp_brightens() -> None:
    lamp = np.array([1.0, 0.0, 0.0])
    to_lamp = Pose(0.0, 0.0, np.radians(10), 0.0, 0.0, 0.0)
    factor, _ = relight(np.array([head.CENTRE_X + 15.0]), np.array([head.CENTRE_Y]), to_lamp, lamp)
    assert 1.01 < factor[0] < 1.2
