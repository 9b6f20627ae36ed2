"""The naive pipeline that public code runs, frame by frame: the peer of benchmarks.preprocessing.

Full-frame HOG detection and 68 landmarks on each frame, Face Mesh as on unrelated pictures, mask drawn at full size, similarity
warp, then the textbook's magnification (Wu et al. 2012): every level of every frame's Laplacian pyramid filtered on its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import dlib
import numpy as np
import numpy.typing as npt
from mediapipe.python.solutions import face_mesh
from scipy.signal import butter, sosfiltfilt

from tast.preprocessing.align import STEERING, TEMPLATE, landmark_model_path
from tast.preprocessing.colour import warped
from tast.preprocessing.mask import closed_chain
from tast.preprocessing.pose import as_complex, fit_pose, roi_pose

Image = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]


class NaivePipeline:
    """Models are loaded once; every frame is then treated as if it were the only one."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(landmark_model_path()))
        self._mesh = face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=False)
        self._oval = closed_chain(face_mesh.FACEMESH_FACE_OVAL)

    def run(self, frames: Iterable[tuple[float, Image]], *, size_px: int, **magnification: Any) -> npt.NDArray[np.float16]:
        """(T, size_px, size_px, 3): aligned, masked, magnified."""
        rois = np.stack([self._roi(rgb, size_px) for _, rgb in frames])
        return textbook_magnify(rois.astype(np.float32), **magnification).astype(np.float16)

    def _roi(self, rgb: Image, size_px: int) -> Image:
        faces = self._detector(rgb, 0)
        if not faces:
            raise RuntimeError("the naive pipeline found no face in a frame")
        shape = self._predictor(rgb, max(faces, key=lambda face: face.area()))
        pose = fit_pose(TEMPLATE, as_complex([(point.x, point.y) for point in shape.parts()])[STEERING])
        masked = rgb * self._inside(rgb)[..., None]
        return warped(masked, pose.after(roi_pose(size_px).inverse()).matrix(), size_px)

    def _inside(self, rgb: Image) -> Image:
        """(H, W) 1 inside this frame's own contour."""
        height, width = rgb.shape[:2]
        found = self._mesh.process(rgb).multi_face_landmarks
        if not found:
            raise RuntimeError("the naive pipeline found no mesh in a frame")
        points = [(found[0].landmark[i].x * width, found[0].landmark[i].y * height) for i in self._oval]
        drawn = np.zeros((height, width), dtype=np.uint8)
        cv2.fillPoly(drawn, [np.rint(points).astype(np.int32)], 1)
        return drawn


def textbook_magnify(
    frames: Float32Array, *, fps_hz: float, levels: int, residual: bool, low_hz: float, high_hz: float, alpha: float
) -> Float32Array:
    """(T, H, W, 3) plus alpha times its band-passed pyramid, level by level."""
    pyramids = [_laplacian_pyramid(frame, levels) for frame in frames]
    sections = butter(4, (low_hz, high_hz), btype="bandpass", fs=fps_hz, output="sos")
    filtered = [alpha * sosfiltfilt(sections, np.stack(level), axis=0) for level in zip(*pyramids, strict=True)]
    if not residual:
        filtered[-1] *= 0
    return np.stack([frame + _collapsed([level[k] for level in filtered]) for k, frame in enumerate(frames)])


def _laplacian_pyramid(frame: Float32Array, levels: int) -> list[Float32Array]:
    pyramid = []
    for _ in range(levels):
        smaller = cv2.pyrDown(frame)
        pyramid.append(frame - cv2.pyrUp(smaller, dstsize=frame.shape[1::-1]))
        frame = smaller
    return [*pyramid, frame]


def _collapsed(pyramid: list[Float32Array]) -> Float32Array:
    image = pyramid[-1]
    for level in reversed(pyramid[:-1]):
        image = level + cv2.pyrUp(image, dstsize=level.shape[1::-1])
    return image
