"""The seven extractors on planted light: the pulse is found, motion is not taken for one, and nothing makes them fail."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import periodogram

from tast.methods.classical.pulse import PULSES, chrom, colour_rate_hz, detrended, pbv, pulse_rate_hz, weights_of
from tast.phantom.tissue import blood_absorption
from tests.methods.classical.planted import COLOUR, FPS_HZ, SKIN, TIMES_S, beats, light, swaying

NAMES = list(PULSES)
FREE_OF_MOTION = ("chrom", "pos")


def likeness(wave: np.ndarray, other: np.ndarray) -> float:
    """Of the middle of two waves, without regard to sign: the ends are where filters begin."""
    middle = slice(30, -30)
    return float(abs(np.corrcoef(wave[middle], other[middle])[0, 1]))


def test_the_seven_are_there() -> None:
    assert NAMES == ["green", "ica", "chrom", "pos", "lgi", "pbv", "omit"]


@pytest.mark.parametrize("rate_hz", [0.8, 1.3, 2.1])
@pytest.mark.parametrize("name", NAMES)
def test_each_finds_the_planted_rate(name: str, rate_hz: float) -> None:
    trace = light(rate_hz=rate_hz, noise=0.001)
    wave = PULSES[name](trace, FPS_HZ)
    assert wave.shape == (len(trace),)
    assert pulse_rate_hz(wave, FPS_HZ) == pytest.approx(rate_hz, abs=0.03)


@pytest.mark.parametrize("fps_hz", [15.0, 25.0, 60.0])
@pytest.mark.parametrize("name", NAMES)
def test_each_does_at_any_frame_rate(name: str, fps_hz: float) -> None:
    times_s = np.arange(round(8 * fps_hz)) / fps_hz
    wave = PULSES[name](light(times_s=times_s, noise=0.001), fps_hz)
    assert pulse_rate_hz(wave, fps_hz) == pytest.approx(1.3, abs=0.03)
    assert abs(np.corrcoef(wave, beats(1.3, 0, times_s))[0, 1]) > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_a_wave_is_the_pulse_and_centred(name: str) -> None:
    wave = PULSES[name](light(noise=0.0005), FPS_HZ)
    assert abs(wave.mean()) < 1e-12
    assert likeness(wave, beats(1.3, 0)) > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_the_colour_of_the_lamp_and_the_exposure_change_no_rate(name: str) -> None:
    """Nor, of those that divide by the light, the wave. LGI and OMIT do not: their direction is that of the light itself."""
    trace = light(noise=0.0005)
    wave, brighter = PULSES[name](trace, FPS_HZ), PULSES[name](7 * trace, FPS_HZ)
    assert_allclose(brighter, wave, atol=1e-6 * np.abs(wave).max())
    tinted = PULSES[name](trace * [1.0, 0.6, 1.7], FPS_HZ)
    assert pulse_rate_hz(tinted, FPS_HZ) == pytest.approx(1.3, abs=0.03)


@pytest.mark.parametrize("name", FREE_OF_MOTION)
def test_common_motion_is_stronger_than_the_pulse_and_yet_not_what_is_found(name: str) -> None:
    trace = light(motion=swaying(), noise=0.0003)
    assert pulse_rate_hz(PULSES["green"](trace, FPS_HZ), FPS_HZ) == pytest.approx(0.9, abs=0.03)
    wave = PULSES[name](trace, FPS_HZ)
    assert pulse_rate_hz(wave, FPS_HZ) == pytest.approx(1.3, abs=0.03)
    assert likeness(wave, beats(1.3, 0)) > 0.85  # CHROM's band ends below the harmonic
    assert likeness(PULSES["green"](trace, FPS_HZ), beats(1.3, 0)) < 0.4


@pytest.mark.parametrize("name", ["ica", "lgi", "omit"])
def test_a_projection_takes_common_motion_away_too(name: str) -> None:
    """Planted along the colour of the light itself, which is what LGI and OMIT project out. ICA finds both, one with a peak."""
    wave = PULSES[name](light(motion=swaying(size=0.005), noise=0.0003), FPS_HZ)
    assert max(likeness(wave, beats(1.3, 0)), likeness(wave, swaying())) > 0.9
    if name != "ica":
        assert pulse_rate_hz(wave, FPS_HZ) == pytest.approx(1.3, abs=0.03)


def test_ica_separates_what_is_mixed_and_twice_alike() -> None:
    mixing = np.array([[0.3, 0.9], [1.0, 0.2], [0.6, 0.7]])
    wander = np.cumsum(np.random.default_rng(1).standard_normal(len(TIMES_S)))
    sources = np.stack([beats(1.3), (wander - wander.mean()) / wander.std()], axis=1)
    trace = COLOUR * (1 + 0.005 * sources @ mixing.T)
    wave = PULSES["ica"](trace, FPS_HZ)
    assert likeness(wave, beats(1.3)) > 0.95
    assert_array_equal(wave, PULSES["ica"](trace, FPS_HZ))


def test_pbv_is_deaf_to_what_does_not_move_as_its_signature() -> None:
    """Q of the pulse and of strong red flicker: the weights keep the one at strength 1 and drop the other."""
    flicker = 0.05 * np.sin(2 * np.pi * 2.3 * TIMES_S)
    pulses = np.outer(0.005 * beats(1.3), SKIN) + np.outer(flicker, [1.0, 0.0, 0.0])
    signature = SKIN / np.linalg.norm(SKIN)
    weights = weights_of(pulses, signature)
    wave = pulses @ weights / (signature @ weights)
    assert likeness(wave, beats(1.3)) > 0.99
    assert weights_of(pulses, np.stack([signature, signature])).shape == (2, 3)


def test_pbv_takes_how_much_each_channel_moves_for_its_signature() -> None:
    trace = light(noise=0.0002)
    assert np.std(pbv(trace, FPS_HZ)) == pytest.approx(0.005 * np.linalg.norm(SKIN) * np.std(beats(1.3)), rel=0.05)


def test_chrom_loses_a_pulse_whose_red_is_two_thirds_of_its_green_and_pos_does_not() -> None:
    """3R - 2G and 1.5R + G - 1.5B change from moving against each other to moving alike."""
    strong, weak = light(np.array([0.75, 1.0, 0.7])), light(np.array([0.4, 1.0, 0.7]))
    deviation = {name: PULSES[name](strong, FPS_HZ).std() / PULSES[name](weak, FPS_HZ).std() for name in FREE_OF_MOTION}
    assert deviation["chrom"] < 0.1
    assert deviation["pos"] > 0.5


def test_where_blues_pulse_is_the_strongest_chrom_and_pos_cancel_it_and_the_plane_of_both_does_not() -> None:
    phantom = np.array([0.25, 1.0, 1.45])
    for name in FREE_OF_MOTION:
        assert PULSES[name](light(phantom), FPS_HZ).std() < 0.1 * PULSES[name](light(), FPS_HZ).std()
    assert colour_rate_hz(light(phantom, motion=swaying(), noise=0.0003), FPS_HZ) == pytest.approx(1.3, abs=0.03)


def test_what_shares_all_has_no_rate_of_colour() -> None:
    grey = light()[:, 1:2]
    assert np.isnan(colour_rate_hz(grey * [1.0, 1.0, 1.0], FPS_HZ))
    assert np.isnan(colour_rate_hz(grey * [0.7, 1.0, 1.3], FPS_HZ))


def test_chrom_is_as_strong_at_the_ends_as_in_the_middle() -> None:
    wave = chrom(light(), FPS_HZ)
    assert np.std(wave[:24]) == pytest.approx(np.std(wave[120:144]), rel=0.5)
    assert np.std(wave[-24:]) == pytest.approx(np.std(wave[120:144]), rel=0.5)


@pytest.mark.parametrize("fps_hz", [15.0, 30.0, 60.0])
def test_detrending_drops_what_is_slow_and_keeps_the_pulse_at_any_frame_rate(fps_hz: float) -> None:
    times_s = np.arange(round(20 * fps_hz)) / fps_hz
    slow, fast = np.sin(2 * np.pi * 0.1 * times_s), np.sin(2 * np.pi * 1.2 * times_s)
    middle = slice(round(3 * fps_hz), -round(3 * fps_hz))
    assert np.std(detrended(slow, fps_hz)[middle]) < 0.01
    assert_allclose(detrended(fast, fps_hz)[middle], fast[middle], atol=0.05)
    half_hz = np.sin(2 * np.pi * 0.477 * times_s)  # where smoothness priors halve, 1 / sqrt(lambda) a frame at 30 Hz
    assert np.std(detrended(half_hz, fps_hz)[middle]) / np.std(half_hz[middle]) == pytest.approx(0.5, abs=0.03)
    assert_allclose(detrended(3 + 2 * times_s, fps_hz), 0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "trace",
    [
        np.zeros((300, 3)),
        np.full((300, 3), 117.3),
        np.full((300, 3), np.nan),
        light() * [1, 1, 0],
        np.where(np.arange(300)[:, None] < 60, 0.0, light()),
        np.where(np.arange(300)[:, None] == 60, np.inf, light()),
        light()[:5],
        light()[:0],
    ],
    ids=["zero", "still", "nan", "no_blue", "late", "infinite", "short", "empty"],
)
def test_light_that_tells_nothing_has_a_wave_of_zeros_and_no_rate(name: str, trace: np.ndarray) -> None:
    wave = PULSES[name](trace, FPS_HZ)
    assert_array_equal(wave, np.zeros(len(trace)))
    assert np.isnan(pulse_rate_hz(wave, FPS_HZ))


@pytest.mark.parametrize("name", NAMES)
def test_grey_video_has_a_pulse_but_no_colour(name: str) -> None:
    wave = PULSES[name](np.repeat(light()[:, 1:2], 3, axis=1), FPS_HZ)
    if name in ("green", "ica", "pbv"):
        assert pulse_rate_hz(wave, FPS_HZ) == pytest.approx(1.3, abs=0.03)
    else:
        assert_array_equal(wave, 0)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_and_noise_alone_are_no_error(name: str) -> None:
    noise = np.random.default_rng(3).integers(90, 110, (300, 3)).astype(np.uint8)
    wave = PULSES[name](noise, FPS_HZ)
    assert np.isfinite(wave).all() and wave.std() > 0


@pytest.mark.parametrize(("name", "low_hz", "high_hz"), [("ica", 0.7, 2.5), ("chrom", 0.7, 2.5), ("pos", 0.75, 3.0)])
def test_the_published_band_passes(name: str, low_hz: float, high_hz: float) -> None:
    noise = COLOUR * (1 + 0.01 * np.random.default_rng(4).standard_normal((1800, 3)))
    frequency_hz, power = periodogram(PULSES[name](noise, FPS_HZ), FPS_HZ)
    inside = (frequency_hz > 0.7 * low_hz) & (frequency_hz < 1.3 * high_hz)
    assert power[inside].sum() > 0.8 * power.sum()


@pytest.mark.parametrize("name", ["chrom", "pos"])
def test_chrom_and_pos_cancel_the_phantoms_pulse(name: str) -> None:
    """Why their rows of docs/results.md stand at the constant: what they take off as motion is the phantom's pulse itself."""
    spread = [PULSES[name](light(strengths), FPS_HZ).std() for strengths in (SKIN, blood_absorption(np.array(90.0)))]
    assert spread[1] < 0.1 * spread[0]
