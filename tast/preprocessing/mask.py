"""Background removal: MediaPipe Face Mesh's outer contour, drawn once per video in the coordinates of the aligned face.

A mask that is drawn anew in each frame follows the jitter of the mesh and modulates the mean at the rate of the pulse; one mask
for all frames cannot. Where the picture is steep, the smallest motion changes a pixel's light, so that the steepest part of the
face is left out as well. So is what is overexposed: a sensor at its limit cuts the pulse off, red's first and most in pale skin.
Everything outside is exactly 0.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.preprocessing.light import face_light
from tast.preprocessing.pose import as_complex, roi_pose
from tast.records import FaceVideo

N_MESH_POINTS = 468
NO_FACE = np.zeros((16, 16, 3), dtype=np.uint8)
INSIDE_SHARE = 0.99  # of the meshed frames whose contour must hold a pixel
EYES_ASTRAY = 0.3  # eye distances
GRADIENT_SIGMA_PX = 1.0
FRAMES_AT_ONCE = 64
OVEREXPOSED_SHARE = 0.02  # of the frames: more often at its limit than noise alone makes a pixel
FEATURE_EDGES = ("FACEMESH_LEFT_EYE", "FACEMESH_RIGHT_EYE", "FACEMESH_LEFT_EYEBROW", "FACEMESH_RIGHT_EYEBROW", "FACEMESH_LIPS")

BoolImage = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

log = logging.getLogger(__name__)


def mask(
    face: FaceVideo, *, mesh_every_frames: int, erode_px: int, skin_only: bool = False, low_gradient_share: float = 1.0,
    overexposed_level: float | None = None,
) -> FaceVideo:  # fmt: skip
    """Set all that is not face to 0: what lies in the contour of >= 99 % of the meshed frames, less a rim of erode_px.

    face.frames: (T, H, W, 3) uint8. The mesh runs on every mesh_every_frames-th frame, tracking from one to the next.
    skin_only: without eyes, brows and lips, and a rim of erode_px around them. overexposed_level: of 255; without pixels of which
    a channel gets there. low_gradient_share: of what is left, that share is kept, where the mean picture is least steep.
    Raises VideoRejected where no mesh is found, where its eyes are not where the alignment has put them, where the mask is empty,
    or all in it overexposed.
    """
    meshed = face.frames[::mesh_every_frames]
    outlines = [outline for outline in face_outlines(meshed) if outline is not None]
    if not outlines:
        raise VideoRejected(face.record_id, f"no face mesh found in {len(meshed)} aligned frames")
    if (astray := eyes_astray(outlines, face.frames.shape[1])) > EYES_ASTRAY:
        reason = f"eyes of the mesh {astray:.2f} eye distances off those of the alignment"
        raise VideoRejected(face.record_id, reason)
    inside = common_inside((drawn(outline, face.frames.shape[1:3], skin_only) for outline in outlines), erode_px)
    if not inside.any():
        raise VideoRejected(face.record_id, f"no pixel lies in {INSIDE_SHARE:.0%} of {len(outlines)} face contours")
    if overexposed_level is not None:
        inside &= ~overexposed(face.frames, overexposed_level)
        if not inside.any():
            raise VideoRejected(face.record_id, f"the whole face is overexposed, at {overexposed_level:g} of 255 or above")
    inside = least_steep(meshed.mean(axis=(0, 3), dtype=np.float64), inside, low_gradient_share)
    notes = {**face.notes, "meshed_frames": float(len(outlines)), "mask_share": float(inside.mean())}
    log.debug("%s: %d of %d pixels are face", face.record_id, inside.sum(), inside.size)
    frames = face.frames * inside[None, :, :, None].astype(face.frames.dtype)
    return replace(face, frames=frames, notes=notes, light=face_light(frames, face.surroundings, face.times_s))


@dataclass(frozen=True, eq=False)
class FaceOutlines:
    """One frame's mesh, (N, 2) x, y in pixels each. contour: closed, chin to hairline; features: eyes, brows, lips."""

    contour: FloatArray
    features: tuple[FloatArray, ...]


def eyes_astray(outlines: Sequence[FaceOutlines], roi_size_px: int) -> float:
    """How far the mesh sees the worse eye from where align puts eyes, in eye distances; the median over the frames.

    A second opinion: dlib's landmarks form a plausible face even where they lie beside it. People's own eyes differ by about 0.1.
    """
    to_face = roi_pose(roi_size_px).inverse()
    eyes_px = [[as_complex(eye).mean() for eye in outline.features[:2]] for outline in outlines]
    eyes = np.sort(
        to_face.turn * np.array(eyes_px) + to_face.centre_px, axis=1
    )  # by x: the mesh's left is the right in the image
    return float(np.median(np.abs(eyes - [-0.5, 0.5]).max(axis=1)))


def mesh_model_paths() -> tuple[Path, ...]:
    """The weights inside the mediapipe package that Face Mesh runs; located without importing it."""
    spec = importlib.util.find_spec("mediapipe")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("mediapipe is not installed")
    modules = Path(spec.submodule_search_locations[0]) / "modules"
    return (modules / "face_detection/face_detection_short_range.tflite", modules / "face_landmark/face_landmark.tflite")


