"""What detector, landmark predictor and mesh see, drawn into the frame that they see it in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import tee
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from tast.preprocessing.align import SeenFace, watch_face
from tast.preprocessing.mask import mesh_edges, mesh_points_px

Image = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

BOX_RGB, LANDMARK_RGB, MESH_RGB = (240, 228, 66), (213, 94, 0), (86, 180, 233)
LANDMARK_RADIUS = 0.014  # of the face's box
MESH_SHARE = 0.5  # how strongly the mesh covers the face
MESH_SIDE = 1.7  # of the face's box: the mesh is sought in this part of the frame
CLOSE_UP_SIDE = 2.0  # of the face's box: what a close-up shows
FRACTION_BITS = 4  # OpenCV draws at fractions of a pixel when told in whole ones of these


class Sight(NamedTuple):
    """A frame (H, W, 3) uint8 RGB with all that is seen in it drawn in; corners_px: of the face's box in it, None without one."""

    time_s: float
    image: Image
    corners_px: ComplexArray | None


def watch(frames: Iterable[tuple[float, Image]], *, detect_every_s: float, height_px: int) -> Iterator[Sight]:
    """Each frame (time_s, (H, W, 3) uint8 RGB) at height_px, with box, 68 landmarks and mesh of the face that is seen in it."""
    watched, again = tee(watch_face(frames, detect_every_s=detect_every_s))
    meshes = mesh_points_px(rgb[_surroundings(rgb, face)] for _, rgb, face in again)  # frame by frame beside `watched`
    edges = mesh_edges()
    for (time_s, rgb, face), points in zip(watched, meshes, strict=True):
        zoom = height_px / rgb.shape[0]
        image = _resized(rgb, zoom)
        if face is not None:
            if points is not None:
                rows, columns = _surroundings(rgb, face)
                _draw_mesh(image, _pixels(np.add(points, (columns.start, rows.start)), zoom), edges)
            _draw_face(image, face, zoom)
        yield Sight(time_s, image, None if face is None else face.corners_px * zoom)


def close_up(sights: Sequence[Sight]) -> list[Image]:
    """The part of the images that holds the faces of all of them; the images whole where none was seen."""
    boxes = [sight.corners_px for sight in sights if sight.corners_px is not None]
    if not boxes:
        return [sight.image for sight in sights]
    part = _square(np.concatenate(boxes), CLOSE_UP_SIDE, sights[0].image)
    return [sight.image[part] for sight in sights]


def _surroundings(rgb: Image, face: SeenFace | None) -> tuple[slice, slice]:
    """Where the mesh is sought: around the face, or in all of the frame where there is none."""
    return (slice(None), slice(None)) if face is None else _square(face.corners_px, MESH_SIDE, rgb)


def _square(corners_px: ComplexArray, side: float, image: Image) -> tuple[slice, slice]:
    """Rows and columns of a square around the corners, `side` times as large as they need, as far as the image has them."""
    x, y = corners_px.real, corners_px.imag
    reach = 0.5 * side * max(np.ptp(x), np.ptp(y))
    height, width = image.shape[:2]
    return _span(0.5 * (y.min() + y.max()), reach, height), _span(0.5 * (x.min() + x.max()), reach, width)


def _span(middle: np.floating, reach: np.floating, end: int) -> slice:
    return slice(max(round(float(middle - reach)), 0), min(round(float(middle + reach)), end))


def _resized(rgb: Image, zoom: float) -> Image:
    size = round(rgb.shape[1] * zoom), round(rgb.shape[0] * zoom)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC), dtype=np.uint8)


def _pixels(points: FloatArray, zoom: float) -> npt.NDArray[np.int32]:
    """(N, 2) x, y in the frame -> in the resized one, in the fractions that OpenCV draws at."""
    return np.rint(((points + 0.5) * zoom - 0.5) * 2**FRACTION_BITS).astype(np.int32)


def _draw_mesh(image: Image, points: npt.NDArray[np.int32], edges: npt.NDArray[np.int64]) -> None:
    covered = image.copy()
    cv2.polylines(covered, list(points[edges]), False, MESH_RGB, 1, cv2.LINE_AA, FRACTION_BITS)
    cv2.addWeighted(covered, MESH_SHARE, image, 1 - MESH_SHARE, 0, dst=image)


def _draw_face(image: Image, face: SeenFace, zoom: float) -> None:
    corners, landmarks = (_pixels(np.stack([at.real, at.imag], axis=1), zoom) for at in face)
    cv2.polylines(image, [corners], True, BOX_RGB, 2, cv2.LINE_AA, FRACTION_BITS)
    radius = max(1.0, LANDMARK_RADIUS * zoom * np.ptp(face.corners_px.real)) * 2**FRACTION_BITS
    for x, y in landmarks.tolist():
        cv2.circle(image, (x, y), round(radius), LANDMARK_RGB, -1, cv2.LINE_AA, FRACTION_BITS)
