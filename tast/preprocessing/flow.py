"""How a face moves from one frame to the next, by optical flow; steadier than landmarks, which jitter, but it drifts.

Sparse Lucas-Kanade flow (Bouguet, 2000, pyramidal) of well-textured points between the brows and the tip of the nose, and a
similarity fitted to it, frame after frame: a path. Landmarks say where the face is, the path how it moves; track.py joins the
two, each in the band of frequencies in which it is the better.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tast.preprocessing.colour import warped
from tast.preprocessing.pose import FloatArray, Pose, as_complex, fit_pose, roi_pose

Image = npt.NDArray[np.uint8]

SIDE_PX = 128  # of the upright face in which the flow is measured
N_POINTS, MIN_POINTS = 120, 12
NEW_VIEW_EVERY = 30  # frames
LARGEST_OFFSET = 0.01  # of the side, and in scale and radians: beyond it the face is brought back to the middle of the view
WINDOW_PX, PYRAMID_LEVELS = 15, 2
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.003)
DETAIL_SIGMA_PX, CONTRAST = 4.0, 2.0  # light changes, the pulse's too, are smoother than this and must not look like motion
OUTLIER_PX = 0.3  # Cauchy scale of a point's residual: eyelids and highlights move by themselves
MOST_FITS, SETTLED_PX = 5, 0.001
LARGEST_STEP = 0.15  # of the side, from one frame to the next
LEAK = 0.01  # share of the distance to the landmarks by which the path returns whenever they are seen: its drift stays bounded

STILL = Pose(1 + 0j, 0j)


class FaceFlow:
    """The path of one face through a video, frame by frame."""

    def __init__(self) -> None:
        self._from_roi = roi_pose(SIDE_PX).inverse()
        self._previous: tuple[Image, Pose] | None = None
        self._offset = STILL  # path.after(offset) is what the landmarks say
        self._view: _View | None = None

    def move(self, gray: Image) -> Pose | None:
        """The path's pose in this frame (H, W) uint8, by the flow alone; None where it fails. `join` or `carry` comes next."""
        if self._previous is None:
            return None
        previous, path = self._previous
        to_frame = path.after(self._from_roi)
        if self._view is None or not self._view.still_good(to_frame):
            self._view = _View(previous, to_frame)
        motion = self._view.motion(gray)
        if motion is None:
            self._view = None
            return None
        return motion.after(path)

    def carry(self, gray: Image, path: Pose) -> Pose:
        """Goes on with the path as it is. Returns where landmarks would see the face."""
        self._previous = gray, path
        return path.after(self._offset)

    def join(self, gray: Image, path: Pose | None, landmarks: Pose | None) -> Pose | None:
        """The path's pose in this frame, given what the landmarks say; None where they see no face.

        At the first frame, after a loss and where the flow fails, the path goes on with the landmarks, as far off them as before.
        """
        if landmarks is None:
            self._previous = self._view = None
            return None
        path = path or landmarks.after(self._offset.inverse())
        distance = path.inverse().after(landmarks)
        path = path.after(Pose(1 + LEAK * (distance.turn - 1), LEAK * distance.centre_px))
        self._offset = path.inverse().after(landmarks)
        self._previous = gray, path
        return path


class _View:
    """The face upright and enlarged, under one transform for some frames, so that each frame is warped only once."""

    def __init__(self, gray: Image, to_frame: Pose) -> None:
        self._to_frame, self._age = to_frame, 0
        self._fine = detail(warped(gray, to_frame.matrix(), SIDE_PX))
        self._points = textured_points(self._fine)

    def still_good(self, to_frame: Pose) -> bool:
        """Whether the face is still near the middle, given the transform that would show it there."""
        moved = self._to_frame.inverse().after(to_frame)
        middle = 0.5 * (SIDE_PX - 1) * (1 + 1j)
        near = abs(moved.turn * middle + moved.centre_px - middle) < LARGEST_OFFSET * SIDE_PX
        return self._age < NEW_VIEW_EVERY and near and abs(moved.turn - 1) < LARGEST_OFFSET

    def motion(self, gray: Image) -> Pose | None:
        """Pixels of the last frame -> pixels of this one, as the face has moved; None where the flow fails."""
        fine = detail(warped(gray, self._to_frame.matrix(), SIDE_PX))
        step = flow_between(self._fine, fine, self._points)
        if step is None:
            return None
        self._fine, self._age = fine, self._age + 1
        self._points = cv2.transform(self._points, step.matrix()).astype(np.float32)
        return self._to_frame.after(step).after(self._to_frame.inverse())


def flow_between(before: Image, now: Image, points: npt.NDArray[np.float32]) -> Pose | None:
    """Pixels of `before` -> pixels of `now`, both (N, N) uint8; None where too few points are found again or they disagree."""
    if len(points) < MIN_POINTS:
        return None
    window = (WINDOW_PX, WINDOW_PX)
    moved, seen, _ = cv2.calcOpticalFlowPyrLK(before, now, points, None, winSize=window, maxLevel=PYRAMID_LEVELS, criteria=STOP)
    ok = seen[:, 0] == 1
    return _robust_fit(points[ok, 0], moved[ok, 0], len(before)) if ok.sum() >= MIN_POINTS else None


def detail(gray: Image) -> Image:
    """What of a picture (H, W) the light does not move: its fine structure around mid grey, (H, W) uint8."""
    light = gray.astype(np.float32)  # OpenCV blurs floats twice as fast as bytes
    smooth = cv2.GaussianBlur(light, (0, 0), DETAIL_SIGMA_PX)
    return np.asarray(cv2.addWeighted(light, CONTRAST, smooth, -CONTRAST, 128.0, dtype=cv2.CV_8U), dtype=np.uint8)


def textured_points(fine: Image) -> npt.NDArray[np.float32]:
    """Up to N_POINTS corners between the brows and the tip of the nose of an upright face (size, size), (N, 1, 2)."""
    size = len(fine)
    where = np.zeros_like(fine)
    where[int(0.27 * size) : int(0.66 * size), int(0.24 * size) : int(0.76 * size)] = 255
    points = cv2.goodFeaturesToTrack(fine, N_POINTS, 0.01, size / 40, mask=where, blockSize=5)
    return np.empty((0, 1, 2), dtype=np.float32) if points is None else np.asarray(points, dtype=np.float32)


def _robust_fit(before_px: npt.ArrayLike, now_px: npt.ArrayLike, size_px: int) -> Pose | None:
    """Similarity by iterated least squares with Cauchy weights; None where most points disagree or it is implausibly large."""
    before, now = as_complex(before_px), as_complex(now_px)
    error_px: FloatArray = np.zeros(len(before))
    for _ in range(MOST_FITS):
        pose = fit_pose(before, now, 1.0 / (1.0 + (error_px / OUTLIER_PX) ** 2))
        last_px, error_px = error_px, np.abs(pose.turn * before + pose.centre_px - now)
        if np.abs(error_px - last_px).max() < SETTLED_PX:
            break
    middle = 0.5 * (size_px - 1) * (1 + 1j)
    step_px = abs(pose.turn * middle + pose.centre_px - middle)
    small = step_px < LARGEST_STEP * size_px and abs(pose.turn - 1) < LARGEST_STEP
    return pose if small and np.sort(error_px)[len(error_px) // 2] < 2 * OUTLIER_PX else None
