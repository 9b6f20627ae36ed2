"""A face followed through a video: landmarks and flow joined, gaps bridged, frames held back until their pose is known."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.pictures import Picture
from tast.preprocessing.colour import Dither, area_averaged, smaller, upright
from tast.preprocessing.flow import FaceFlow
from tast.preprocessing.pose import ROI_HEIGHT, SMOOTHING_WINDOW_SIGMAS, Pose, roi_pose, smooth_pose

Image = npt.NDArray[np.uint8]

LONGEST_HOLE_S = 0.25  # between two frames of the camera itself; beyond it a pulse of 120 bpm is no longer sampled


class FaceTrack:
    """The poses found around the present, and the gaps between them. Raises VideoRejected where a gap is too long.

    Landmarks jitter but do not drift, the path of the flow drifts but hardly jitters. The pose is therefore the path, corrected
    by the low-passed difference between the two: a complementary filter whose cut-off is set by smooth_s.
    """

    def __init__(self, record_id: str, *, smooth_s: float, max_gap_s: float) -> None:
        self.record_id, self._smooth_s, self._max_gap_s = record_id, smooth_s, max_gap_s
        self.horizon_s = SMOOTHING_WINDOW_SIGMAS * smooth_s + max_gap_s
        self.last_found_s = -np.inf
        self._found: deque[tuple[float, Pose, Pose]] = deque()  # time, path, what is missing from it to the landmarks
        self._first_lost_s: float | None = None
        self._last_frame_s: float | None = None
        self._n_frames = 0

    def add(self, time_s: float, landmarks: Pose | None, path: Pose | None) -> None:
        """What landmarks and flow say about one frame; None where no face was seen."""
        self._check_hole(time_s)
        self._n_frames += 1
        self._last_frame_s = time_s
        if landmarks is None or path is None:
            self._lose(time_s)
            return
        self._found.append((time_s, path, path.inverse().after(landmarks)))
        self.last_found_s, self._first_lost_s = time_s, None

    def end(self) -> None:
        """Call after the last frame."""
        if not self._found:
            raise VideoRejected(self.record_id, f"no face found in {self._n_frames} frames")

    def pose(self, time_s: float) -> tuple[Pose, bool]:
        """The pose at the time of one frame, and whether the face was found in it. Ask in order of time, up to last_found_s."""
        while len(self._found) > 2 and self._found[1][0] < time_s - self.horizon_s:
            self._found.popleft()
        times_s = np.array([time for time, _, _ in self._found])
        paths = np.array([(path.turn, path.centre_px) for _, path, _ in self._found])
        corrections = np.array([(missing.turn, missing.centre_px) for _, _, missing in self._found])
        path = smooth_pose(times_s, paths, time_s, 0)
        return path.after(smooth_pose(times_s, corrections, time_s, self._smooth_s)), bool(np.any(times_s == time_s))

    def _check_hole(self, time_s: float) -> None:
        if self._last_frame_s is None or time_s - self._last_frame_s <= max(self._max_gap_s, LONGEST_HOLE_S):
            return
        hole_s = time_s - self._last_frame_s
        raise VideoRejected(self.record_id, f"no frame for {hole_s:.2f} s after {self._last_frame_s:.2f} s")

    def _lose(self, time_s: float) -> None:
        self._first_lost_s = time_s if self._first_lost_s is None else self._first_lost_s
        if time_s - self._first_lost_s <= self._max_gap_s:
            return
        if not self._found:
            raise VideoRejected(self.record_id, f"no face found in {self._n_frames} frames")
        raise VideoRejected(self.record_id, f"face lost for more than {self._max_gap_s:g} s at {self._first_lost_s:.2f} s")


class RoiWarper:
    """Holds frames back until their pose is known, then warps them to the ROI; keeps only the ROIs."""

    def __init__(self, track: FaceTrack, roi_size_px: int) -> None:
        self.rois: list[Image] = []
        self.times_s: list[float] = []
        self.quality: list[float] = []
        self._track, self._size_px = track, roi_size_px
        self._from_roi = roi_pose(roi_size_px).inverse()
        self._flow = FaceFlow()
        self._reduction: int | None = None
        self._held: deque[tuple[float, Picture]] = deque()
        self._dither = Dither()

    def take(self, time_s: float, picture: Picture, gray: Image, landmarks: Pose | None) -> None:
        """One more frame, in colour and gray, and where landmarks see the face; those before the first face are left out."""
        if self._reduction is None:
            if landmarks is None:
                self._track.add(time_s, None, None)
                return
            self._reduction = _reduction(landmarks, self._size_px)
        small, small_gray = area_averaged(picture, self._reduction), smaller(gray, self._reduction)
        pose = None if landmarks is None else landmarks.scaled(1 / self._reduction)
        path = self._flow.follow(small_gray, pose)
        self._track.add(time_s, pose, path)
        self._held.append((time_s, small))
        self._emit(until_s=time_s - self._track.horizon_s)

    def finish(self) -> None:
        """Call after the last frame; frames after the last face are left out."""
        self._track.end()
        self._emit(until_s=self._track.last_found_s)

    def _emit(self, until_s: float) -> None:
        while self._held and self._held[0][0] <= min(until_s, self._track.last_found_s):
            time_s, picture = self._held.popleft()
            pose, found = self._track.pose(time_s)
            self.rois.append(upright(picture, pose.after(self._from_roi), self._size_px, self._dither))
            self.times_s.append(time_s)
            self.quality.append(float(found))


def _reduction(pose: Pose, roi_size_px: int) -> int:
    """How many pixels of a side become one: whole, for speed; one for a whole video, so that its sharpness does not vary."""
    return max(1, round(abs(pose.turn) * ROI_HEIGHT / roi_size_px))
