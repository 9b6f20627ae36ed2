from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tast.errors import VideoRejected
from tast.preprocessing.resample import decimate, own_pictures, resample, shrink, to_uniform_grid
from tast.records import FaceLight, FaceVideo


def ramp(times_s: npt.NDArray[np.float64], quality: npt.NDArray[np.float64] | None = None) -> FaceVideo:
    frames = np.broadcast_to(10 * times_s[:, None, None, None], (len(times_s), 2, 2, 3)).astype(np.float32)
    return FaceVideo("r", frames, times_s, np.ones(len(times_s)) if quality is None else quality)


def test_shrink_is_the_mean_of_areas_without_rounding() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)
    small = shrink(FaceVideo("r", frames, np.arange(3.0), np.ones(3)), size_px=4).frames
    expected = frames.reshape(3, 4, 3, 4, 3, 3).mean(axis=(2, 4))
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, expected, rtol=1e-6)


def test_shrink_keeps_the_mask_exactly_zero_and_refuses_to_enlarge() -> None:
    frames = np.full((1, 12, 12, 3), 200, dtype=np.uint8)
    frames[:, :6] = 0
    assert not shrink(FaceVideo("r", frames, np.zeros(1), np.ones(1)), size_px=4).frames[:, :2].any()
    with pytest.raises(ValueError, match=r"size_px \(16\) must not exceed the aligned frames' 12 x 12"):
        shrink(FaceVideo("r", frames, np.zeros(1), np.ones(1)), size_px=16)


def test_uniform_grid_interpolates_by_time_and_hits_the_camera_s_own_frames() -> None:
    times_s = 3.0 + np.array([0.0, 0.1, 0.15, 0.4, 0.5])
    uniform = to_uniform_grid(ramp(times_s), 10.0)
    np.testing.assert_allclose(uniform.times_s, 3.0 + np.arange(6) / 10)
    np.testing.assert_allclose(uniform.frames[:, 0, 0, 0], 10 * uniform.times_s, rtol=1e-6)
    assert uniform.frames[1, 0, 0, 0] == ramp(times_s).frames[1, 0, 0, 0]


