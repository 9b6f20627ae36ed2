"""A face followed through a video: landmarks and flow joined, gaps bridged, frames held back until their pose is known."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.pictures import Picture
from tast.preprocessing.colour import Dither, area_averaged, cropped, smaller, upright
from tast.preprocessing.flow import FaceFlow
from tast.preprocessing.pose import ROI_CENTRE, ROI_HEIGHT, SMOOTHING_WINDOW_SIGMAS, Pose, roi_pose, smooth_pose

Image = npt.NDArray[np.uint8]

CLOCK_NOISE_S = 0.005  # of a camera's frames: landmarks every 0.1 s are those of each third of 30 Hz
FRAMES_AT_ONCE = 256
KEPT_SIDE = 2.0  # of the ROI: landmarks are half of its side off the final pose at most
STEP_PX = 4  # what is kept begins and ends with a whole pixel of any chroma
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
        self._paths: deque[tuple[float, Pose]] = deque()  # of each frame in which the face was found
        self._missing: deque[tuple[float, Pose]] = deque()  # from there to the landmarks, where these were looked at
        self._first_lost_s: float | None = None
        self._last_frame_s: float | None = None
        self._n_frames = 0

    def add(self, time_s: float, landmarks: Pose | None, path: Pose | None) -> None:
        """What landmarks and flow say about one frame; None where no face was seen."""
        self._count(time_s)
        if landmarks is None or path is None:
            self._lose(time_s)
            return
        self._find(time_s, path)
        self._missing.append((time_s, path.inverse().after(landmarks)))

    def carry(self, time_s: float, path: Pose) -> None:
        """What the flow says about one frame, in which landmarks were not looked for."""
        self._count(time_s)
        self._find(time_s, path)

    def end(self) -> None:
        """Call after the last frame."""
        if not self._paths:
            raise VideoRejected(self.record_id, f"no face found in {self._n_frames} frames")

    def pose(self, time_s: float) -> tuple[Pose, bool]:
        """The pose at the time of one frame, and whether the face was found in it. Ask in order of time, up to last_found_s."""
        for kept in (self._paths, self._missing):
            while len(kept) > 2 and kept[1][0] < time_s - self.horizon_s:
                kept.popleft()
        following = bisect_left(self._paths, time_s, key=itemgetter(0))
        nearest = list(islice(self._paths, max(following - 1, 0), following + 1))  # all that a straight line between two asks for
        path, missing = _at(nearest, time_s, 0), _at(self._missing, time_s, self._smooth_s)
        return path.after(missing), nearest[-1][0] == time_s

    def _find(self, time_s: float, path: Pose) -> None:
        self._paths.append((time_s, path))
        self.last_found_s, self._first_lost_s = time_s, None

    def _count(self, time_s: float) -> None:
        before_s, self._last_frame_s = self._last_frame_s, time_s
        self._n_frames += 1
        if before_s is None or time_s - before_s <= max(self._max_gap_s, LONGEST_HOLE_S):
            return
        raise VideoRejected(self.record_id, f"no frame for {time_s - before_s:.2f} s after {before_s:.2f} s")

    def _lose(self, time_s: float) -> None:
        self._first_lost_s = time_s if self._first_lost_s is None else self._first_lost_s
        if time_s - self._first_lost_s <= self._max_gap_s:
            return
        if not self._paths:
            raise VideoRejected(self.record_id, f"no face found in {self._n_frames} frames")
        raise VideoRejected(self.record_id, f"face lost for more than {self._max_gap_s:g} s at {self._first_lost_s:.2f} s")


class Held(NamedTuple):
    """A frame whose pose is not known yet, or the part of it in which the face will be. corner_px: of the part, x + iy in the
    frame. size_px: of the whole frame, height and width."""

    time_s: float
    picture: Picture
    corner_px: complex
    size_px: tuple[int, int]

    def shows(self, to_frame: Pose, roi_size_px: int) -> bool:
        """Whether all of the frame that a pose (pixels of the ROI -> of the frame) points to is there."""
        rim = roi_size_px * np.array([0, 1, 1j, 1 + 1j])
        there = to_frame.turn * rim + to_frame.centre_px
        height, width = _size_of(self.picture)
        for along, first, side, whole in (
            (there.real, self.corner_px.real, width, self.size_px[1]), (there.imag, self.corner_px.imag, height, self.size_px[0])
        ):  # fmt: skip
            wanted = np.clip([along.min() - 1, along.max() + 1], 0, whole - 1)
            if wanted[0] < first or wanted[1] > first + side - 1:
                return False
        return True


class GrowingFrames:
    """Pictures of one size (N, N, 3) uint8, one after the other in one piece of memory, which grows without being copied."""

    def __init__(self, size_px: int) -> None:
        self._frames = np.empty((FRAMES_AT_ONCE, size_px, size_px, 3), dtype=np.uint8)
        self._n = 0

    def append(self, picture: Image) -> None:
        if self._n == len(self._frames):
            self._resize(2 * self._n)
        self._frames[self._n] = picture
        self._n += 1

    def taken(self) -> Image:
        """(T, N, N, 3) all of them; nothing is left."""
        self._resize(self._n)
        frames, self._frames, self._n = self._frames, self._frames[:0], 0
        return frames

    def _resize(self, n: int) -> None:
        self._frames.resize((n, *self._frames.shape[1:]), refcheck=False)  # nobody else has seen it


class RoiWarper:
    """Holds frames back until their pose is known, then warps them to the ROI; keeps only the ROIs."""

    def __init__(self, track: FaceTrack, roi_size_px: int, landmarks_every_s: float = 0.0) -> None:
        self.rois = GrowingFrames(roi_size_px)
        self.times_s: list[float] = []
        self.quality: list[float] = []
        self._track, self._size_px = track, roi_size_px
        self._from_roi = roi_pose(roi_size_px).inverse()
        self._flow = FaceFlow()
        self._landmarks_every_s, self._looked_s = landmarks_every_s, -np.inf
        self._reduction: int | None = None
        self._held: deque[Held] = deque()
        self._dither = Dither()

    def take(self, time_s: float, picture: Picture, gray: Image, look: Callable[[bool], Pose | None]) -> Pose | None:
        """One more frame, in colour and gray; those before the first face are left out. Returns where the face is in it.

        look: where landmarks see the face in this frame; asked to be sure (True) where the flow fails: something came between,
        or the face is another one. They are asked then, and when their time has come.
        """
        landmarks, first = None, self._reduction is None
        if self._reduction is None:
            landmarks = look(True)
            if landmarks is None:
                self._track.add(time_s, None, None)
                return None
            self._reduction = _reduction(landmarks, self._size_px)
        small, small_gray = area_averaged(picture, self._reduction), smaller(gray, self._reduction)
        path = self._flow.move(small_gray)
        if path is None or time_s - self._looked_s > self._landmarks_every_s - CLOCK_NOISE_S:
            landmarks, self._looked_s = landmarks if first else look(path is None), time_s
            pose = None if landmarks is None else landmarks.scaled(1 / self._reduction)
            self._track.add(time_s, pose, self._flow.join(small_gray, path, pose))
        else:
            self._track.carry(time_s, path)
            pose = self._flow.carry(small_gray, path)
            landmarks = pose.scaled(self._reduction)
        self._held.append(_around(time_s, small, pose))
        self._emit(until_s=time_s - self._track.horizon_s)
        return landmarks

    def finish(self) -> None:
        """Call after the last frame; frames after the last face are left out."""
        self._track.end()
        self._emit(until_s=self._track.last_found_s)

    def _emit(self, until_s: float) -> None:
        while self._held and self._held[0].time_s <= min(until_s, self._track.last_found_s):
            held = self._held.popleft()
            pose, found = self._track.pose(held.time_s)
            to_frame = pose.after(self._from_roi)
            to_part = Pose(to_frame.turn, to_frame.centre_px - held.corner_px)
            self.rois.append(upright(held.picture, to_part, self._size_px, self._dither))
            self.times_s.append(held.time_s)
            self.quality.append(float(found and held.shows(to_frame, self._size_px)))


def _around(time_s: float, picture: Picture, pose: Pose | None) -> Held:
    """What of a frame is kept of a face that is about there; all of it where none is seen."""
    height, width = _size_of(picture)
    if pose is None:
        return Held(time_s, picture, 0j, (height, width))
    middle, half = pose.turn * ROI_CENTRE + pose.centre_px, KEPT_SIDE * 0.5 * ROI_HEIGHT * abs(pose.turn)
    rows, columns = _whole_steps(middle.imag, half, height), _whole_steps(middle.real, half, width)
    return Held(time_s, cropped(picture, rows, columns), complex(columns.start, rows.start), (height, width))


def _whole_steps(middle: float, half: float, side: int) -> slice:
    first = min(max(int((middle - half) // STEP_PX) * STEP_PX, 0), (side - 1) // STEP_PX * STEP_PX)
    return slice(first, min(max(-int((-middle - half) // STEP_PX) * STEP_PX, first + STEP_PX), side))


def _size_of(picture: Picture) -> tuple[int, int]:
    height, width = (picture if isinstance(picture, np.ndarray) else picture.luma).shape[:2]
    return height, width


def _at(seen: Iterable[tuple[float, Pose]], time_s: float, sigma_s: float) -> Pose:
    times_s, poses = zip(*seen, strict=True)
    return smooth_pose(np.array(times_s), np.array([(pose.turn, pose.centre_px) for pose in poses]), time_s, sigma_s)


def _reduction(pose: Pose, roi_size_px: int) -> int:
    """How many pixels of a side become one: whole, for speed; one for a whole video, so that its sharpness does not vary."""
    return max(1, round(abs(pose.turn) * ROI_HEIGHT / roi_size_px))
