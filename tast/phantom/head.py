"""The head as a surface in space: where each point of the picture lies on the face, and how a turn changes its light.

The surface is a height field over the face, z = D (1 - r^2)^(3/2) inside an ellipse (r = 1 at its border), flat outside; turns
fade out down the neck. Lengths are face units: one hundred from hairline to chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.phantom.outlines import CHIN_Y, FACE_CENTRE, FACE_HEIGHT
from tast.records import FloatArray

CENTRE_X, CENTRE_Y = 225.0, 120.0
HALF_WIDTH, HALF_HEIGHT = 75.0, 100.0
DEPTH = 50.0
NECK_PIVOT = (225.0, 195.0)  # the head tilts about this point
NECK_TOP_Y, NECK_BOTTOM_Y = 172.0, 225.0

MOUTH_Y, JAW_BOTTOM_Y = 143.0, 200.0
JAW_HALF_WIDTH = 42.0

AMBIENT = 0.75  # share of the light that comes from everywhere
GLOSS, GLOSS_EXPONENT = 3.0, 12  # surface reflection under full light, of 255; has no pulse
PASSES = 6  # of the fixed-point inversion; each shrinks the error by the slope times the tangent of the turn, at most 0.4


@dataclass(frozen=True)
class Pose:
    """One moment of a HeadMotion, all in face units and radians."""

    right: float
    down: float
    yaw_rad: float
    pitch_rad: float
    roll_rad: float
    jaw: float


def face_points(x: FloatArray, y: FloatArray, pose: Pose) -> tuple[FloatArray, FloatArray]:
    """Points of the face (at rest) that are seen at (x, y) in face units; arrays of one shape.

    Inverts the forward map (turn, tilt, shift, jaw) by fixed-point iteration.
    """
    seen_x, seen_y = x - pose.right, y - pose.down
    u, v = seen_x, seen_y
    for _ in range(PASSES):
        moved_x, moved_y = _moved(u, v, pose)
        u, v = u + seen_x - moved_x, v + seen_y - moved_y
    return u, v


def _moved(u: FloatArray, v: FloatArray, pose: Pose) -> tuple[FloatArray, FloatArray]:
    """Where the points (u, v) of the resting face are after jaw, turn and tilt."""
    follows = _follows(v)
    jaw = pose.jaw * _jaw_share(u, v)
    yaw, pitch, roll = pose.yaw_rad * follows, pose.pitch_rad * follows, pose.roll_rad * follows
    height = _height(u, v)
    x = (u - CENTRE_X) * np.cos(yaw) + height * np.sin(yaw)
    y = (v + jaw - CENTRE_Y) * np.cos(pitch) - height * np.sin(pitch)
    from_pivot_x, from_pivot_y = x + CENTRE_X - NECK_PIVOT[0], y + CENTRE_Y - NECK_PIVOT[1]
    return (
        NECK_PIVOT[0] + from_pivot_x * np.cos(roll) - from_pivot_y * np.sin(roll),
        NECK_PIVOT[1] + from_pivot_x * np.sin(roll) + from_pivot_y * np.cos(roll),
    )


def relight(u: FloatArray, v: FloatArray, pose: Pose, light: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What a turn does to the light at points (u, v) of the face: factor on the remitted light, and gloss to add (of 255).

    light (3,): unit vector towards the lamp (right, down, towards the camera). Lambert's law for the factor, Blinn-Phong for the
    gloss, each as a difference from the resting pose, whose light the texture already has.
    """
    normal = _normal(u, v)
    follows = _follows(v)
    turned = _turned(normal, pose.yaw_rad * follows, pose.pitch_rad * follows)
    halfway = light + np.array([0.0, 0.0, 1.0])
    halfway = halfway / np.linalg.norm(halfway)
    lambert = [AMBIENT + (1 - AMBIENT) * np.maximum(_dot(n, light), 0) for n in (turned, normal)]
    gloss = [np.maximum(_dot(n, halfway), 0) ** GLOSS_EXPONENT for n in (turned, normal)]
    return lambert[0] / lambert[1], GLOSS * (gloss[0] - gloss[1])


def _dot(vectors: tuple[FloatArray, FloatArray, FloatArray], direction: FloatArray) -> FloatArray:
    return vectors[0] * direction[0] + vectors[1] * direction[1] + vectors[2] * direction[2]


def _inside(u: FloatArray, v: FloatArray) -> FloatArray:
    return np.maximum(1 - ((u - CENTRE_X) / HALF_WIDTH) ** 2 - ((v - CENTRE_Y) / HALF_HEIGHT) ** 2, 0)


def _height(u: FloatArray, v: FloatArray) -> FloatArray:
    return DEPTH * _inside(u, v) ** 1.5


def _normal(u: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    slope = -3 * DEPTH * np.sqrt(_inside(u, v))
    slope_x, slope_y = slope * (u - CENTRE_X) / HALF_WIDTH**2, slope * (v - CENTRE_Y) / HALF_HEIGHT**2
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    return -slope_x / length, -slope_y / length, 1 / length


def _turned(
    normal: tuple[FloatArray, FloatArray, FloatArray], yaw: FloatArray, pitch: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    x, y, z = normal
    x, z = x * np.cos(yaw) + z * np.sin(yaw), z * np.cos(yaw) - x * np.sin(yaw)
    y, z = y * np.cos(pitch) - z * np.sin(pitch), z * np.cos(pitch) + y * np.sin(pitch)
    return x, y, z


def _follows(v: FloatArray) -> FloatArray:
    """How much of the head's turn a height follows: 1 on the head, 0 on the shoulders."""
    return 1 - smoothstep(v, NECK_TOP_Y, NECK_BOTTOM_Y)


def _jaw_share(u: FloatArray, v: FloatArray) -> FloatArray:
    """How much of the jaw's way a point goes: 1 at the chin, 0 above the mouth, below the throat and at the sides."""
    sideways = np.maximum(1 - ((u - FACE_CENTRE[0]) / (1.3 * JAW_HALF_WIDTH)) ** 2, 0)
    return smoothstep(v, MOUTH_Y - 6, CHIN_Y - 8) * (1 - smoothstep(v, CHIN_Y, JAW_BOTTOM_Y)) * sideways


def smoothstep(value: FloatArray, low: float, high: float) -> FloatArray:
    fraction = np.clip((value - low) / (high - low), 0, 1)
    return fraction * fraction * (3 - 2 * fraction)


def face_units(face_heights: float) -> float:
    """Face units of a length in face heights."""
    return FACE_HEIGHT * face_heights
