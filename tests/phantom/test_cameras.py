"""VIPL-HR's cameras: what each makes of a session, and faces that a detector finds in every scenario's crop."""

from __future__ import annotations

import cv2
import dlib
import numpy as np

from tast.phantom.cameras import CAMERAS, arriving_frames, cameras_of, seen_by
from tast.phantom.drive import InfraredDrive, simulated_drive
from tast.phantom.render import render
from tast.phantom.scenarios import SCENARIOS, SCENARIOS_OF_LAYOUT
from tast.phantom.session import Session, phantom_sessions, true_pulse, true_spo2
from tast.phantom.tissue import infrared_to_green

NINE = SCENARIOS_OF_LAYOUT["vipl_hr"]


def plan(seconds: float = 20.0) -> tuple[Session, ...]:
    """Nine subjects, each in another scenario."""
    return phantom_sessions(
        seed=7, subjects=9, sessions=1, seconds=seconds, fps_hz=30, width_px=1, height_px=1, face_height_px=120, profile="wide",
        scenarios="all", layout="vipl_hr",
    )  # fmt: skip


def test_both_layouts_share_the_scenarios_they_have_in_common() -> None:
    assert set(SCENARIOS) == set(NINE) | set(SCENARIOS_OF_LAYOUT["pure"])
    assert set(NINE) & set(SCENARIOS_OF_LAYOUT["pure"]) == {"talking"}


def test_cameras_of_one_take_share_body_and_motion_but_neither_clock_nor_size() -> None:
    session = plan()[0]
    one, three, phone = (seen_by(session, camera) for camera in ("source1", "source3", "source2"))
    np.testing.assert_array_equal(true_pulse(one).phase, true_pulse(three).phase)
    assert one.stream("motion").random() == three.stream("motion").random() != phone.stream("motion").random()
    assert one.fps_hz != three.fps_hz and one.camera_stream("noise").random() != three.camera_stream("noise").random()
    assert cameras_of(plan()[7]) == ("source2",) and cameras_of(session) == tuple(CAMERAS)


def test_some_frames_are_lost_as_often_as_the_camera_loses_them() -> None:
    """600 frames of nine sessions: 1 % is 54 +- 7; the phone loses none; the ends always arrive."""
    lost = {camera: [arriving_frames(seen_by(s, camera)) < 0 for s in plan()] for camera in ("source1", "source2")}
    assert 26 <= sum(gaps.sum() for gaps in lost["source1"]) <= 82
    assert sum(gaps.sum() for gaps in lost["source2"]) == 0
    assert not any(gaps[0] or gaps[-1] for gaps in lost["source1"])


def test_near_infrared_is_one_wave_that_saturation_hardly_moves() -> None:
    session = plan()[0]
    drive = InfraredDrive(simulated_drive(session), true_spo2(session))
    absorbed = drive.absorption(np.arange(0, 5, 0.1), np.array([0.0, 0.01]))
    assert absorbed.shape == (50, 2, 3) and np.ptp(absorbed, axis=2).max() == 0 and np.ptp(absorbed) > 0
    low, high = infrared_to_green(np.array([75.0, 100.0]))
    assert 0.1 < low < 0.4 and abs(high / low - 1) < 0.25


def test_a_detector_finds_the_face_in_every_scenarios_crop() -> None:
    """One frame of each, brought to the size of a near face: the box is the face's, within a third."""
    detector = dlib.get_frontal_face_detector()
    for session in plan(seconds=1.0):
        seen = seen_by(session, cameras_of(session)[0])
        _, frame = next(render(seen))
        zoom = 120 / seen.face_height_px
        (box,) = detector(cv2.resize(frame, None, fx=zoom, fy=zoom), 0)
        assert 80 < box.height() < 160, session.scenario
        assert abs((box.top() + box.bottom()) / 2 / zoom / seen.height_px - 0.6) < 0.15, session.scenario
