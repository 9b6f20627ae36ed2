"""Magnification of plain arrays and streams against the textbook's, before and after the rounding to bytes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from tast.preprocessing.band_pass import FILTERS, Band
from tast.preprocessing.eulerian import magnify_frames
from tast.preprocessing.pyramid import Amplification, level_weights
from tast.preprocessing.stream import LONGEST_BLOCK, MARGIN_PERIODS, STREAMS, WINDOW_PERIODS, magnify_stream
from tests.preprocessing.textbook import noisy_scene, textbook

FPS_HZ = 30.0
AMPLIFICATIONS = {
    "all": Amplification(120.0, 3, residual=True),
    "no residual": Amplification(120.0, 3, residual=False),
    "finest left alone": Amplification(120.0, 3, residual=False, skip_finest=1),
    "cut-off": Amplification(120.0, 3, residual=True, cutoff_wavelength_px=800),
    "yiq": Amplification(120.0, 3, residual=False, colour_space="yiq", chroma_attenuation=0.2),
    "nothing": Amplification(120.0, 1, residual=False, skip_finest=1),
}


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("name", AMPLIFICATIONS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (37, 50)])
def test_equal_to_the_textbook(filter: str, name: str, height: int, width: int) -> None:
    frames, amplification, band = noisy_scene(150, height, width), AMPLIFICATIONS[name], Band(0.4, 4.0, filter)
    factors = [amplification.alpha * weight for weight in level_weights(amplification)]
    expected = textbook(frames, FPS_HZ, factors, band, amplification.chroma_attenuation)
    magnified = magnify_frames(frames, FPS_HZ, amplification, band, dtype=np.float32)
    assert magnified.dtype == np.float32
    assert np.max(np.abs(magnified - expected)) <= 1e-4 * np.max(np.abs(expected - frames))


@pytest.mark.parametrize("filter", FILTERS)
def test_bytes_are_the_rounded_and_saturated_floats(filter: str) -> None:
    frames, amplification, band = (
        noisy_scene(60, 20, 24),
        replace(AMPLIFICATIONS["no residual"], alpha=20.0),
        Band(0.4, 4.0, filter),
    )
    floats = magnify_frames(frames, FPS_HZ, amplification, band, dtype=np.float32)
    assert floats.min() < -1
    assert floats.max() > 256
    magnified = magnify_frames(frames, FPS_HZ, amplification, band)
    assert magnified.dtype == np.uint8
    assert np.max(np.abs(magnified - np.clip(floats, 0, 255))) < 0.5 + 1e-4


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize(("height", "width"), [(20, 24), (21, 25)])
@pytest.mark.parametrize("n_frames", [60, 61])
def test_bytes_and_floats_agree_where_the_finest_level_is_left_alone(filter: str, height: int, width: int, n_frames: int) -> None:
    """What is filtered may lie in the result's memory, and of odd sizes it needs more of it than the bytes do."""
    frames, amplification = noisy_scene(n_frames, height, width), replace(AMPLIFICATIONS["finest left alone"], alpha=20.0)
    band = Band(0.4, 4.0, filter)
    floats = magnify_frames(frames, FPS_HZ, amplification, band, dtype=np.float32)
    expected = textbook(frames, FPS_HZ, [20 * weight for weight in level_weights(amplification)], band, 1.0)
    assert np.max(np.abs(floats - expected)) <= 1e-4 * np.max(np.abs(expected - frames))
    magnified = magnify_frames(frames, FPS_HZ, amplification, band)
    assert magnified.flags.c_contiguous
    assert np.max(np.abs(magnified - np.clip(floats, 0, 255))) < 0.5 + 1e-4


