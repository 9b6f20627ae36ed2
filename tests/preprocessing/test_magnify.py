"""Magnification against known sinusoids and against a direct float64 implementation of Wu et al. (2012)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tast.errors import VideoRejected
from tast.preprocessing.magnify import band_pass, filter_forth_and_back, magnify
from tast.records import FaceVideo

SETTINGS = {"levels": 4, "residual": True, "low_hz": 0.4, "high_hz": 4.0, "alpha": 120.0}
FPS_HZ = 30.0
checkerboard = np.indices((32, 32)).sum(axis=0) % 2 * 2.0 - 1.0  # lives in the finest level alone


def video(frames: npt.NDArray[np.generic], times_s: npt.NDArray[np.float64] | None = None) -> FaceVideo:
    times_s = np.arange(len(frames)) / FPS_HZ if times_s is None else times_s
    return FaceVideo("face", frames, times_s, np.ones(len(frames)))


def breathing(hz: float, pattern: npt.NDArray[np.float64], seconds: float = 20.0) -> npt.NDArray[np.float64]:
    """(T, H, W, 3) about 100 with a sinusoid of amplitude 0.5 in that pattern."""
    times_s = np.arange(int(seconds * FPS_HZ)) / FPS_HZ
    wave = 0.5 * np.sin(2 * np.pi * hz * times_s + 0.4)
    return np.repeat((100 + wave[:, None, None] * pattern)[..., None], 3, axis=3)


def gain(hz: float, pattern: npt.NDArray[np.float64], residual: bool) -> float:
    """How much the sinusoid has grown, by projection on it, edges included."""
    before = breathing(hz, pattern)
    after = magnify(video(before.astype(np.float32)), **{**SETTINGS, "residual": residual}).frames
    wave = (before - 100).ravel()
    return float((after.astype(np.float64).ravel() - 100) @ wave / (wave @ wave))


@pytest.mark.parametrize(("pattern", "residual"), [(np.ones((32, 32)), True), (checkerboard, True), (checkerboard, False)])
def test_pulse_grows_by_121_and_what_is_out_of_band_does_not(pattern: npt.NDArray[np.float64], residual: bool) -> None:
    assert gain(1.2, pattern, residual) == pytest.approx(121, rel=0.05)
    assert abs(gain(0.1, pattern, residual)) < 1.1
    assert abs(gain(8.0, pattern, residual)) < 2.0


def test_uniform_flicker_lives_in_the_residual_and_stays_if_that_is_left_alone() -> None:
    assert gain(1.2, np.ones((32, 32)), residual=False) == pytest.approx(1, abs=1e-3)


def textbook(frames: npt.NDArray[np.float64], *, levels: int, residual: bool, low_hz: float, high_hz: float, alpha: float):  # type: ignore[no-untyped-def]
    """Build the pyramid, filter each level, amplify, collapse, add: in float64, as the paper's figure 2 has it."""
    pyramids = []
    for frame in frames:
        pyramid = []
        for _ in range(levels):
            smaller = cv2.pyrDown(frame)
            pyramid.append(frame - cv2.pyrUp(smaller, dstsize=frame.shape[1::-1]))
            frame = smaller
        pyramids.append([*pyramid, frame])
    amplified = []
    for number, level in enumerate(zip(*pyramids, strict=True)):
        factor = alpha if number < levels or residual else 0.0
        amplified.append(factor * filter_forth_and_back(np.stack(level), FPS_HZ, low_hz, high_hz))
    result = []
    for k, frame in enumerate(frames):
        collapsed = amplified[-1][k]
        for level in reversed(amplified[:-1]):
            collapsed = cv2.pyrUp(collapsed, dstsize=level[k].shape[1::-1]) + level[k]
        result.append(frame + collapsed)
    return np.stack(result)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("height", "width", "levels"), [(32, 32, 4), (37, 50, 3)])
def test_equal_to_the_textbook(residual: bool, height: int, width: int, levels: int) -> None:
    random = np.random.default_rng(3)
    frames = np.rint(120 + 5 * random.normal(size=(150, height, width, 3)) + 20 * random.normal(size=(height, width, 3)))
    settings = {**SETTINGS, "levels": levels, "residual": residual}
    expected = textbook(frames, **settings)
    magnified = magnify(video(np.clip(frames, 0, 255).astype(np.uint8)), **settings).frames
    assert magnified.dtype == np.float32
    assert np.max(np.abs(magnified - expected)) < 1e-4 * np.max(np.abs(expected))


def test_values_beyond_the_camera_s_range_are_kept() -> None:
    after = magnify(video(breathing(1.2, np.ones((8, 8))).astype(np.float32)), **SETTINGS).frames
    assert after.min() < 50
    assert after.max() > 150


def test_what_is_masked_stays_exactly_zero() -> None:
    frames = (100 + 10 * np.random.default_rng(0).normal(size=(90, 32, 32, 3))).astype(np.float32)
    frames[:, :, :10] = 0
    for residual in (True, False):
        after = magnify(video(frames), **{**SETTINGS, "residual": residual}).frames
        assert not after[:, :, :10].any()
        assert after[:, :, 10:].all()


def test_first_and_last_second_are_usable() -> None:
    random = np.random.default_rng(0)
    errors = []
    for _ in range(30):
        times_s = np.arange(240) / FPS_HZ
        pulse = np.sin(2 * np.pi * random.uniform(0.9, 1.8) * times_s + random.uniform(0, 6.28))
        drift = 3 * np.sin(2 * np.pi * 0.04 * times_s + random.uniform(0, 6.28))
        passed = band_pass((100 + pulse + drift).astype(np.float32)[:, None], FPS_HZ, 0.4, 4.0)[:, 0]
        errors.append(np.concatenate([passed[:30] - pulse[:30], passed[-30:] - pulse[-30:]]))
    assert np.sqrt(np.mean(np.square(errors))) < 0.3 * np.sqrt(0.5)  # of the pulse's own rms; odd continuation gives 0.5


def test_true_time_stamps_decide_not_the_number_of_frames() -> None:
    random = np.random.default_rng(2)
    times_s = np.sort(random.uniform(0, 20, 800))
    wave = 0.5 * np.sin(2 * np.pi * 1.2 * times_s)
    frames = np.broadcast_to((100 + wave)[:, None, None, None], (800, 4, 4, 3)).astype(np.float32)
    after = magnify(video(frames, times_s), **SETTINGS, fps_hz=30)
    truth = np.sin(2 * np.pi * 1.2 * after.times_s)
    amplitude = (after.frames[:, 0, 0, 0] - 100) @ truth / (truth @ truth)
    assert amplitude == pytest.approx(0.5 * 121, rel=0.05)
    np.testing.assert_allclose(np.diff(after.times_s), 1 / 30)


def test_long_signals_are_filtered_in_blocks_to_the_same_values() -> None:
    signals = np.random.default_rng(0).normal(size=(3000, 3))
    expected = filter_forth_and_back(signals, FPS_HZ, 0.4, 4.0)
    np.testing.assert_allclose(band_pass(signals.astype(np.float32), FPS_HZ, 0.4, 4.0), expected, atol=2e-5)


def test_too_slow_and_too_short_videos_are_rejected() -> None:
    frames = np.ones((40, 4, 4, 3), dtype=np.uint8)
    with pytest.raises(VideoRejected, match=r"8\.0 frames per second cannot carry 4 Hz"):
        magnify(video(frames, np.arange(40) / 8.0), **SETTINGS)
    with pytest.raises(VideoRejected, match="shorter than one period"):
        magnify(video(frames), **SETTINGS)
