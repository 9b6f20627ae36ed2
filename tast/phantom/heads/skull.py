"""The head as hair sees it: a disc with the crown in its middle, the angle from it as the radius."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom.heads.atlas import WIDTH, texels_of_face
from tast.phantom.heads.morphable import morphable_head
from tast.phantom.heads.raster import drawn, vertex_normals
from tast.records import FloatArray

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

DISC_PX, DISC_REACH = 640, np.radians(150)  # side of the disc; the angle from the crown at its rim
CENTRE_CM, CROWN = np.array([0.0, 4.5, -0.5]), np.array([0.0, np.cos(0.35), -np.sin(0.35)])


def disc_of(directions: FloatArray) -> FloatArray:
    """(N, 2) places on the disc, -1..1, of unit vectors (N, 3) from the centre of the head."""
    angle = np.arccos(np.clip(directions @ CROWN, -1, 1)) / DISC_REACH
    right = np.array([1.0, 0, 0])
    ahead = np.cross(right, CROWN)  # towards the face
    x, y = directions @ right, directions @ ahead
    length = np.maximum(np.hypot(x, y), 1e-9)
    return np.stack([angle * x / length, angle * y / length], axis=1)


@dataclass(frozen=True, eq=False)
class Skull:
    """The person's head seen from its middle, on the disc: position_cm, normal (DISC_PX / 2, DISC_PX / 2, 3)."""

    position_cm: Float32Array
    normal: Float32Array

    def at(self, disc: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Position and normal (N, 3) each at places (N, 2) on the disc."""
        size = len(self.position_cm)
        at_x, at_y = (((disc + 1) * size / 2 - 0.5).T).astype(np.float32)[..., None]
        position, normal = (
            cv2.remap(values, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
            for values in (self.position_cm, self.normal)
        )
        return position.astype(float), normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)


def skull(vertices: Float32Array) -> Skull:
    """The head of vertices (N, 3), in the order of the morphable head."""
    head = morphable_head()
    normals = np.empty_like(vertices)
    vertex_normals(vertices, head.triangles, normals)
    away = head.vertices_cm - CENTRE_CM
    distance = np.linalg.norm(away, axis=1)
    size = DISC_PX // 2
    disc = disc_of(away / distance[:, None])
    screen = np.column_stack([(disc + 1) * size / 2 - 0.5, -distance]).astype(np.float32)
    used = (head.of_part("skin")[head.triangles]).all(axis=1) & (np.linalg.norm(disc[head.triangles], axis=2).max(axis=1) < 1)
    values = np.concatenate([vertices, normals], axis=1).astype(np.float32)
    depth, picture = np.full((size, size), np.inf, np.float32), np.zeros((size, size, 6), np.float32)
    for triangles in (head.triangles[used], head.triangles[used][:, ::-1]):
        drawn(screen, values, np.ascontiguousarray(triangles), depth, picture)
    picture = cv2.GaussianBlur(picture, (0, 0), 3)  # ears and folds are no place for hair
    return Skull(np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3:]))


def on_disc(region: Float32Array) -> Float32Array:
    """(DISC_PX, DISC_PX) a map of the face seen on the disc."""
    position = cv2.resize(_mean_skull().position_cm, (DISC_PX, DISC_PX), interpolation=cv2.INTER_LINEAR)
    at = texels_of_face(position.reshape(-1, 3)).reshape(DISC_PX, DISC_PX, 2)
    return cv2.remap(
        region,
        np.ascontiguousarray(at[..., 0]) % WIDTH,
        np.ascontiguousarray(at[..., 1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


@cache
def _mean_skull() -> Skull:
    return skull(morphable_head().vertices_cm)


def sampled(field: Float32Array, disc: FloatArray) -> FloatArray:
    """(N,) values of a field (DISC_PX, DISC_PX) at places (N, 2) on the disc."""
    at_x, at_y = (((disc + 1) * DISC_PX / 2 - 0.5).T).astype(np.float32)[..., None]
    return cv2.remap(field, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0].astype(float)


def facing_outwards(points: FloatArray, triangles: IntArray, middle: FloatArray) -> IntArray:
    """The triangles (M, 3) of points (N, 3), turned so that most of them face away from `middle`, (3,) or (M, 3)."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    outwards = (np.cross(c - a, b - a) * (a - middle)).sum(axis=1) > 0
    return triangles if outwards.mean() > 0.5 else np.ascontiguousarray(triangles[:, ::-1])
