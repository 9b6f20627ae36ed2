"""What the network sees: the ratio between channels stays, the subject's colour goes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tast.training import inputs
from tast.training.inputs import INPUTS, LARGEST_LOCKED, LARGEST_PULSES, network_input, shrink
from tests.training.synthetic import face_frames

FPS_HZ = 15.0
normalised, pulse_locked, magnified = (
    partial(make, fps_hz=FPS_HZ) for make in (inputs.normalised, inputs.pulse_locked, inputs.magnified)
)
without_light = pytest.mark.parametrize("seen_of", [normalised, pulse_locked], ids=["normalised", "pulse_locked"])

SPO2 = np.full(4, 90.0)  # red's pulse is 0.4 of green's, blue's 1.3


def clean_face(seed: int) -> np.ndarray:
    return face_frames(SPO2, np.random.default_rng(seed), frames=60, size_px=16, common_noise=0.0, pixel_noise=0.0)


def test_shrink_averages_areas() -> None:
    frames = np.arange(2 * 4 * 4 * 3, dtype=np.float16).reshape(2, 4, 4, 3)
    by_hand = frames.astype(np.float64).reshape(2, 2, 2, 2, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(shrink(frames, 2), by_hand, rtol=1e-6)
    assert shrink(frames, 4).dtype == np.float32
    np.testing.assert_array_equal(shrink(frames, 4), frames)


def test_shrink_keeps_the_mean_where_sizes_do_not_divide() -> None:
    frames = np.random.default_rng(0).uniform(0, 255, (3, 10, 10, 3)).astype(np.float32)
    np.testing.assert_allclose(shrink(frames, 4).mean(axis=(1, 2)), frames.mean(axis=(1, 2)), rtol=1e-5)


def test_shrink_does_not_enlarge() -> None:
    with pytest.raises(ValueError, match="frame_size_px"):
        shrink(np.zeros((2, 8, 8, 3), dtype=np.float16), 16)


def test_normalised_keeps_the_ratio_between_channels_in_every_cell() -> None:
    seen = normalised(clean_face(0).astype(np.float32))
    face = np.abs(seen[..., 1]).max(axis=0) > 0
    assert 0.2 < face.mean() < 0.8
    assert np.all(seen[:, ~face] == 0)
    # pulses of 0.4, 1 and 1.3 are -0.5, 0.1 and 0.4 less their mean
    deviation = seen.std(axis=0)[face]
    np.testing.assert_allclose(deviation[:, 0] / deviation[:, 2], 1.25, atol=0.02)  # float16 frames
    np.testing.assert_allclose(deviation[:, 1] / deviation[:, 2], 0.25, atol=0.02)


def test_normalised_cells_average_to_the_pulse_of_the_whole_face() -> None:
    frames = clean_face(0).astype(np.float32)
    light = frames.sum(axis=(1, 2))
    pulse = light / light.mean(axis=0) - 1
    pulse -= pulse.mean(axis=1, keepdims=True)
    cells = normalised(frames).sum(axis=(1, 2)) / (frames.mean(axis=0).sum(axis=-1) > 0).sum()
    np.testing.assert_allclose(cells, pulse / np.sqrt((pulse**2).mean()), atol=0.01)


def test_normalised_does_not_see_what_all_channels_share() -> None:
    frames = clean_face(0).astype(np.float64)
    mean = frames.mean(axis=0)
    flicker = np.random.default_rng(1).normal(0, 3, (60, 1, 1, 1)) * np.linspace(-1, 1, 16)[:, None]
    flicker -= flicker.mean(axis=0)
    moved = frames + mean * flicker
    np.testing.assert_allclose(normalised(moved.astype(np.float32)), normalised(frames.astype(np.float32)), atol=0.02)


@without_light
def test_input_without_light_does_not_know_the_subject(seen_of: partial) -> None:
    rng = np.random.default_rng(3)
    frames = clean_face(0).astype(np.float32)
    other_skin = frames * rng.uniform(0.3, 1.0, 3).astype(np.float32)
    np.testing.assert_allclose(seen_of(other_skin), seen_of(frames), atol=1e-3)


@without_light
def test_another_white_balance_changes_the_weight_of_a_cell_alone_and_little(seen_of: partial) -> None:
    """Where a face has cells of two hues: one factor for all instants and channels of a cell, so that no ratio in it moves."""
    frames = clean_face(0).astype(np.float32)
    frames[:, 10:] *= np.array([1.0, 0.6, 0.7], dtype=np.float32)  # redder below
    seen, other = (seen_of(frames * np.array(gains, dtype=np.float32)) for gains in ((1, 1, 1), (0.6, 1.0, 1.4)))
    power = (seen**2).sum(axis=(0, 3))
    factors = (seen * other).sum(axis=(0, 3)) / np.where(power > 0, power, 1)
    np.testing.assert_allclose(other, seen * factors[:, :, None], atol=1e-3)
    assert 0.01 < np.abs(factors[power > 0] - 1).max() < 0.1


@without_light
def test_input_without_light_does_not_know_the_strength_of_the_pulse(seen_of: partial) -> None:
    frames = clean_face(0).astype(np.float64)
    mean = frames.mean(axis=0)
    weaker = mean + 0.3 * (frames - mean)
    np.testing.assert_allclose(seen_of(weaker.astype(np.float32)), seen_of(frames.astype(np.float32)), atol=1e-4)


@without_light
@pytest.mark.parametrize("level", [0.0, 128.0])
def test_input_without_light_of_a_still_picture_is_0(level: float, seen_of: partial) -> None:
    np.testing.assert_array_equal(seen_of(np.full((8, 4, 4, 3), level, dtype=np.float32)), 0)


@pytest.mark.parametrize(("seen_of", "largest"), [(normalised, LARGEST_PULSES), (pulse_locked, LARGEST_LOCKED)])
def test_input_without_light_holds_a_moving_edge(seen_of: partial, largest: float) -> None:
    frames = clean_face(0).astype(np.float32)
    frames[10, 8, 8] *= 500
    assert np.abs(seen_of(frames)).max() == largest


def test_pulse_locked_loses_colour_noise_beside_the_pulse() -> None:
    """Of noise in one channel, spread over all 7.5 Hz, a fifth lies within the bells; of the pulse all is seen."""
    rng = np.random.default_rng(4)
    frames = face_frames(np.full(8, 90.0), rng, frames=120, size_px=16, common_noise=0.0, pixel_noise=0.0).astype(np.float64)
    mean = frames.mean(axis=0)
    noise = np.zeros((120, 1, 1, 3))
    noise[..., 0] = rng.normal(0, 0.3, (120, 1, 1))
    noisy = frames + mean * noise

    def error(seen_of: partial) -> float:
        clean, disturbed = (seen_of(one.astype(np.float32)) for one in (frames, noisy))
        scale = (clean * disturbed).sum() / (clean**2).sum()
        return float(np.mean((disturbed / scale - clean) ** 2) / np.mean(clean**2))

    assert error(pulse_locked) / error(normalised) < 0.1


def test_pulse_locked_keeps_the_ratio_between_channels_in_every_cell() -> None:
    seen = pulse_locked(clean_face(0).astype(np.float32))
    face = np.abs(seen[..., 1]).max(axis=0) > 0
    assert 0.2 < face.mean() < 0.8
    deviation = seen.std(axis=0)[face]
    np.testing.assert_allclose(deviation[:, 0] / deviation[:, 1], 0.4, atol=0.01)
    np.testing.assert_allclose(deviation[:, 2] / deviation[:, 1], 1.3, atol=0.01)


def test_pulse_locked_does_not_see_what_moves_beside_the_pulse() -> None:
    frames = face_frames(np.full(8, 90.0), np.random.default_rng(5), frames=120, size_px=16, common_noise=0.0, pixel_noise=0.0)
    frames = frames.astype(np.float64)
    rocking = 3 * np.sin(2 * np.pi * 0.2 * np.arange(120) / FPS_HZ)[:, None, None, None]
    moved = frames + frames.mean(axis=0) * (rocking - rocking.mean(axis=0))
    seen, still = (pulse_locked(one.astype(np.float32))[20:-20] for one in (moved, frames))
    assert np.corrcoef(seen.ravel(), still.ravel())[0, 1] > 0.99


def test_pulse_locked_keeps_the_pulse_of_living_skin_beside_a_highlight_that_moves_more() -> None:
    """The first rate is the pulse's, in skin's colours; the second that of white light which comes and goes on it."""
    seconds = np.arange(120)[:, None] / FPS_HZ
    pulse = 0.005 * np.sin(2 * np.pi * 1.2 * seconds) * [0.41, 1.0, 0.63]
    highlight = 0.006 * np.sin(2 * np.pi * 1.9 * seconds) * [0.6, 1.0, 1.5]
    face = np.where(np.indices((8, 8)).sum(axis=0)[..., None] % 3 > 0, [180.0, 120.0, 90.0], 0.0)
    still, moved = (face * (1 + light[:, None, None]) for light in (pulse, pulse + highlight))
    kept, true = (pulse_locked(one.astype(np.float32))[20:-20] for one in (moved, still))
    assert np.corrcoef(kept.ravel(), true.ravel())[0, 1] > 0.95  # the harmonic lets a 25th of the highlight pass


def test_magnified_maps_8_bits_onto_one_half_either_side() -> None:
    np.testing.assert_allclose(magnified(np.array([0, 255], dtype=np.float32)), [-0.5, 0.5])


@pytest.mark.parametrize("kind", INPUTS)
def test_network_input_is_float32_of_the_asked_size(kind: str) -> None:
    seen = network_input(clean_face(0), FPS_HZ, kind=kind, frame_size_px=8)
    assert (seen.shape, seen.dtype) == ((60, 8, 8, 3), np.float32)


def test_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="pulse_locked, normalised, magnified"):
        network_input(clean_face(0), FPS_HZ, kind="raw", frame_size_px=8)
