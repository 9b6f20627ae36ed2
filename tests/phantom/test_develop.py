"""Raw light to pictures: each step alone against values known by hand, and the pulse through all of them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tast.phantom.colours import Colours, colours
from tast.phantom.develop import TONES, Picture, Shots, develop, shots, tone_curve
from tast.phantom.lamps import D65, Lamp
from tast.phantom.sensor import Camera, Exposure, Sensor, WhiteBalance
from tast.phantom.skin import MEDIAN
from tast.phantom.spectra import decoded_srgb

PLAIN = Camera(
    "industrial", Sensor("Nikon D5100"), full_well_electrons=1e12, read_noise_electrons=0, tone="linear", readout_s=0.0
)
SEEN = colours(D65, PLAIN.sensor)
GREY = np.full(3, 0.3) / SEEN.white_balance  # raw of a surface that reflects .3 of the light
HEIGHT, WIDTH = 24, 32


def plan(camera: Camera, lamp: Lamp = D65, frames: int = 3, seed: int = 5, seen: Colours = SEEN) -> Shots:
    return shots(camera, lamp, seen, np.arange(frames) / 30, HEIGHT, GREY, seed)


def plain(raw: np.ndarray = GREY) -> np.ndarray:
    return np.broadcast_to(raw, (HEIGHT, WIDTH, 3)).astype(np.float32)


def film(camera: Camera, raw: np.ndarray, lamp: Lamp = D65, frames: int = 3, seed: int = 5) -> list[Picture]:
    past = np.empty_like(raw)
    planned = plan(camera, lamp, frames, seed)
    return [develop(raw, planned, k, past) for k in range(frames)]


def test_a_middling_grey_comes_out_in_the_middle() -> None:
    """.26 of 255 is 66.3, of 1023 is 266.0; .2 through sRGB's curve .4845 of 255, 123.5."""
    assert np.all(film(PLAIN, plain())[0] == 66)
    ten = film(replace(PLAIN, bits=10), plain())[0]
    assert ten.dtype == np.uint16 and np.all(ten == 266)
    assert abs(film(replace(PLAIN, tone="srgb"), plain())[0].mean() - 123.5) <= 0.5


def test_light_that_is_too_strong_is_white_and_no_light_is_black() -> None:
    assert np.all(film(PLAIN, plain(30 * GREY))[0] == 255) and np.all(film(PLAIN, plain(0 * GREY))[0] == 0)


def test_a_darker_scene_is_exposed_longer_but_stays_darker() -> None:
    """A quarter of the light, a compensation of .55 in the logarithm: 4^.45 = 1.87 times darker."""
    dark = develop(plain(GREY / 4), shots(PLAIN, D65, SEEN, np.arange(2) / 30, HEIGHT, GREY / 4, 5), 0, plain())
    assert abs(66.3 / dark.mean() - 1.866) < 0.03


def test_noise_is_that_of_electrons() -> None:
    """.26 of 10,000 electrons, 5 read: sqrt(2600 + 25) / 10,000 = .0051 of white in raw green, and the matrix adds them up."""
    camera = replace(PLAIN, full_well_electrons=1e4, read_noise_electrons=5.0, bits=10)
    raw = np.broadcast_to(np.float32(GREY), (200, 300, 3)).astype(np.float32)
    picture = develop(raw, shots(camera, D65, SEEN, np.arange(2) / 30, 200, GREY, 5), 0, np.empty_like(raw))
    level = 0.26 / SEEN.white_balance
    raw_noise = np.sqrt(level / 1e4 + (5 / 1e4) ** 2)
    expected = 1023 * np.sqrt(((SEEN.matrix * SEEN.white_balance * raw_noise) ** 2).sum(axis=1))
    np.testing.assert_allclose(picture.reshape(-1, 3).std(axis=0), np.sqrt(expected**2 + 1 / 12), rtol=0.02)
    np.testing.assert_allclose(picture.reshape(-1, 3).mean(axis=0), 266.0, atol=0.3)
    neighbours = np.corrcoef(picture[:, 1:, 1].ravel(), picture[:, :-1, 1].ravel())[0, 1]
    assert abs(neighbours) < 0.02


