"""What alignment by landmarks leaves over: the small shift, turn and scale of each aligned face against the video's first one.

Landmarks jitter and their low-pass cannot follow a quick head; sparse Lucas-Kanade flow (Bouguet, 2000, pyramidal) of
well-textured points between the eyebrows and the nose sees both to a few hundredths of a pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tast.preprocessing.pose import FloatArray, Pose, as_complex, fit_pose

Image = npt.NDArray[np.uint8]

N_POINTS = 120
MIN_POINTS = 12
FLOW_WINDOW_PX = 15
PYRAMID_LEVELS = 2
DETAIL_SIGMA_PX = 4.0  # light changes, the pulse's too, are smoother than this and must not look like motion
CONTRAST = 2.0
OUTLIER_PX = 0.3  # Cauchy scale of a point's residual: eyelids and highlights move by themselves
LARGEST_SHIFT = 0.08  # of the ROI's side; more is a failure of the flow, not of the landmarks

_STILL = Pose(1 + 0j, 0j)


class Stabiliser:
    """Compares each ROI with the first one given to it."""

    def __init__(self) -> None:
        self._reference: Image | None = None
        self._points = np.empty((0, 1, 2), dtype=np.float32)

    def residual(self, roi: Image) -> Pose:
        """Pixels of the reference ROI -> pixels of this one ((N, N, 3) uint8 RGB); the identity where the flow fails."""
        detail = _detail(roi)
        if self._reference is None:
            self._reference = detail
            self._points = _textured_points(detail)
            return _STILL
        if len(self._points) < MIN_POINTS:
            return _STILL
        moved, seen, _ = cv2.calcOpticalFlowPyrLK(
            self._reference, detail, self._points, None, winSize=(FLOW_WINDOW_PX, FLOW_WINDOW_PX), maxLevel=PYRAMID_LEVELS,
            criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.003),
        )  # fmt: skip
        ok = seen[:, 0] == 1
        if ok.sum() < MIN_POINTS:
            return _STILL
        return _robust_fit(self._points[ok, 0], moved[ok, 0], len(roi)) or _STILL


def _detail(roi: Image) -> Image:
    gray = cv2.cvtColor(roi, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = (gray - cv2.GaussianBlur(gray, (0, 0), DETAIL_SIGMA_PX)) * CONTRAST + 128.0
    return np.clip(np.rint(detail), 0, 255).astype(np.uint8)


def _textured_points(detail: Image) -> npt.NDArray[np.float32]:
    """Up to N_POINTS corners between the brows and the tip of the nose, (N, 1, 2)."""
    size = len(detail)
    where = np.zeros_like(detail)
    where[int(0.27 * size) : int(0.66 * size), int(0.24 * size) : int(0.76 * size)] = 255
    points = cv2.goodFeaturesToTrack(detail, N_POINTS, 0.01, max(size / 40, 2.0), mask=where, blockSize=5)
    return np.empty((0, 1, 2), dtype=np.float32) if points is None else points


def _robust_fit(reference_px: npt.ArrayLike, moved_px: npt.ArrayLike, size_px: int) -> Pose | None:
    """Similarity by iterated least squares with Cauchy weights; None where most points disagree or it is implausibly large."""
    reference, moved = as_complex(reference_px), as_complex(moved_px)
    weights: FloatArray = np.ones(len(reference))
    for _ in range(5):
        pose = fit_pose(reference, moved, weights)
        error_px = np.abs(pose.turn * reference + pose.centre_px - moved)
        weights = 1.0 / (1.0 + (error_px / OUTLIER_PX) ** 2)
    middle = 0.5 * (size_px - 1) * (1 + 1j)
    shift_px = abs(pose.turn * middle + pose.centre_px - middle)
    small = shift_px < LARGEST_SHIFT * size_px and abs(pose.turn - 1) < LARGEST_SHIFT
    return pose if small and np.median(error_px) < 2 * OUTLIER_PX else None