def test_a_sample_beside_a_bridged_frame_counts_as_bridged_and_one_on_a_seen_frame_does_not() -> None:
    times_s = np.arange(5) / 10
    uniform = to_uniform_grid(ramp(times_s, np.array([1.0, 1, 0, 1, 1])), 20.0)
    np.testing.assert_array_equal(uniform.quality, [1, 1, 1, 0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("camera_hz", "grid_hz"), [(30.0, 30), (29.8, 30), (30.2, 30), (25.0, 30), (16.1, 15), (15.0, 15), (60.0, 60)]
)
def test_grid_is_the_multiple_that_loses_no_frame_of_the_camera(camera_hz: float, grid_hz: float) -> None:
    uniform = resample(ramp(np.arange(200) / camera_hz), multiple_of_hz=15.0, highest_hz=4.0)
    assert 1 / np.mean(np.diff(uniform.times_s)) == pytest.approx(grid_hz)
    assert decimate(uniform, fps_hz=15.0).times_s[-1] <= 199 / camera_hz + 1e-9


def test_a_camera_too_slow_for_the_pulse_is_rejected() -> None:
    with pytest.raises(VideoRejected, match=r"8\.0 frames per second cannot carry 4 Hz"):
        resample(ramp(np.arange(100) / 8.0), multiple_of_hz=15.0, highest_hz=4.0)
    with pytest.raises(VideoRejected, match="a single frame"):
        resample(ramp(np.zeros(1)), multiple_of_hz=15.0, highest_hz=4.0)


def test_decimate_takes_every_nth_frame_of_the_grid() -> None:
    face = ramp(2.0 + np.arange(61) / 30)
    slow = decimate(face, fps_hz=15.0)
    assert slow.frames.dtype == np.float16
    np.testing.assert_allclose(slow.times_s, 2.0 + np.arange(31) / 15)
    np.testing.assert_allclose(slow.frames[:, 0, 0, 0], face.frames[::2, 0, 0, 0], rtol=1e-3)
    with pytest.raises(ValueError, match="no multiple"):
        decimate(face, fps_hz=20.0)


def test_float16_moves_the_ratio_of_ratios_by_less_than_a_thousandth() -> None:
    random = np.random.default_rng(0)
    times_s = np.arange(240) / 30
    pulse = np.sin(2 * np.pi * 1.2 * times_s)[:, None, None]
    noise = 120 * 0.5 * random.normal(size=(3, 240, 16, 16))  # the sensor's, magnified
    red, green = (dc + 120 * ac * pulse + noise[c] for c, (dc, ac) in enumerate([(180, 0.4), (120, 1.2)]))
    frames = np.stack([red, green, green], axis=-1).astype(np.float32)
    face = FaceVideo("r", frames, times_s, np.ones(240))
    ratios = []
    for video in (face.frames[::2], decimate(face, fps_hz=15.0).frames):
        means = video.astype(np.float64).mean(axis=(1, 2))
        ac = means / means.mean(axis=0) - 1
        ratios.append(ac[:, 0] @ ac[:, 1] / (ac[:, 1] @ ac[:, 1]))
    assert ratios[1] == pytest.approx(ratios[0], rel=1e-3)


def test_a_picture_shown_once_more_is_left_out_and_what_was_there_is_interpolated() -> None:
    times_s = np.arange(10) / 30
    frames = ramp(times_s).frames.copy()
    frames[4], frames[[7, 8]] = frames[3], frames[6]
    own = own_pictures(FaceVideo("r", frames, times_s, np.arange(10.0)), times_s[[4, 7, 8]])
    np.testing.assert_array_equal(own.times_s, np.delete(times_s, [4, 7, 8]))
    np.testing.assert_array_equal(own.quality, [0, 1, 2, 3, 5, 6, 9])
    np.testing.assert_allclose(to_uniform_grid(own, 30.0).frames[:, 0, 0, 0], 10 * times_s, rtol=1e-5)


def test_nothing_is_left_out_of_a_video_whose_pictures_are_all_its_own() -> None:
    face = ramp(np.arange(10) / 30)
    assert own_pictures(face, np.empty(0)) is face
    assert own_pictures(face, np.array([5.0])) is face, "a frame without a face, which the alignment left out"


def test_the_ends_stay_and_so_does_a_picture_that_stands_still() -> None:
    face = ramp(np.arange(30) / 30)
    assert own_pictures(face, face.times_s[[0, 28, 29]]).times_s.tolist() == np.delete(face.times_s, 28).tolist()
    assert own_pictures(face, face.times_s[10:16]).times_s.tolist() == np.delete(face.times_s, range(10, 16)).tolist()  # 0.23 s
    assert own_pictures(face, face.times_s[10:17]) is face  # 0.27 s


def test_a_slow_camera_in_a_fast_file_is_rejected_by_its_own_rate() -> None:
    face = ramp(np.arange(301) / 30)
    own = own_pictures(face, face.times_s[np.arange(301) % 5 > 0])
    with pytest.raises(VideoRejected, match=r"6\.0 frames per second cannot carry 4 Hz"):
        resample(own, multiple_of_hz=15.0, highest_hz=4.0)


def test_a_later_piece_lies_on_the_first_one_s_grid() -> None:
    """Of a camera whose frames lie between the grid's: what they show varies evenly, so that each sample is known."""
    times_s = 120.013 + np.arange(90) / 30
    frames = np.broadcast_to(times_s[:, None, None, None].astype(np.float32), (90, 2, 2, 3)).copy()
    face = FaceVideo("r", frames, times_s, np.ones(90), light=FaceLight(np.zeros((90, 3)), np.zeros((90, 3))))
    later = resample(face, multiple_of_hz=15.0, highest_hz=4.0, grid_from_s=0.02)
    steps = (later.times_s - 0.02) * 30
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    assert round(steps[0]) % 2 == 0 and times_s[0] <= later.times_s[0] < times_s[0] + 1 / 15
    np.testing.assert_allclose(later.frames[:, 0, 0, 0], later.times_s, atol=1e-4)
