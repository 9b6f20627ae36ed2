"""Eulerian magnification of whole videos as plain arrays, in memory that is a share of the frames' own.

The pipeline's `magnify` keeps floats, time stamps and a mask; here a camera's bytes go in and bytes come out. See magnify.py for
the method and pyramid.py for why one collapsed part is filtered once, at the resolution of the finest level that is amplified.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tast.preprocessing.amplifier import Amplifier, Float32Array, Image, make_amplifier
from tast.preprocessing.band_pass import Band, PassingWaves, band_pass, check_band
from tast.preprocessing.compiled import add
from tast.preprocessing.pyramid import Amplification
from tast.preprocessing.stream import CausalMagnifier, window_stream

FLOAT_BYTES = 4
COLUMNS = 512  # signals that the ideal filter takes at once: few enough for the cache
TILE_BYTES = 16 << 20  # of float32 signals filtered at once over the whole time
TILES = 16  # at least, so that a tile is small beside a small video


def magnify_frames(
    frames: Image, fps_hz: float, amplification: Amplification, band: Band, *, dtype: npt.DTypeLike | None = None
) -> Image:
    """(T, H, W, 3) RGB frames on a uniform grid of fps_hz, uint8 or float32 -> magnified, of the same shape.

    dtype: uint8 (rounded and saturated) or float32 (as it is); None: that of the frames. Beyond the result it holds a share of
    the frames' memory: with `iir` the filter's state and as much as 8 frames as float32, with `ideal` tiles of pixels over the
    whole time and the pyramid's coarse levels, with `butterworth` those or a window of frames. Raises ValueError where the
    filter is not known or the rate cannot carry the band.
    """
    check_band(fps_hz, band)
    frames = np.ascontiguousarray(frames)
    amplifier = make_amplifier(frames[0], amplification, dtype)
    at_full_size, at_lower_size = WAYS[band.filter]
    way = at_lower_size if amplifier.base else at_full_size
    return way(frames, fps_hz, amplifier, band)


def _causally(frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> Image:
    result = np.empty(frames.shape, dtype=amplifier.dtype)
    magnifier = CausalMagnifier(fps_hz, amplifier, band)
    for start in range(0, len(frames), magnifier.block):
        block = slice(start, start + magnifier.block)
        magnifier.magnify(frames[block], result[block])
    return result


def _from_windows(frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> Image:
    result = np.empty(frames.shape, dtype=amplifier.dtype)
    for target, frame in zip(result, window_stream(iter(frames), fps_hz, amplifier, band), strict=True):
        target[:] = frame
    return result


def _in_the_result(frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> Image:
    """What is filtered lies in the result's memory meanwhile: at half size a float takes no more room than four bytes."""
    result, parts = _result_and_parts(frames, amplifier)
    amplifier.parts(frames, out=parts)
    signals, waves = parts.reshape(len(frames), -1), PassingWaves(len(frames), fps_hz, band)
    for start in range(0, signals.shape[1], COLUMNS):
        waves.filter_in_place(signals[:, start : start + COLUMNS])
    for frame, part, target in zip(frames, parts, result, strict=True):
        amplifier.add(frame, part, target)  # raised before it is overwritten
    return result


def _result_and_parts(frames: Image, amplifier: Amplifier) -> tuple[Image, Float32Array]:
    """Unfilled result and parts, (T, H, W, 3) and (T, h, w, 3), in one memory: no part begins before its own frame's result."""
    result_bytes = amplifier.dtype.itemsize * frames[0].size
    part_bytes = FLOAT_BYTES * math.prod(amplifier.part_shape)  # of odd sizes a little more than the result's
    stride = -(-max(result_bytes, part_bytes) // FLOAT_BYTES) * FLOAT_BYTES
    memory = np.empty((len(frames), stride), dtype=np.uint8)
    result = memory.reshape(-1)[: len(frames) * result_bytes].view(amplifier.dtype).reshape(frames.shape)
    return result, memory[:, :part_bytes].view(np.float32).reshape(len(frames), *amplifier.part_shape)


def _in_tiles(frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> Image:
    """At full size: rows of pixels over the whole time; the coarse levels' share is raised anew for each tile."""
    result = np.empty(frames.shape, dtype=amplifier.dtype)
    coarse = amplifier.coarse
    parts = None if coarse is None else coarse.parts(frames)
    for rows in _tiles(frames.shape[1], frames[:, 0].size):
        signals = np.multiply(frames[:, rows], np.float32(amplifier.finest), dtype=np.float32)
        if amplifier.mixing is not None:
            signals = np.stack([amplifier.mixed(signal) for signal in signals])
        if coarse is not None and parts is not None:
            for signal, part in zip(signals, parts, strict=True):
                signal += coarse.raised(part, rows)
        passed = band_pass(signals.reshape(len(frames), -1), fps_hz, band)
        for frame, part, target in zip(frames, passed, result, strict=True):
            add(frame[rows], part, target[rows])
    return result


def _tiles(n_columns: int, values_per_column: int) -> Iterator[slice]:
    """Slices of n_columns, each of a TILES-th or of TILE_BYTES at most."""
    columns = min(n_columns // TILES, TILE_BYTES // (4 * values_per_column))
    columns = max(columns, 1)
    for start in range(0, n_columns, columns):
        yield slice(start, min(start + columns, n_columns))


WAYS = {  # filter -> how it is done where the finest level is amplified, and where it is not
    "iir": (_causally, _causally),
    "butterworth": (_in_tiles, _from_windows),
    "ideal": (_in_tiles, _in_the_result),
}
