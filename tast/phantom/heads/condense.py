"""Makes data/head.npz, the mean head and how heads differ and move, from ICT-FaceKit's light model.

    python -m tast.phantom.heads.condense ict_face.npz

ict_face.npz holds the model's arrays as data/SOURCE.md lists them. Left out here: the inner layer of the eyeballs, and precision
beyond STEP_CM. Parts with colours of their own get vertices of their own along their common border. Added: which directions each
vertex sees the light from.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tast.files import whole_file
from tast.phantom.heads.morphable import HARMONICS, HEAD, harmonics
from tast.phantom.heads.raster import drawn, vertex_normals
from tast.records import FloatArray

STEP_CM = 0.002
PARTS = {
    "skin": (0, 11248),
    "mouth": (11248, 13294),
    "socket": (13294, 14062),
    "eye_left": (14062, 14832),
    "eye_right": (15632, 16402),
}
DIRECTIONS = 400
BIAS_CM, MAP_PX = 0.25, 320  # of the depth maps that say what is seen from a direction

IntArray = npt.NDArray[np.int32]


def condense(source: Path, target: Path) -> None:
    """Writes target. Raises KeyError where source lacks an array."""
    with np.load(source) as arrays:
        triangles = arrays["triangles"][:, ::-1].astype(np.int32)  # front faces clockwise as they are drawn
        part_of = np.full(len(arrays["vertices_cm"]), -1)
        for number, (first, end) in enumerate(PARTS.values()):
            part_of[first:end] = number
        origin, part, triangles = _separated(triangles, part_of)
        vertices = arrays["vertices_cm"][origin]
        modes = {
            name: np.rint(arrays[name][:, origin] * (arrays[f"{name}_scale"][:, None, None] / STEP_CM)).astype(np.int16)
            for name in ("identity", "expression")
        }
        landmarks = np.array([int(np.flatnonzero(origin == v)[0]) for v in arrays["landmarks68"]])
        names = arrays["expression_names"]
    visibility, occlusion = _light_from(vertices, triangles)
    with whole_file(target) as path, path.open("wb") as file:
        np.savez_compressed(
            file, vertices_cm=vertices.astype(np.float32), triangles=triangles.astype(np.uint16), part=part.astype(np.uint8),
            part_names=np.array(list(PARTS)), step_cm=np.float32(STEP_CM), landmarks68=landmarks.astype(np.uint16),
            expression_names=names, visibility=np.rint(127 * np.clip(visibility, -1, 1)).astype(np.int8),
            occlusion=np.rint(255 * occlusion).astype(np.uint8), **modes,
        )  # fmt: skip


def _separated(triangles: IntArray, part_of: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Kept vertices -> (N,) their numbers in the source, (N,) their part, (M, 3) triangles of one part each.

    A triangle across a border belongs to the part within: the border's vertices are there twice.
    """
    kept = triangles[(part_of[triangles] >= 0).all(axis=1)]
    part = part_of[kept].max(axis=1)
    corners = np.stack([kept, np.repeat(part[:, None], 3, axis=1)], axis=-1).reshape(-1, 2)
    vertices, place = np.unique(corners[:, ::-1], axis=0, return_inverse=True)
    return vertices[:, 1].astype(np.int32), vertices[:, 0].astype(np.int32), place.reshape(-1, 3).astype(np.int32)


def _light_from(vertices: FloatArray, triangles: IntArray) -> tuple[FloatArray, FloatArray]:
    """(N, HARMONICS) what each vertex sees of the surroundings, as spherical harmonics; (N,) share of a sky that it sees."""
    normals = np.empty(vertices.shape, np.float32)
    vertex_normals(vertices.astype(np.float32), triangles, normals)
    visibility, seen, whole = np.zeros((len(vertices), HARMONICS)), np.zeros(len(vertices)), np.zeros(len(vertices))
    nothing = np.zeros((len(vertices), 1), np.float32)
    for towards in _directions(DIRECTIONS):
        right = np.cross([0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0], towards)
        right /= np.linalg.norm(right)
        axes = np.stack([right, -np.cross(towards, right), -towards])
        screen = vertices @ axes.T
        screen[:, :2] = (screen[:, :2] / 20 + 1) * MAP_PX / 2
        depth = np.full((MAP_PX, MAP_PX), np.inf, np.float32)
        picture = np.zeros((MAP_PX, MAP_PX, 1), np.float32)
        for order in (triangles, np.ascontiguousarray(triangles[:, ::-1])):  # both sides cast shadows
            drawn(screen.astype(np.float32), nothing, order, depth, picture)
        x, y = np.clip(np.rint(screen[:, :2]).astype(int), 0, MAP_PX - 1).T
        lit = screen[:, 2] < depth[y, x] + BIAS_CM
        visibility += lit[:, None] * harmonics(towards[None])
        cosine = np.maximum(normals @ towards, 0)
        seen += lit * cosine
        whole += cosine
    return visibility * 4 * np.pi / DIRECTIONS / 4, seen / np.maximum(whole, 1e-9)


def _directions(count: int) -> FloatArray:
    """(count, 3) unit vectors, evenly over the sphere on a golden spiral."""
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1)


if __name__ == "__main__":
    condense(Path(sys.argv[1]), HEAD)