def test_the_frames_are_left_as_they_are() -> None:
    frames = noisy_scene(60, 20, 24)
    for filter in FILTERS:
        for dtype in (np.uint8, np.float32):
            given = frames.astype(dtype)
            magnify_frames(given, FPS_HZ, AMPLIFICATIONS["all"], Band(0.4, 4.0, filter))
            np.testing.assert_array_equal(given, frames)


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("name", ["no residual", "all", "yiq"])
def test_a_causal_stream_is_the_whole_video(name: str, settled: bool) -> None:
    """In blocks of CAUSAL_BLOCK and of LONGEST_BLOCK, or one that lies between: neither shows."""
    frames, band = noisy_scene(LONGEST_BLOCK + 13, 21, 18), Band(0.4, 4.0, "iir", settled=settled)
    whole = magnify_frames(frames, FPS_HZ, AMPLIFICATIONS[name], band, dtype=np.float32)
    streamed = list(magnify_stream(iter(frames), FPS_HZ, AMPLIFICATIONS[name], band, dtype=np.float32))
    np.testing.assert_array_equal(streamed, whole)


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize(("height", "width", "levels"), [(128, 360, 4), (41, 67, 2), (70, 33, 1)])
def test_the_causal_filter_s_orders_and_starts(order: int, settled: bool, height: int, width: int, levels: int) -> None:
    """More columns than are filtered at once, groups of rows that end early, sections in pairs and alone."""
    amplification, band = Amplification(120.0, levels, residual=False), Band(0.4, 4.0, "iir", order=order, settled=settled)
    frames = noisy_scene(21, height, width)
    expected = textbook(frames, FPS_HZ, [120.0] * levels + [0.0], band)
    magnified = magnify_frames(frames, FPS_HZ, amplification, band, dtype=np.float32)
    assert np.max(np.abs(magnified - expected)) <= 1e-4 * np.max(np.abs(expected - frames))


@pytest.mark.parametrize("n_frames", [1, 40, 449, 450, 451, 1000, 1137])
def test_a_zero_phase_stream_is_the_whole_video(n_frames: int) -> None:
    """Windows of 225 frames with as many on either side."""
    band, amplification = Band(2 / 3, 4.0), AMPLIFICATIONS["finest left alone"]
    assert MARGIN_PERIODS == WINDOW_PERIODS == 5
    frames = noisy_scene(n_frames, 8, 8) + np.linspace(0, 40, n_frames, dtype=np.uint8)[:, None, None, None]
    whole = magnify_frames(frames, FPS_HZ, amplification, band, dtype=np.float32)
    streamed = np.stack(list(magnify_stream(frames, FPS_HZ, amplification, band, dtype=np.float32)))
    assert np.max(np.abs(streamed - whole)) <= 1e-4 * max(np.max(np.abs(whole - frames)), 1)


def test_no_frames_no_stream() -> None:
    for filter in STREAMS:
        assert not list(magnify_stream([], FPS_HZ, AMPLIFICATIONS["all"], Band(0.4, 4.0, filter)))


def endless(n_frames: int) -> Iterator[npt.NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    for _ in range(n_frames):
        yield random.integers(100, 140, size=(48, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize(("filter", "held_frames"), [("iir", 40), ("butterworth", 900)])
def test_a_long_stream_is_held_in_part_only(filter: str, held_frames: int) -> None:
    """As float32: 8 frames and the filter's state, or a window of 450 frames, its successor and its bytes. Never all of 4,000."""
    band = Band(1.0, 4.0, filter)
    next(magnify_stream(endless(500), FPS_HZ, AMPLIFICATIONS["all"], band))  # compiled, and its matrix made
    tracemalloc.start()
    count = sum(1 for _ in magnify_stream(endless(4000), FPS_HZ, AMPLIFICATIONS["all"], band))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4000
    assert peak_bytes < held_frames * 48 * 48 * 3 * 4 * 1.5


def test_what_cannot_be_done_is_said() -> None:
    frames = noisy_scene(30, 8, 8)
    with pytest.raises(ValueError, match="filter 'ideal' needs the whole video; those of a stream are iir, butterworth"):
        magnify_stream(frames, FPS_HZ, AMPLIFICATIONS["all"], Band(0.4, 4.0, "ideal"))
    with pytest.raises(ValueError, match="frames become uint8 or float32, not float64"):
        magnify_frames(frames.astype(np.float64), FPS_HZ, AMPLIFICATIONS["all"], Band(0.4, 4.0))
    with pytest.raises(ValueError, match="no filter 'box'"):
        magnify_frames(frames, FPS_HZ, AMPLIFICATIONS["all"], Band(0.4, 4.0, "box"))