def test_same_seed_same_bytes_whatever_the_threads() -> None:
    camera = replace(
        PLAIN, full_well_electrons=8e3, read_noise_electrons=4.0, temporal_denoising=0.5, spatial_denoising=0.3, sharpening=0.5,
        exposure=Exposure(hunting_ev=0.02, step_ev=0.5, steps_per_min=60), white_balance=WhiteBalance(drift=0.02),
    )  # fmt: skip
    outer = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = film(camera, plain())
        cv2.setNumThreads(4)
        np.testing.assert_array_equal(film(camera, plain()), alone)
    finally:
        cv2.setNumThreads(outer)
    assert not np.array_equal(alone[0], film(camera, plain(), seed=6)[0]) and not np.array_equal(alone[0], alone[1])


def test_a_denoiser_that_looks_back_calms_what_is_still() -> None:
    """y = k * past + (1 - k) * new leaves (1 - k) / (1 + k) of the variance: a third at k = .5 (a little more, as far noise
    samples keep less)."""
    noisy = replace(PLAIN, full_well_electrons=1e4, read_noise_electrons=5.0, bits=10)
    raw = np.broadcast_to(np.float32(GREY), (100, 100, 3)).astype(np.float32)
    variances = []
    for camera in (noisy, replace(noisy, temporal_denoising=0.5)):
        planned, past = shots(camera, D65, SEEN, np.arange(12) / 30, 100, GREY, 5), np.empty_like(raw)
        variances.append(np.var([develop(raw, planned, k, past) for k in range(12)][-1][..., 1]))
    assert 0.33 < variances[1] / variances[0] < 0.45


def test_what_moves_keeps_nothing_of_its_past() -> None:
    camera = replace(PLAIN, temporal_denoising=0.6)
    planned, past = plan(camera), np.empty((HEIGHT, WIDTH, 3), np.float32)
    develop(plain(), planned, 0, past)
    np.testing.assert_array_equal(develop(plain(2 * GREY), planned, 1, past), film(PLAIN, plain(2 * GREY))[1])


