"""What lies around the face in each frame: the light of the background, where the face is, whether the frame is a new picture.

The background is a set of pixels that stays the same for a whole video, so that a head that moves changes its light no more than
it must: those of a coarse grid that the face, its hair and all below its chin never come near. Measured: 0.14 ms of one core a
frame of 320x240, 0.16 ms of 1280x720, of about 5 ms for all steps; 14 kB a frame while a video is read.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tast.pictures import Picture
from tast.preprocessing.colour import sparse_rgb
from tast.preprocessing.pose import ComplexArray, Pose
from tast.records import Surroundings

LEAST_STEP_PX = 8
MOST_POINTS = 1200  # of the grid, about
LEAST_POINTS = 30  # of the background: with fewer, their mean is noise
BESIDE, ABOVE = 2.0, -2.4  # in eye distances from between the eyes: what is nearer may be hair
CHIN = 1.6  # what is below it may be neck, shoulders or clothes, which move with the breath


class SurroundingsWatcher:
    """Sees each frame of one video, in order of time."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._samples: list[npt.NDArray[np.float32]] = []
        self._poses: list[Pose | None] = []
        self._repeated: list[bool] = []
        self._points_px: ComplexArray = np.empty((0, 0), dtype=np.complex128)
        self._near: npt.NDArray[np.bool_] = np.zeros((0, 0), dtype=bool)

    def take(self, time_s: float, picture: Picture, pose: Pose | None) -> None:
        """pose: face coordinates -> pixels of the frame; None where no face is seen."""
        if not self._samples:
            self._points_px = _grid(picture)
            self._near = np.zeros(self._points_px.shape, dtype=bool)
        samples = sparse_rgb(picture, self._points_px)
        self._repeated.append(bool(self._samples) and np.array_equal(samples, self._samples[-1]))
        if pose is not None:
            self._near |= _near_face(self._points_px, pose)
        self._times_s.append(time_s)
        self._samples.append(samples)
        self._poses.append(pose)

    def result(self) -> Surroundings:
        """Of all frames so far; the background is NaN where the face leaves too little of it."""
        outside = ~self._near.ravel()
        light = np.full((len(self._samples), 3), np.nan)
        if outside.sum() >= LEAST_POINTS:
            light = np.array([samples.reshape(-1, 3)[outside].mean(axis=0) for samples in self._samples], dtype=np.float64)
        poses = [(np.nan, np.nan, np.nan) if pose is None else _place(pose) for pose in self._poses]
        return Surroundings(np.array(self._times_s), light, np.array(poses).reshape(-1, 3), np.array(self._repeated, dtype=bool))


def _grid(picture: Picture) -> ComplexArray:
    """(rows, columns) pixels x + iy."""
    height, width = (picture if isinstance(picture, np.ndarray) else picture.luma).shape[:2]
    step = max(LEAST_STEP_PX, round(np.sqrt(height * width / MOST_POINTS)))
    rows, columns = (np.arange(min(step // 2, side - 1), side, step) for side in (height, width))
    return np.asarray(columns[None, :] + 1j * rows[:, None])


def _near_face(points_px: ComplexArray, pose: Pose) -> npt.NDArray[np.bool_]:
    face = (points_px - pose.centre_px) / pose.turn
    return np.asarray((face.imag > CHIN) | (abs(face.real) < BESIDE) & (face.imag > ABOVE))


def _place(pose: Pose) -> tuple[float, float, float]:
    return pose.centre_px.real, pose.centre_px.imag, abs(pose.turn)
