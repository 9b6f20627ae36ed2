"""VIPL-HR's four cameras: how each sees a session in the face-cropped videos of that data set (Niu et al. 2018, table 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tast.phantom.delivery import Delivery
from tast.phantom.scenarios import SCENARIOS
from tast.phantom.session import Session

DARK = 0.6  # light below which an automatic exposure takes so long that the frame rate falls
CROP_WIDTH, CROP_HEIGHT = (1.5, 1.8), (1.65, 1.95)  # of the face's height, from hairline to chin
RATE_SPREAD = 0.002


@dataclass(frozen=True)
class Camera:
    """One of the four.

    rate, dark_rate: frame rate as a share of the nominal one, in ordinary light and in the dark. detail: height of the face as a
    share of the session's. dropped: share of frames lost on the way. infrared: sees one grey channel beyond red. apart: films
    another take, with its own truth. stamped: writes a time stamp per frame.
    """

    rate: float
    dark_rate: float
    detail: float
    dropped: float
    infrared: bool = False
    apart: bool = False
    stamped: bool = True


CAMERAS = {
    "source1": Camera(rate=29.8 / 30, dark_rate=16.1 / 30, detail=1.0, dropped=0.01),  # Logitech C310
    "source2": Camera(rate=1.0, dark_rate=20 / 30, detail=1.1, dropped=0.0, apart=True, stamped=False),  # HUAWEI P9
    "source3": Camera(rate=29.9 / 30, dark_rate=16.0 / 30, detail=1.05, dropped=0.005),  # RealSense F200, colour
    "source4": Camera(rate=29.9 / 30, dark_rate=29.9 / 30, detail=0.9, dropped=0.005, infrared=True),  # the same, infrared
}
PHONE, PHONE_SCENARIOS = "source2", ("phone_stable", "phone_motion")


def cameras_of(session: Session) -> tuple[str, ...]:
    """The cameras that film a session's scenario: the phone's own scenarios have no other."""
    return (PHONE,) if session.scenario in PHONE_SCENARIOS else tuple(CAMERAS)


def seen_by(session: Session, camera: str) -> Session:
    """The session as one camera (a name in CAMERAS) has it: its frame rate, and a crop around the face of its own even size."""
    kind, scenario = CAMERAS[camera], SCENARIOS[session.scenario]
    seen = replace(session, camera=camera, apart=kind.apart)
    rng = seen.camera_stream("crop")
    face_px = session.face_height_px * kind.detail / scenario.distance
    rate = kind.dark_rate if scenario.light < DARK else kind.rate
    return replace(
        seen,
        fps_hz=session.fps_hz * rate * float(1 + RATE_SPREAD * rng.uniform(-1, 1)),
        width_px=2 * round(face_px * rng.uniform(*CROP_WIDTH) / 2),
        height_px=2 * round(face_px * rng.uniform(*CROP_HEIGHT) / 2),
        face_height_px=round(face_px),
    )


def arriving_frames(seen: Session) -> npt.NDArray[np.intp]:
    """(T,) of the frames that were taken, as `Delivery.arriving` has it."""
    delivery = Delivery(seen.fps_hz, dropped=CAMERAS[seen.camera].dropped)
    return delivery.arriving(seen.camera_stream("drops"), len(seen.frame_times_s()))
