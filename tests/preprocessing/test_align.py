"""Alignment of a real face that moves in a known way, and of what is no face."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tast.errors import VideoRejected
from tast.phantom.camera import exposed
from tast.phantom.render import noise_free, render
from tast.phantom.session import in_worlds, phantom_sessions
from tast.preprocessing.align import align, watch_face
from tast.records import FaceVideo
from tests.preprocessing import scene

SETTINGS: dict[str, Any] = {
    "roi_size_px": 128, "smooth_s": 0.5, "detect_every_s": 1.0, "landmarks_every_s": 0.1, "max_gap_s": 0.5
}  # fmt: skip


def wander_px(frames: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """(T,) how far the inner face lies from where it lies in the first frame, by maximal correlation (ECC)."""
    inner = [cv2.cvtColor(np.asarray(frame), cv2.COLOR_RGB2GRAY)[36:100, 32:96] for frame in frames]
    shifts = []
    for image in inner:
        _, warp = cv2.findTransformECC(inner[0], image, np.eye(2, 3, dtype=np.float32), cv2.MOTION_TRANSLATION)
        shifts.append(np.hypot(*warp[:, 2]))
    return np.array(shifts)


@pytest.fixture(scope="module")
def swaying() -> FaceVideo:
    return align(scene.film(scene.swaying()), "r", **SETTINGS)


def test_a_swaying_face_stands_still_in_the_roi(swaying: FaceVideo) -> None:
    assert swaying.frames.shape == (90, 128, 128, 3)
    assert swaying.frames.dtype == np.uint8
    np.testing.assert_array_equal(swaying.times_s, scene.swaying().times_s)
    assert swaying.quality.all()
    assert wander_px(swaying.frames).max() < 0.15  # the head itself moves by 40 px and 16 degrees


def test_the_roi_holds_the_face_upright_between_hairline_and_chin(swaying: FaceVideo) -> None:
    """Eyes level and centred where the template has them, within 4 px of 128: a face differs from the template by as much."""
    gray = cv2.GaussianBlur(cv2.cvtColor(swaying.frames[0], cv2.COLOR_RGB2GRAY), (0, 0), 2)
    for left, expected_column in [(34, 63.5 - 128 / 3.6 / 2), (69, 63.5 + 128 / 3.6 / 2)]:
        eye = gray[49:63, left : left + 24]
        row, column = np.unravel_index(np.argmin(eye), eye.shape)
        assert 49 + row == pytest.approx(63.5 - 0.25 * 128 / 3.6, abs=4)
        assert left + column == pytest.approx(expected_column, abs=4)


def test_rolled_by_45_degrees_the_face_comes_out_upright() -> None:
    motion = scene.still(2.0)
    motion = scene.Motion(motion.times_s, motion.shift_px, np.deg2rad(45) * np.minimum(motion.times_s, 1.0), motion.size)
    face = align(scene.film(motion), "r", **SETTINGS)
    assert face.quality.all()
    assert wander_px(face.frames)[-10:].max() < 1.0


@pytest.mark.parametrize("degrees", [-30, -20, 0, 20, 30])
def test_the_detector_tells_how_far_a_face_is_rolled(degrees: float) -> None:
    """A box that lies otherwise than the face shows the predictor a rolled one, and in the dark it stays so."""
    motion = scene.still(0.1)
    rolled = scene.Motion(motion.times_s, motion.shift_px, np.full(len(motion.times_s), np.deg2rad(degrees)), motion.size)
    _, _, seen = next(watch_face(scene.film(rolled), detect_every_s=1.0))
    assert seen is not None
    edge = seen.corners_px[1] - seen.corners_px[0]
    assert np.rad2deg(np.angle(edge)) == pytest.approx(degrees, abs=14)


def test_where_the_flow_fails_the_detector_is_asked() -> None:
    """A face that is gone between two looks of the detector is lost at once, not seen in what stands in its place."""
    face = align(hiding(range(10, 20)), "r", **{**SETTINGS, "detect_every_s": 10.0})
    np.testing.assert_array_equal(np.flatnonzero(face.quality == 0), np.arange(10, 20))


def test_same_frames_give_the_same_bytes(swaying: FaceVideo) -> None:
    again = align(scene.film(scene.swaying()), "r", **SETTINGS)
    assert again.frames.tobytes() == swaying.frames.tobytes()


def hiding(hidden: range, seconds: float = 2.0) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    return scene.film(scene.still(seconds), hidden=hidden)


def test_a_short_loss_is_bridged_marked_and_counted() -> None:
    face = align(hiding(range(30, 40)), "r", **{**SETTINGS, "detect_every_s": 0.01})
    assert len(face.frames) == 60
    np.testing.assert_array_equal(np.flatnonzero(face.quality == 0), np.arange(30, 40))
    assert face.notes["bridged_frames"] == 10
    assert face.notes["longest_gap_s"] == pytest.approx(11 / 30)


def test_a_face_lost_elsewhere_and_found_again_stands_where_it_stood() -> None:
    """It leaves on one side and comes back, rolled, on another: the detector has to look over the whole frame."""
    motion = scene.still(3.0)
    shift, roll = motion.shift_px.copy(), motion.roll.copy()
    shift[40:] = (45, -12)
    roll[40:] = np.deg2rad(25)
    moved = scene.Motion(motion.times_s, shift, roll, motion.size)
    face = align(scene.film(moved, hidden=range(30, 40)), "r", **{**SETTINGS, "detect_every_s": 0.01, "smooth_s": 0.05})
    assert face.notes["bridged_frames"] == 10
    assert wander_px(face.frames[np.r_[0:25, 50:90]]).max() < 1.0


def test_a_hand_before_the_mouth_does_not_move_the_face() -> None:
    frames = []
    for k, (time_s, rgb) in enumerate(scene.film(scene.still(2.0))):
        if k >= 30:
            cv2.ellipse(rgb, (166, 158), (34, 14), 10, 0, 360, (176, 132, 112), -1)
        frames.append((time_s, rgb))
    face = align(iter(frames), "r", **SETTINGS)
    assert face.quality.all()
    face.frames[:, 72:] = 0  # what is below the eyes and the bridge of the nose
    assert wander_px(face.frames).max() < 1.5


def test_landmarks_of_dark_skin_in_the_dark_lie_where_those_in_good_light_do() -> None:
    """At a quarter of the light, where the picture as it is shows the detector no face and the predictor a wrong one."""
    plan: dict[str, Any] = {
        "seed": 7, "subjects": 6, "sessions": 1, "seconds": 1.0, "fps_hz": 5.0, "width_px": 320, "height_px": 240,
        "face_height_px": 120, "profile": "wide", "scenarios": ("steady",),
    }  # fmt: skip
    darkest = max(phantom_sessions(**plan), key=lambda session: session.person.melanosomes)
    light = list(noise_free(darkest))
    landmarks_px = []
    for share in (1.0, 0.25):
        film = ((time_s, exposed(share * rgb, np.random.default_rng(0))) for time_s, rgb in light)
        seen = [face for _, _, face in watch_face(film, detect_every_s=1.0)]
        landmarks_px.append(np.stack([face.landmarks_px[27:48] for face in seen if face is not None]))
    assert np.abs(landmarks_px[1] - landmarks_px[0]).mean() < 1.0  # eyes are 40 px apart


def test_glasses_are_not_taken_for_a_face() -> None:
    """A person whose landmarks once slid into the rims and stayed there: every box was then drawn around the smaller face."""
    plan = {"seed": 7, "subjects": 6, "sessions": 1, "seconds": 8, "fps_hz": 30, "profile": "wide", "scenarios": "all"}
    sizes = {"width_px": 320, "height_px": 240, "face_height_px": 120}
    person = in_worlds(phantom_sessions(**plan, **sizes), count=12, codings=("lossless", "mjpeg_vipl"))[5]
    seen = [face.landmarks_px for _, _, face in watch_face(render(person), detect_every_s=1.0) if face is not None]
    apart_px = np.array([abs(face[36:42].mean() - face[42:48].mean()) for face in seen])
    assert len(seen) > 0.95 * len(person.frame_times_s())
    assert apart_px.min() > 0.6 * apart_px[0]


def test_a_long_loss_is_rejected_with_its_place() -> None:
    with pytest.raises(VideoRejected, match=r"face lost for more than 0\.5 s at 1\.00 s"):
        align(hiding(range(30, 50)), "r", **{**SETTINGS, "detect_every_s": 0.01})


def test_ends_without_a_face_are_left_out() -> None:
    face = align(hiding(range(8)), "r", **SETTINGS)
    assert face.times_s[0] == pytest.approx(8 / 30)
    assert face.quality.all()
    face = align(hiding(range(50, 60)), "r", **{**SETTINGS, "detect_every_s": 0.01})
    assert face.times_s[-1] == pytest.approx(49 / 30)


def test_no_face_at_all_is_rejected_early() -> None:
    drawn = itertools.count()
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    with pytest.raises(VideoRejected, match=r"^r: no face found in 17 frames$"):
        align(((next(drawn) / 30, noise) for _ in range(1000)), "r", **SETTINGS)
    assert next(drawn) == 17
    with pytest.raises(VideoRejected, match="no face found in 0 frames"):
        align(iter(()), "r", **SETTINGS)


def test_a_hole_in_the_camera_s_time_is_rejected() -> None:
    frames = [(t + (1.0 if k > 20 else 0.0), f) for k, (t, f) in enumerate(scene.film(scene.still(1.0)))]
    with pytest.raises(VideoRejected, match=r"no frame for 1\.03 s after 0\.67 s"):
        align(iter(frames), "r", **SETTINGS)


def test_the_largest_of_several_faces_wins_and_the_others_are_counted() -> None:
    def two() -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
        for (time_s, large), (_, small) in zip(scene.film(scene.still(0.4)), scene.film(scene.still(0.4, size=0.7)), strict=True):
            yield time_s, np.concatenate([small // 2, large], axis=1)  # darker, so that it is known

    alone = align(scene.film(scene.still(0.4)), "r", **SETTINGS)
    face = align(two(), "r", **SETTINGS)
    assert face.notes["other_faces"] == 1
    assert alone.notes["other_faces"] == 0
    inner = (slice(None), slice(40, 100), slice(34, 94))
    assert np.abs(face.frames[inner].astype(float) - alone.frames[inner]).mean() < 3  # the very face, up to noise and jitter


def test_frames_are_never_all_in_memory() -> None:
    def peak_bytes(seconds: float) -> int:
        tracemalloc.start()
        face = align(scene.film(scene.still(seconds), noise=0), "r", **{**SETTINGS, "roi_size_px": 64})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak - 2 * face.frames.nbytes  # the ROIs, and once more when they are stacked

    assert peak_bytes(4.0) - peak_bytes(2.0) < 5 * 320 * 240 * 3  # 60 frames more, of which five would already be too many