def drawn(outlines: FaceOutlines, shape: tuple[int, ...], skin_only: bool) -> BoolImage:
    """(H, W) True inside the contour; with skin_only without the hulls of eyes, brows and lips."""
    inside = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(inside, [_sixteenths(outlines.contour)], 1, shift=4)
    for feature in outlines.features if skin_only else ():
        cv2.fillConvexPoly(inside, cv2.convexHull(_sixteenths(feature)), 0, shift=4)
    return inside.view(np.bool_)


def _sixteenths(points_px: FloatArray) -> npt.NDArray[np.int32]:
    return np.rint(points_px * 16).astype(np.int32)


def common_inside(drawings: Iterable[BoolImage], erode_px: int) -> BoolImage:
    """(H, W) True where >= 99 % of the drawings, each (H, W), are True, less a rim of erode_px."""
    n_drawings, count = 0, np.zeros((), dtype=np.int32)
    for drawing in drawings:
        count = count + drawing
        n_drawings += 1
    inside = (count >= INSIDE_SHARE * n_drawings).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * erode_px + 1, 2 * erode_px + 1))
    return cv2.erode(inside, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)


def overexposed(frames: npt.NDArray[Any], level: float) -> BoolImage:
    """(H, W) True where any channel of frames (T, H, W, 3) is at `level` or above, in more than OVEREXPOSED_SHARE of them."""
    count = np.zeros(frames.shape[1:], dtype=np.int64)
    for first in range(0, len(frames), FRAMES_AT_ONCE):
        count += (frames[first : first + FRAMES_AT_ONCE] >= level).sum(axis=0)
    return np.asarray((count > OVEREXPOSED_SHARE * len(frames)).any(axis=-1))


def least_steep(mean_light: FloatArray, inside: BoolImage, share: float) -> BoolImage:
    """That share of the pixels inside (H, W) where the gradient of mean_light (H, W), relative to the light, is smallest."""
    smooth = cv2.GaussianBlur(mean_light, (0, 0), GRADIENT_SIGMA_PX)
    steepness = np.hypot(cv2.Sobel(smooth, cv2.CV_64F, 1, 0), cv2.Sobel(smooth, cv2.CV_64F, 0, 1)) / np.maximum(smooth, 1)
    return inside & (steepness <= np.quantile(steepness[inside], share))


def closed_chain(edges: Iterable[tuple[int, int]]) -> list[int]:
    """The vertices of one closed polygon in order, from its unordered edges. Raises ValueError where they form none."""
    neighbours: dict[int, list[int]] = {}
    for start, end in sorted(edges):
        neighbours.setdefault(start, []).append(end)
        neighbours.setdefault(end, []).append(start)
    if not neighbours or any(len(ends) != 2 for ends in neighbours.values()):
        raise ValueError("the edges do not form one closed polygon: each vertex must have two edges")
    first = min(neighbours)
    vertices, following = [first], min(neighbours[first])
    while following != first:
        previous = vertices[-1]
        vertices.append(following)
        following = next(end for end in neighbours[following] if end != previous)
    if len(vertices) != len(neighbours):
        raise ValueError("the edges form more than one polygon")
    return vertices


def mesh_points_px(
    frames: Iterable[npt.NDArray[np.generic]], numbers: Sequence[int] = range(N_MESH_POINTS)
) -> Iterator[FloatArray | None]:
    """(N, 2) x, y in pixels of the mesh's points `numbers` in each (H, W, 3) uint8 frame of one face; None where none is found.

    The mesh follows the face from one frame to the next.
    """
    with _quiet_stderr():
        mesh = _face_mesh().FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=False)
        mesh.process(NO_FACE)  # its threads start before they are asked or after, and talk then; nothing is followed from here
    with mesh:
        for frame in frames:
            with _quiet_stderr():
                found = mesh.process(np.ascontiguousarray(frame)).multi_face_landmarks
            yield _points_px(found[0].landmark, numbers, frame.shape) if found else None


def _points_px(landmarks: Any, numbers: Sequence[int], shape: tuple[int, ...]) -> FloatArray:
    height, width = shape[:2]
    points = [landmarks[number] for number in numbers]
    return np.array([(point.x * width - 0.5, point.y * height - 0.5) for point in points])


def mesh_edges() -> npt.NDArray[np.int64]:
    """(E, 2) pairs of mesh points that the mesh's triangles join."""
    return np.array(sorted({(min(edge), max(edge)) for edge in _face_mesh().FACEMESH_TESSELATION}))


def face_outlines(frames: Iterable[npt.NDArray[np.generic]]) -> Iterator[FaceOutlines | None]:
    """The outlines in each (H, W, 3) uint8 frame of one face, which is followed through them; None where none is found."""
    with _quiet_stderr():
        edges = _face_mesh()
    oval = closed_chain(edges.FACEMESH_FACE_OVAL)
    features = [sorted(set(chain.from_iterable(getattr(edges, name)))) for name in FEATURE_EDGES]
    ends = np.cumsum([len(oval), *map(len, features)])[:-1]
    for points_px in mesh_points_px(frames, [*oval, *chain.from_iterable(features)]):
        if points_px is None:
            yield None
        else:
            contour, *features_px = np.split(points_px, ends)
            yield FaceOutlines(contour, tuple(features_px))


def _face_mesh() -> Any:
    from mediapipe.python.solutions import face_mesh  # imported late: it takes 2 s and talks

    return face_mesh


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Send what MediaPipe's native code writes to the process's standard error to nowhere; it has no switch of its own."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