def test_spatial_steps_leave_even_areas_and_act_on_edges() -> None:
    edge = plain().copy()
    edge[:, WIDTH // 2 :] *= 2
    even = {"spatial_denoising": 0.5, "sharpening": 0.8}
    assert np.all(film(replace(PLAIN, **even), plain())[0] == 66)
    sharp, soft = (
        film(replace(PLAIN, **{name: 0.5}), edge)[0][0, :, 1].astype(int) for name in ("sharpening", "spatial_denoising")
    )
    assert sharp.min() < 66 and sharp.max() > 133
    assert soft.min() == 66 and soft.max() == 133 and 66 < soft[WIDTH // 2 - 1] < soft[WIDTH // 2] < 133


def test_mains_make_bands_that_a_matching_shutter_removes() -> None:
    """100 Hz read out over 20 ms: two bands of light, of depth .2 * sinc(100 * .002)."""
    lamp = Lamp("led", D65.parts, mains_hz=50, mains_depth=0.2)
    banded = plan(replace(PLAIN, readout_s=0.02, exposure=Exposure(shutter_s=0.002)), lamp).rows[0]
    assert abs(np.ptp(banded) / banded.mean() - 2 * 0.2 * np.sinc(0.2)) < 0.02
    assert np.sum(np.diff(np.sign(banded - banded.mean())) != 0) in (3, 4)
    even = plan(replace(PLAIN, readout_s=0.02, exposure=Exposure(shutter_s=0.01)), lamp).rows[0]
    assert np.ptp(even) < 1e-6


def test_no_exposure_lasts_longer_than_a_frame() -> None:
    lamp = Lamp("led", D65.parts, mains_hz=50, mains_depth=0.2)
    long, whole = (
        shots(replace(PLAIN, exposure=Exposure(shutter_s=s)), lamp, SEEN, np.arange(60) / 120, HEIGHT, GREY, 5).rows
        for s in (1 / 30, 1 / 120)
    )
    np.testing.assert_allclose(long, whole, rtol=1e-5)
    assert np.ptp(whole) / whole.mean() > 0.05, "at 120 per second even the longest exposure sees flicker of 100 Hz"


def test_white_steps_by_what_it_is_said_to_and_green_stays() -> None:
    camera = replace(PLAIN, white_balance=WhiteBalance(error=(0.1, -0.05), step=0.12, steps_per_min=3))
    planned = shots(camera, D65, SEEN, np.arange(1800) / 30, HEIGHT, GREY, 1)
    gains = np.log(planned.matrices / (SEEN.matrix * SEEN.white_balance))[:, 0]
    np.testing.assert_allclose(gains[:, 1], 0, atol=1e-5)
    np.testing.assert_allclose(gains[0, [0, 2]], [0.1, -0.05], atol=1e-3)
    change = gains[-1, [0, 2]] - gains[0, [0, 2]]
    assert change[0] == pytest.approx(-change[1], abs=1e-4)
    assert 0.04 < np.abs(gains[:, 0] - 0.1).max() < 0.4


def test_a_stepping_exposure_moves_all_channels_and_settles() -> None:
    camera = replace(PLAIN, exposure=Exposure(step_ev=0.8, steps_per_min=2))
    planned = shots(camera, D65, SEEN, np.arange(1800) / 30, HEIGHT, GREY, 3)
    ev = np.log2(planned.rows[:, 0])
    assert 0.3 < np.ptp(ev) < 4 and np.median(np.abs(np.diff(ev))) < 1e-3
    np.testing.assert_array_equal(planned.matrices[0], planned.matrices[-1])


def test_tone_curves_rise_from_black_to_white() -> None:
    for tone in TONES:
        for contrast in (0.0, 0.5):
            curve = tone_curve(tone, contrast)
            assert curve[0] == pytest.approx(0) and curve[-1] == pytest.approx(1) and np.all(np.diff(curve) >= 0)
    assert tone_curve("bt709", 0.0)[4096 * 18 // 100] == pytest.approx(0.408, abs=2e-3)  # 1.099 * .18^.45 - .099


def test_the_pulse_in_the_picture_is_the_one_that_was_planned() -> None:
    """A beat of 1 % in raw light, read back from 8-bit sRGB pictures with noise: 160,000 pixels, a mean is sure to .01."""
    camera = replace(PLAIN, tone="srgb", full_well_electrons=1e4, read_noise_electrons=4.0)
    person = replace(MEDIAN, green_ac=0.02)
    skin = SEEN.skin(person.melanosomes, person.blood)
    planned, past = shots(camera, D65, SEEN, np.arange(2) / 30, 400, skin, 5), np.empty((400, 400, 3), np.float32)
    means = []
    for frame, beat in enumerate((0.0, 1.0)):
        raw = np.broadcast_to(skin * (1 - beat * SEEN.pulse_strengths(person)), past.shape).astype(np.float32)
        means.append(decoded_srgb(develop(raw, planned, frame, past) / 255).mean(axis=(0, 1)))
    pulse = 1 - means[1] / means[0]
    expected = SEEN.picture_pulse(person)
    np.testing.assert_allclose(pulse / pulse[1], expected / expected[1], atol=0.02)
    np.testing.assert_allclose(pulse, expected, rtol=0.03)


def test_raw_light_of_another_shape_or_type_is_refused() -> None:
    planned = plan(PLAIN)
    with pytest.raises(ValueError, match=r"raw light is float64 \(24, 32, 3\); expected float32 \(24, width, 3\)"):
        develop(plain().astype(np.float64), planned, 0, plain())
    with pytest.raises(ValueError, match="the camera's past is float32"):
        develop(plain(), planned, 0, plain()[:5])
