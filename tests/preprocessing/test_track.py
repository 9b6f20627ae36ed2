from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from tast.pictures import YuvPicture
from tast.preprocessing.colour import Dither, upright
from tast.preprocessing.pose import Pose, roi_pose
from tast.preprocessing.track import FaceTrack, RoiWarper, _around
from tests.preprocessing import scene


def test_jitter_of_the_landmarks_and_drift_of_the_path_both_vanish() -> None:
    """A head that moves quickly; landmarks that see it with white jitter; a path that sees its steps and drifts."""
    random = np.random.default_rng(0)
    times_s = np.arange(600) / 30
    true = 100 + 5 * np.sin(2 * np.pi * 1.5 * times_s) + 3j * np.cos(2 * np.pi * 0.2 * times_s)
    jitter = random.normal(0, 0.3, 600) + 1j * random.normal(0, 0.3, 600)
    drift = np.cumsum(random.normal(0, 0.005, 600)) + 0.5j * times_s
    track = FaceTrack("r", smooth_s=0.5, max_gap_s=0.5)
    errors = []
    for k, time_s in enumerate(times_s):
        track.add(time_s, Pose(40 + 0j, complex(true[k] + jitter[k])), Pose(40 + 0j, complex(true[k] + drift[k])))
        if k >= 60:
            pose, found = track.pose(times_s[k - 45])
            assert found
            errors.append(abs(pose.centre_px - true[k - 45]))
    assert np.sqrt(np.mean(np.square(errors))) < 0.12  # jitter through a Gaussian of 8 frames: 0.3 * sqrt(2) * 0.19 = 0.08


def test_without_smoothing_the_landmarks_alone_decide() -> None:
    track = FaceTrack("r", smooth_s=0.0, max_gap_s=0.5)
    landmarks = [Pose(40 + 1j, 10 + 20j), Pose(41 - 1j, 12 + 19j)]
    for k, pose in enumerate(landmarks):
        track.add(k / 30, pose, Pose(39 + 0j, 5 + 5j))
    for k, pose in enumerate(landmarks):
        seen, _ = track.pose(k / 30)
        assert seen.turn == pytest.approx(pose.turn)
        assert seen.centre_px == pytest.approx(pose.centre_px)


def test_a_gap_is_bridged_by_a_straight_line() -> None:
    track = FaceTrack("r", smooth_s=0.5, max_gap_s=0.5)
    for k in range(60):
        pose = None if 20 <= k < 30 else Pose(40 + 0j, 2.0 * k + 1j)
        track.add(k / 30, pose, pose)
    pose, found = track.pose(25 / 30)
    assert not found
    assert pose.centre_px == pytest.approx(50 + 1j)


def test_a_face_much_larger_than_the_roi_is_averaged_not_sampled() -> None:
    """A fine checkerboard on a face of four times the ROI's scale becomes even; a bare bilinear warp keeps it as moire."""
    board = 60.0 * (np.indices((840, 840)).sum(axis=0) % 2)
    photograph = np.kron(skimage.data.astronaut()[0:280, 86:366], np.ones((3, 3, 1)))
    rois = []
    for offset in (0, 1):
        warper = RoiWarper(FaceTrack("r", smooth_s=0.0, max_gap_s=0.5), 128)
        frame = np.clip(np.rint(0.7 * photograph + offset * board[..., None]), 0, 255).astype(np.uint8)
        warper.take(0.0, frame, frame[..., 1], lambda _: Pose(132 + 5j, 417 + 312j))
        warper.finish()
        rois.append(warper.rois.taken()[0].astype(float))
    inner = (rois[1] - rois[0])[30:110, 30:100]
    assert inner.mean() == pytest.approx(30, abs=0.5)
    assert inner.std() < 0.5  # rounding; 10 without the area average


def carried(landmarks_every_s: float, hidden: range = range(0)) -> tuple[RoiWarper, dict[int, bool], list[Pose | None]]:
    """A swaying head of 3 s at 30 Hz, its true pose as landmarks: the warper, the frames they were asked for, whether to be sure,
    and the poses."""
    motion = scene.swaying()
    warper = RoiWarper(FaceTrack("r", smooth_s=0.5, max_gap_s=0.5), 128, landmarks_every_s)
    asked: dict[int, bool] = {}
    poses = []
    for k, (time_s, rgb) in enumerate(scene.film(motion, hidden=hidden)):
        turn, eyes = motion.matrices()[k] @ [44, 0, 0], motion.matrices()[k] @ [225, 104.5, 1]
        true = None if k in hidden else Pose(complex(*turn), complex(*eyes))

        def look(be_sure: bool, k: int = k, true: Pose | None = true) -> Pose | None:
            asked[k] = be_sure
            return true

        poses.append(warper.take(time_s, rgb, rgb[..., 1], look))
    warper.finish()
    return warper, asked, poses


def test_landmarks_are_asked_for_in_a_third_of_the_frames_and_the_face_stands_as_still() -> None:
    each, asked_each, _ = carried(0.0)
    third, asked, _ = carried(0.1)
    assert list(asked_each) == list(range(90)) and list(asked) == list(range(0, 90, 3))
    assert [k for k, be_sure in asked.items() if be_sure] == [0]
    rois_each, rois_third = each.rois.taken(), third.rois.taken()
    assert np.abs(np.mean(rois_each, axis=0) - np.mean(rois_third, axis=0)).mean() < 0.5
    assert np.std(rois_third, axis=0).mean() < 1.05 * np.std(rois_each, axis=0).mean()


def test_where_the_flow_fails_landmarks_are_asked_for_at_once() -> None:
    """The face is away in frames of which landmarks are not due, and found again where it is back: the detector is asked."""
    warper, asked, poses = carried(0.1, hidden=range(31, 41))
    assert all(asked[k] for k in range(31, 42)) and len(asked) < 45
    assert [k for k, pose in enumerate(poses) if pose is None] == list(range(31, 41))
    assert [k for k, quality in enumerate(warper.quality) if quality == 0] == list(range(31, 41))


def test_of_a_frame_that_waits_the_part_around_the_face_is_kept() -> None:
    """Byte for byte what the whole frame gives, in RGB and with chroma of half the size, at the border too."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (203, 301, 3), dtype=np.uint8)
    planes = [rng.integers(0, 255, shape, dtype=np.uint8) for shape in ((203, 301), (102, 151), (102, 151))]
    to_rgb = np.array([[1.2, 0, 1.6, -9], [1.2, -0.4, -0.8, 5], [1.2, 2, 0, -8]], np.float32)
    yuv = YuvPicture(planes[0], (planes[1], planes[2]), to_rgb)
    for face in (Pose(22 + 4j, 150 + 90j), Pose(30 - 9j, 12 + 190j), Pose(40 + 0j, 298 + 3j)):
        final = Pose(face.turn * 1.03, face.centre_px + 6 - 5j).after(roi_pose(64).inverse())
        for picture in (rgb, yuv):
            held = _around(0.0, picture, face)
            part = Pose(final.turn, final.centre_px - held.corner_px)
            assert held.shows(final, 64) and held.picture is not picture
            whole, kept = (upright(one, pose, 64, Dither()) for one, pose in ((picture, final), (held.picture, part)))
            np.testing.assert_array_equal(kept, whole)
        assert not _around(0.0, rgb, Pose(8 + 0j, 60 + 60j)).shows(final, 64)
    assert _around(0.0, rgb, None).picture is rgb
