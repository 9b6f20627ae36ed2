"""Magnification against known sinusoids and against a direct float64 implementation of Wu et al. (2012)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tast.errors import VideoRejected
from tast.preprocessing.band_pass import FILTERS, Band, band_pass, filter_forth_and_back
from tast.preprocessing.magnify import magnify
from tast.records import FaceVideo
from tests.preprocessing.textbook import noisy_scene, textbook

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


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("height", "width", "levels"), [(32, 32, 4), (37, 50, 3)])
def test_equal_to_the_textbook(residual: bool, height: int, width: int, levels: int) -> None:
    frames = noisy_scene(150, height, width)
    expected = textbook(frames, FPS_HZ, [120.0] * levels + [120.0 * residual], Band(0.4, 4.0))
    magnified = magnify(video(frames), **{**SETTINGS, "levels": levels, "residual": residual}).frames
    assert magnified.dtype == np.float32
    assert np.max(np.abs(magnified - expected)) < 1e-4 * np.max(np.abs(expected))


@pytest.mark.parametrize("filter", FILTERS)
def test_every_parameter_equal_to_the_textbook(filter: str) -> None:
    """lambda_c = 1936: levels of 4, 8, 16 px and the residual of 32 px get 121 lambda / lambda_c - 1 < 0, < 0, 0 and 1."""
    frames = noisy_scene(150, 37, 50)
    expected = textbook(frames, FPS_HZ, [0.0, 0.0, 0.0, 1.0], Band(0.4, 4.0, filter), chroma_attenuation=0.25)
    options = {"filter": filter, "cutoff_wavelength_px": 1936.0, "colour_space": "yiq", "chroma_attenuation": 0.25}
    magnified = magnify(video(frames), **{**SETTINGS, "levels": 3, **options}).frames
    assert np.max(np.abs(magnified - expected)) < 1e-4 * np.max(np.abs(expected - frames))


def test_what_stood_before_there_were_parameters_stays_bit_for_bit() -> None:
    """The default: nothing but frames + alpha x band-passed frames."""
    face = video(noisy_scene(150, 16, 16))
    frames = face.frames.astype(np.float32)
    passed = band_pass(frames.reshape(150, -1), FPS_HZ, Band(0.4, 4.0)).reshape(frames.shape)
    np.testing.assert_array_equal(magnify(face, **SETTINGS, fps_hz=FPS_HZ).frames, frames + 120.0 * passed)


def test_values_beyond_the_camera_s_range_are_kept() -> None:
    """100 +- 1.5 becomes 100 +- 181, beyond both ends of a byte."""
    after = magnify(video(breathing(1.2, np.full((8, 8), 3.0)).astype(np.float32)), **SETTINGS).frames
    assert after.min() < -50
    assert after.max() > 256


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
        passed = band_pass((100 + pulse + drift).astype(np.float32)[:, None], FPS_HZ, Band(0.4, 4.0))[:, 0]
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
    np.testing.assert_allclose(band_pass(signals.astype(np.float32), FPS_HZ, Band(0.4, 4.0)), expected, atol=2e-5)


def test_too_slow_and_too_short_videos_are_rejected() -> None:
    frames = np.ones((40, 4, 4, 3), dtype=np.uint8)
    with pytest.raises(VideoRejected, match=r"8\.0 frames per second cannot carry 4 Hz"):
        magnify(video(frames, np.arange(40) / 8.0), **SETTINGS)
    with pytest.raises(VideoRejected, match="shorter than one period"):
        magnify(video(frames), **SETTINGS)
