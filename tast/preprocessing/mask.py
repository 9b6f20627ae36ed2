"""Background removal: MediaPipe Face Mesh's outer contour, drawn once per video in the coordinates of the aligned face.

A mask that is drawn anew in each frame follows the jitter of the mesh and modulates the mean at the rate of the pulse; one mask
for all frames cannot. Everything outside is exactly 0.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.records import FaceVideo

MASK_VERSION = "1"  # change it with the pixels: cached videos of other versions are not used
INSIDE_SHARE = 0.99  # of the meshed frames whose contour must hold a pixel
MESH_SIDE_PX = 256  # smaller ROIs are enlarged to this for the mesh only

BoolImage = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

log = logging.getLogger(__name__)


def mask(face: FaceVideo, *, mesh_every_frames: int, erode_px: int) -> FaceVideo:
    """Set all that is not face to 0: what lies in the contour of >= 99 % of the meshed frames, less a rim of erode_px.

    face.frames: (T, H, W, 3) uint8. The mesh runs on every mesh_every_frames-th frame, tracking from one to the next.
    Raises VideoRejected where no mesh is found or the mask is empty.
    """
    contours = list(_contours_px(face.frames[::mesh_every_frames]))
    if not contours:
        raise VideoRejected(face.record_id, f"no face mesh found in {len(face.frames[::mesh_every_frames])} aligned frames")
    inside = common_inside(contours, face.frames.shape[1:3], erode_px)
    if not inside.any():
        raise VideoRejected(face.record_id, f"no pixel lies in {INSIDE_SHARE:.0%} of {len(contours)} face contours")
    notes = {**face.notes, "meshed_frames": float(len(contours)), "mask_share": float(inside.mean())}
    log.debug("%s: %d of %d pixels are face", face.record_id, inside.sum(), inside.size)
    return replace(face, frames=face.frames * inside[None, :, :, None].astype(face.frames.dtype), notes=notes)


def mesh_model_paths() -> tuple[Path, ...]:
    """The weights inside the mediapipe package that Face Mesh runs; located without importing it."""
    spec = importlib.util.find_spec("mediapipe")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("mediapipe is not installed")
    modules = Path(spec.submodule_search_locations[0]) / "modules"
    return (modules / "face_detection/face_detection_short_range.tflite", modules / "face_landmark/face_landmark.tflite")


def common_inside(contours_px: Iterable[FloatArray], shape: tuple[int, ...], erode_px: int) -> BoolImage:
    """(H, W) True where >= 99 % of the closed contours, each (N, 2) x, y in pixels, hold the pixel, less a rim of erode_px."""
    count = np.zeros(shape, dtype=np.int32)
    n_contours = 0
    for contour in contours_px:
        drawn = np.zeros(shape, dtype=np.uint8)
        cv2.fillPoly(drawn, [np.rint(contour * 16).astype(np.int32)], 1, shift=4)
        count += drawn
        n_contours += 1
    inside = (count >= INSIDE_SHARE * n_contours).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * erode_px + 1, 2 * erode_px + 1))
    return cv2.erode(inside, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)


def closed_chain(edges: Iterable[tuple[int, int]]) -> list[int]:
    """The vertices of one closed polygon in order, from its unordered edges. Raises ValueError where they form none."""
    neighbours: dict[int, list[int]] = {}
    for start, end in sorted(edges):
        neighbours.setdefault(start, []).append(end)
        neighbours.setdefault(end, []).append(start)
    if not neighbours or any(len(ends) != 2 for ends in neighbours.values()):
        raise ValueError("the edges do not form one closed polygon: each vertex must have two edges")
    first = min(neighbours)
    chain, following = [first], min(neighbours[first])
    while following != first:
        previous = chain[-1]
        chain.append(following)
        following = next(end for end in neighbours[following] if end != previous)
    if len(chain) != len(neighbours):
        raise ValueError("the edges form more than one polygon")
    return chain


def mesh_points_px(frames: Iterable[npt.NDArray[np.generic]]) -> Iterator[FloatArray | None]:
    """(468, 2) x, y in pixels of each (H, W, 3) uint8 frame of one face, followed through them; None where none is found."""
    with _quiet_stderr():
        from mediapipe.python.solutions import face_mesh  # imported late: it takes 2 s and talks

        mesh = face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=False)
    with mesh:
        for frame in frames:
            with _quiet_stderr():
                found = mesh.process(_enlarged(np.asarray(frame))).multi_face_landmarks
            height, width = frame.shape[:2]
            yield np.array([(p.x * width - 0.5, p.y * height - 0.5) for p in found[0].landmark]) if found else None


def mesh_edges() -> npt.NDArray[np.int64]:
    """(E, 2) pairs of mesh points that the mesh's triangles join."""
    from mediapipe.python.solutions import face_mesh  # as above

    return np.array(sorted({(min(edge), max(edge)) for edge in face_mesh.FACEMESH_TESSELATION}))


def _contours_px(frames: npt.NDArray[np.generic]) -> Iterator[FloatArray]:
    """(N, 2) x, y of the face's outer contour in pixels, of each frame in which the mesh is found."""
    oval = _oval()
    for points in mesh_points_px(frames):
        if points is not None:
            yield points[oval]


def _oval() -> list[int]:
    with _quiet_stderr():
        from mediapipe.python.solutions import face_mesh  # as above

    return closed_chain(face_mesh.FACEMESH_FACE_OVAL)


def _enlarged(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    zoom = MESH_SIDE_PX / min(frame.shape[:2])
    if zoom <= 1:
        return np.ascontiguousarray(frame)
    return np.asarray(cv2.resize(frame, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


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
