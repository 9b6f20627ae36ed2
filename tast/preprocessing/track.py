"""A face followed through a video: poses with their gaps, and frames held back until their smoothed pose is known."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.preprocessing.pose import SMOOTHING_WINDOW_SIGMAS, Pose, smooth_pose
from tast.preprocessing.stabilise import Stabiliser

Image = npt.NDArray[np.uint8]

ROI_HEIGHT = 3.6  # side of the ROI in eye distances: chin (1.75 below the eyes) to hairline (about 1.2 above) and a margin
ROI_CENTRE = 0 + 0.25j  # middle of the face, below the eyes
LONGEST_HOLE_S = 0.25  # between two frames of the camera itself; beyond it a pulse of 120 bpm is no longer sampled
LARGEST_MINIFICATION = 0.8  # a warp by less aliases, so that the frame is area-averaged first


def roi_pose(roi_size_px: int) -> Pose:
    """Template coordinates (eye distances) -> pixels of the ROI."""
    scale = roi_size_px / ROI_HEIGHT
    middle_px = 0.5 * (roi_size_px - 1) * (1 + 1j)
    return Pose(scale + 0j, middle_px - scale * ROI_CENTRE)


class FaceTrack:
    """The poses found around the present, and the gaps between them. Raises VideoRejected where a gap is too long."""

    def __init__(self, record_id: str, *, smooth_s: float, max_gap_s: float) -> None:
        self.record_id, self._smooth_s, self._max_gap_s = record_id, smooth_s, max_gap_s
        self.horizon_s = SMOOTHING_WINDOW_SIGMAS * smooth_s + max_gap_s
        self.first_pose: Pose | None = None
        self.last_found_s = -np.inf
        self._found: deque[tuple[float, complex, complex]] = deque()
        self._first_lost_s: float | None = None
        self._last_frame_s: float | None = None
        self._n_frames = 0

    def add(self, time_s: float, pose: Pose | None) -> None:
        """One frame's pose, None where no face was seen."""
        self._check_hole(time_s)
        self._n_frames += 1
        self._last_frame_s = time_s
        if pose is None:
            self._lose(time_s)
            return
        self._found.append((time_s, pose.turn, pose.centre_px))
        self.first_pose = self.first_pose or pose
        self.last_found_s, self._first_lost_s = time_s, None

    def end(self) -> None:
        """Call after the last frame."""
        if self.first_pose is None:
            raise VideoRejected(self.record_id, f"no face found in {self._n_frames} frames")

    def smoothed(self, time_s: float) -> tuple[Pose, bool]:
        """The pose at the time of one frame, and whether the face was found in it. Ask in order of time."""
        while len(self._found) > 2 and self._found[1][0] < time_s - self.horizon_s:
            self._found.popleft()
        times_s = np.array([time for time, _, _ in self._found])
        poses = np.array([(turn, centre_px) for _, turn, centre_px in self._found])
        return smooth_pose(times_s, poses, time_s, self._smooth_s), bool(np.any(times_s == time_s))

    def _check_hole(self, time_s: float) -> None:
        if self._last_frame_s is None or time_s - self._last_frame_s <= max(self._max_gap_s, LONGEST_HOLE_S):
            return
        hole_s = time_s - self._last_frame_s
        raise VideoRejected(self.record_id, f"no frame for {hole_s:.2f} s after {self._last_frame_s:.2f} s")

    def _lose(self, time_s: float) -> None:
        self._first_lost_s = time_s if self._first_lost_s is None else self._first_lost_s
        if time_s - self._first_lost_s <= self._max_gap_s:
            return
        if self.first_pose is None:
            raise VideoRejected(self.record_id, f"no face found in {self._n_frames} frames")
        raise VideoRejected(self.record_id, f"face lost for more than {self._max_gap_s:g} s at {self._first_lost_s:.2f} s")


@dataclass
class RoiWarper:
    """Holds frames back until their pose is known, then warps them to the ROI; keeps only the ROIs."""

    track: FaceTrack
    roi_size_px: int
    stabilise: bool = True
    rois: list[Image] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._held: deque[tuple[float, Image]] = deque()
        self._from_roi = roi_pose(self.roi_size_px).inverse()
        self._stabiliser = Stabiliser()

    def hold(self, time_s: float, rgb: Image) -> None:
        self._held.append((time_s, _reduced(rgb, self._reduction)))

    def emit(self, until_s: float) -> None:
        """Warp the held frames up to a time, as far as a face found later brackets them."""
        while self._held and self._held[0][0] <= min(until_s, self.track.last_found_s):
            time_s, rgb = self._held.popleft()
            pose, found = self.track.smoothed(time_s)
            self.rois.append(self._warp(rgb, pose))
            self.times_s.append(time_s)
            self.quality.append(float(found))

    @property
    def _reduction(self) -> float:
        """One factor for the whole video, so that its sharpness does not vary: 1 unless the face is much larger than the ROI."""
        assert self.track.first_pose is not None
        scale = self.roi_size_px / ROI_HEIGHT / abs(self.track.first_pose.turn)
        return scale if scale < LARGEST_MINIFICATION else 1.0

    def _warp(self, rgb: Image, pose: Pose) -> Image:
        to_frame = pose.scaled(self._reduction).after(self._from_roi)
        roi = _warp(rgb, to_frame, self.roi_size_px)
        if not self.stabilise:
            return roi
        return _warp(rgb, to_frame.after(self._stabiliser.residual(roi)), self.roi_size_px)


def _reduced(rgb: Image, factor: float) -> Image:
    return rgb if factor == 1.0 else cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _warp(rgb: Image, to_frame: Pose, size_px: int) -> Image:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(rgb, to_frame.matrix(), (size_px, size_px), flags=flags, borderMode=cv2.BORDER_REPLICATE)
