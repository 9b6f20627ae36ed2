"""The morphable head: a mean head, how heads differ, how faces move. From ICT-FaceKit, see data/SOURCE.md.

Lengths are cm; x to the person's left (to the right in the picture), y up, z towards the camera; the origin lies between the
ears. A face is about 19 cm from hairline to chin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tast.records import FloatArray

HEAD = Path(__file__).parent / "data" / "head.npz"
FACE_CM = 18.6  # from the mean head's hairline to its chin
HARMONICS = 16  # spherical harmonics up to degree 3
VISIBILITY_SCALE = 4 / 127  # of the stored coefficients

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class MorphableHead:
    """vertices_cm (N, 3); triangles (M, 3), clockwise once y points down; part (N,): number in part_names.

    identity (48, N, 3): offsets in cm for a weight of one standard deviation; expression (21, N, 3): for a weight of 1.
    landmarks68 (68,): the vertices of the Multi-PIE points that dlib finds. visibility (N, HARMONICS): what a vertex of the mean
    head sees of its surroundings; occlusion (N,): the share of an even sky that reaches it.
    """

    vertices_cm: Float32Array
    triangles: IntArray
    part: IntArray
    part_names: tuple[str, ...]
    identity: Float32Array
    expression: Float32Array
    expression_names: tuple[str, ...]
    landmarks68: IntArray
    visibility: Float32Array
    occlusion: Float32Array

    def of_part(self, name: str) -> npt.NDArray[np.bool_]:
        """(N,) True for the vertices of one part."""
        return self.part == self.part_names.index(name)


@cache
def morphable_head() -> MorphableHead:
    """The head; read once per process, never to be written to."""
    with np.load(HEAD) as arrays:
        step_cm = np.float32(arrays["step_cm"])
        return MorphableHead(
            vertices_cm=arrays["vertices_cm"],
            triangles=arrays["triangles"].astype(np.int32),
            part=arrays["part"].astype(np.int32),
            part_names=tuple(map(str, arrays["part_names"])),
            identity=arrays["identity"] * step_cm,
            expression=arrays["expression"] * step_cm,
            expression_names=tuple(map(str, arrays["expression_names"])),
            landmarks68=arrays["landmarks68"].astype(np.int32),
            visibility=arrays["visibility"] * np.float32(VISIBILITY_SCALE),
            occlusion=arrays["occlusion"] / np.float32(255),
        )


def harmonics(directions: FloatArray) -> FloatArray:
    """(N, HARMONICS) real spherical harmonics, orthonormal over the sphere, of unit vectors (N, 3)."""
    x, y, z = directions.T
    one = np.ones_like(x)
    values = [
        0.282095 * one,
        0.488603 * y, 0.488603 * z, 0.488603 * x,
        1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z**2 - 1), 1.092548 * x * z, 0.546274 * (x**2 - y**2),
        0.590044 * y * (3 * x**2 - y**2), 2.890611 * x * y * z, 0.457046 * y * (5 * z**2 - 1), 0.373176 * z * (5 * z**2 - 3),
        0.457046 * x * (5 * z**2 - 1), 1.445306 * z * (x**2 - y**2), 0.590044 * x * (x**2 - 3 * y**2),
    ]  # fmt: skip
    return np.stack(values, axis=1)
