"""The flat map of the mean head that all faces are painted on, and where on it lips, brows, lids, beard and hair lie.

Columns are the angle about the vertical axis (the nose in the middle, the back of the head at both ends), rows the height. Below
it are patches for what lies inside: eyeballs, mouth, sockets; and for teeth, clothes and glasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import splev, splprep

from tast.phantom.heads.morphable import morphable_head
from tast.phantom.heads.raster import drawn
from tast.records import FloatArray

WIDTH, HEIGHT, FACE_HEIGHT = 1024, 896, 616  # texels; the rows below FACE_HEIGHT hold the patches
TEXELS_PER_CM = WIDTH / (2 * np.pi * 9.07)  # at the mean radius
TOP_CM = 14.6
PULSE_TEXEL = 4  # texels of the map to a side of one of the maps of blood

EYE_PATCH, EYE_PX, EYE_SPAN = (8, 640), 112, 1.15  # corner x, y; side; half side in radii of the eyeball
MOUTH_PATCH, MOUTH_PX = (140, 640), 112
SOCKET_PATCH, SOCKET_PX = (270, 640), 96
TEETH_PATCH, TEETH_PX = (380, 640), (192, 96)
GLASSES_PATCH, GLASSES_PX = (380, 752), (64, 64)
CLOTHES_PATCH, CLOTHES_PX = (600, 640), (416, 248)

Float32Array = npt.NDArray[np.float32]


def texels_of_face(points_cm: FloatArray) -> Float32Array:
    """(N, 2) column and row of points (N, 3) of the mean head."""
    x, y, z = np.asarray(points_cm, np.float64).T
    column = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * WIDTH - 0.5
    return np.stack([column, (TOP_CM - y) * TEXELS_PER_CM - 0.5], axis=1).astype(np.float32)


def at_angle(outline: tuple[tuple[float, float], ...]) -> Float32Array:
    """(N, 2) texels of points (angle from the nose in degrees, height in cm)."""
    angle, height = np.array(outline).T
    return np.stack([(angle / 360 + 0.5) * WIDTH - 0.5, (TOP_CM - height) * TEXELS_PER_CM - 0.5], axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Atlas:
    """The map. texels (N, 2): the vertices' places; position_cm (FACE_HEIGHT, WIDTH, 3): the mean head's surface.

    Soft regions in 0..1, (FACE_HEIGHT, WIDTH) each.
    """

    texels: Float32Array
    position_cm: Float32Array
    lips: Float32Array
    mouth_line: Float32Array
    eyes: Float32Array
    beard: Float32Array
    moustache: Float32Array
    chin_beard: Float32Array
    scalp: Float32Array
    face: Float32Array


# (angle from the nose in degrees, height in cm) on the mean head
HAIRLINE = (
    (-180, -6.0), (-150, -5.0), (-128, -2.0), (-114, 3.5), (-101, 6.0), (-88, 4.6), (-81, 1.6), (-72, 1.4), (-69, 4.2),
    (-62, 6.4), (-54, 7.3), (-47, 8.9), (-36, 10.4), (-20, 10.9), (0, 10.7), (20, 10.9), (36, 10.4), (47, 8.9), (54, 7.3),
    (62, 6.4), (69, 4.2), (72, 1.4), (81, 1.6), (88, 4.6), (101, 6.0), (114, 3.5), (128, -2.0), (150, -5.0), (180, -6.0),
)  # fmt: skip
BEARD = (
    (-79, 2.0), (-70, 1.8), (-64, -0.8), (-50, -3.0), (-33, -3.3), (-19, -2.6), (-9, -1.7), (0, -2.0), (9, -1.7), (19, -2.6),
    (33, -3.3), (50, -3.0), (64, -0.8), (70, 1.8), (79, 2.0), (80, -3.0), (68, -6.6), (45, -8.4), (0, -8.9), (-45, -8.4),
    (-68, -6.6), (-80, -3.0),
)  # fmt: skip
MOUSTACHE = (
    (-20, -3.9),
    (-16, -2.4),
    (-7, -1.5),
    (0, -1.75),
    (7, -1.5),
    (16, -2.4),
    (20, -3.9),
    (10, -3.4),
    (0, -3.0),
    (-10, -3.4),
)
CHIN_BEARD = (
    (-17, -3.6),
    (-22, -5.2),
    (-26, -7.2),
    (-18, -9.0),
    (18, -9.0),
    (26, -7.2),
    (22, -5.2),
    (17, -3.6),
    (9, -4.9),
    (-9, -4.9),
)


@cache
def atlas() -> Atlas:
    """The map; made once per process, never to be written to."""
    head = morphable_head()
    texels = texels_of_face(head.vertices_cm)
    skin = head.of_part("skin")
    inside = skin[head.triangles].all(axis=1)
    corners = texels[head.triangles]
    inside &= np.ptp(corners[..., 0], axis=1) < WIDTH / 2  # the seam at the back is never seen
    screen = np.column_stack([texels, -np.hypot(head.vertices_cm[:, 0], head.vertices_cm[:, 2])]).astype(np.float32)
    depth = np.full((FACE_HEIGHT, WIDTH), np.inf, np.float32)
    position = np.zeros((FACE_HEIGHT, WIDTH, 3), np.float32)
    drawn(screen, head.vertices_cm, head.triangles[inside], depth, position)
    position = _filled(position, depth)
    for name, corner, side in (("mouth", MOUTH_PATCH, MOUTH_PX), ("socket", SOCKET_PATCH, SOCKET_PX)):
        part = head.of_part(name)
        low, high = head.vertices_cm[part].min(axis=0), head.vertices_cm[part].max(axis=0)
        share = (head.vertices_cm[part] - low) / (high - low)
        texels[part] = np.array(corner) + (0.02 + 0.96 * share[:, [2, 1]]) * side
    for name in ("eye_left", "eye_right"):
        part = head.of_part(name)
        centre, radius = eyeball(head.vertices_cm[part])
        texels[part] = np.array(EYE_PATCH) + EYE_PX * (
            0.5 + (head.vertices_cm[part] - centre)[:, :2] * [1, -1] / (2 * EYE_SPAN * radius)
        )
    marks = texels_of_face(head.vertices_cm[head.landmarks68])
    lips = region(smooth_outline(marks[48:60]), 1.5)
    angle = np.degrees(np.arctan2(position[..., 0], position[..., 2]))
    return Atlas(
        texels=texels,
        position_cm=position,
        lips=lips,
        mouth_line=stroke(smooth_outline(np.concatenate([marks[60:65], marks[67:64:-1]])), 2.0, 1.2),
        eyes=np.maximum(region(smooth_outline(marks[36:42]), 1.0), region(smooth_outline(marks[42:48]), 1.0)),
        beard=region(at_angle(BEARD), 12.0) * (1 - region(smooth_outline(marks[48:60]), 2.0)),
        moustache=region(at_angle(MOUSTACHE), 4.0) * (1 - lips),
        chin_beard=region(at_angle(CHIN_BEARD), 5.0) * (1 - lips),
        scalp=region(np.concatenate([at_angle(HAIRLINE), [[WIDTH, -9], [-1, -9]]]), 7.0),
        face=((np.abs(angle) < 75) & (position[..., 1] > -8) & (position[..., 1] < 11)).astype(np.float32),
    )


def eyeball(vertices_cm: FloatArray) -> tuple[FloatArray, float]:
    """(3,) centre and radius of one eye's vertices (n, 3): the sphere without the cornea's bulge."""
    points = np.asarray(vertices_cm, np.float64)
    back = points[points[:, 2] < np.percentile(points[:, 2], 60)]
    solution = np.linalg.lstsq(np.column_stack([2 * back, np.ones(len(back))]), (back**2).sum(axis=1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + (solution[:3] ** 2).sum()))


def smooth_outline(points: FloatArray) -> Float32Array:
    """(96, 2) a closed curve through points (N, 2)."""
    closed = np.concatenate([points, points[:1]])
    spline, _ = splprep(closed.T.astype(np.float64), s=0, per=True)
    return np.stack(splev(np.linspace(0, 1, 97)[:-1], spline), axis=1).astype(np.float32)


def region(outline: FloatArray, softness_px: float) -> Float32Array:
    """(FACE_HEIGHT, WIDTH) coverage in 0..1 inside an outline (N, 2) of texels, with a soft border."""
    canvas = np.zeros((FACE_HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(canvas, [np.rint(np.asarray(outline) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), softness_px)


def stroke(outline: FloatArray, width_px: float, softness_px: float) -> Float32Array:
    """(FACE_HEIGHT, WIDTH) coverage of a line along outline (N, 2)."""
    canvas = np.zeros((FACE_HEIGHT, WIDTH), np.uint8)
    points = np.rint(np.asarray(outline) * 16).astype(np.int32)
    cv2.polylines(canvas, [points], False, 255, max(1, round(width_px)), cv2.LINE_AA, 4)
    return cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), softness_px)


def noise(rng: np.random.Generator, shape: tuple[int, ...], cell_px: float) -> Float32Array:
    """Smooth noise of unit variance (h, w), its grains about cell_px wide."""
    rows, columns = (max(4, round(n / cell_px)) for n in shape)
    grains = rng.standard_normal((rows, columns)).astype(np.float32)
    field = cv2.resize(grains, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return field / field.std()


def blob(centre_cm: tuple[float, float, float], radius_cm: float) -> Float32Array:
    """(FACE_HEIGHT, WIDTH) a Gaussian in space about a point of the mean head."""
    squared = np.zeros((FACE_HEIGHT, WIDTH), np.float32)
    for plane, middle in zip(_planes(), centre_cm, strict=True):
        away = plane - np.float32(middle)
        squared += away * away
    return np.exp(squared * np.float32(-0.5 / radius_cm**2))


@cache
def _planes() -> tuple[Float32Array, ...]:
    """x, y and z of the map, each in one piece: several times faster to go through than points."""
    return tuple(np.ascontiguousarray(atlas().position_cm[..., k]) for k in range(3))


def both_sides(centre_cm: tuple[float, float, float], radius_cm: float) -> Float32Array:
    """The same about a point and its mirror image."""
    x, y, z = centre_cm
    return blob((x, y, z), radius_cm) + blob((-x, y, z), radius_cm)


def _filled(position: Float32Array, depth: Float32Array) -> Float32Array:
    """Texels that no triangle covers take the value of their nearest covered neighbour in the column."""
    known = np.isfinite(depth)
    rows = np.arange(len(depth))[:, None]
    below = np.minimum.accumulate(np.where(known, rows, len(depth) - 1)[::-1], axis=0)[::-1]
    above = np.maximum.accumulate(np.where(known, rows, 0), axis=0)
    nearest = np.where((below - rows <= rows - above) & (below < len(depth) - 1), below, above)
    return np.take_along_axis(position, nearest[..., None], axis=0)
