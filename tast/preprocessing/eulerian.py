"""Eulerian magnification of whole videos as plain arrays, in memory that is a share of the frames' own.

The pipeline's `magnify` keeps floats, time stamps and a mask; here a camera's bytes go in and bytes come out. See magnify.py for
the method and pyramid.py for why one collapsed part is filtered once, at the resolution of the finest level that is amplified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tast.preprocessing.amplifier import Amplifier, Float32Array, Image, add, make_amplifier
from tast.preprocessing.band_pass import Band, band_pass, check_band
from tast.preprocessing.pyramid import Amplification, base_level, raised
from tast.preprocessing.stream import causal_stream

CHUNK = 16  # frames whose filtered parts are held together, and freed once they are added
TILE_BYTES = 16 << 20  # of float32 signals filtered at once over the whole time
TILES = 16  # at least, so that a tile is small beside a small video


def magnify_frames(
    frames: Image, fps_hz: float, amplification: Amplification, band: Band, *, dtype: npt.DTypeLike | None = None
) -> Image:
    """(T, H, W, 3) RGB frames on a uniform grid of fps_hz, uint8 or float32 -> magnified, of the same shape.

    dtype: uint8 (rounded and saturated) or float32 (as it is); None: that of the frames. Beyond the result it holds a share of
    the frames' memory: with `iir` the filter's state and 8 frames as float32, else tiles of pixels over the whole time and the
    pyramid's coarse levels. Raises ValueError where the filter is not known or the rate cannot carry the band.
    """
    check_band(fps_hz, band)
    amplifier = make_amplifier(frames[0], amplification, dtype)
    if band.filter == "iir":
        magnified = causal_stream(iter(frames), fps_hz, amplifier, band)
    elif amplifier.base:
        magnified = _filtered_at_base(frames, fps_hz, amplifier, band)
    else:
        return _filtered_in_tiles(frames, fps_hz, amplifier, band)
    result = np.empty(frames.shape, dtype=amplifier.dtype)
    for target, frame in zip(result, magnified, strict=True):
        target[:] = frame
    return result


def _filtered_at_base(frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> Iterator[Image]:
    """Where the finest level is left alone: filter at a quarter of the size or less, then raise frame by frame."""
    chunks = [amplifier.parts(frames[start : start + CHUNK]) for start in range(0, len(frames), CHUNK)]
    flat = [chunk.reshape(len(chunk), -1) for chunk in chunks]
    bounds = np.cumsum([len(chunk) for chunk in chunks[:-1]])
    for tile in _tiles(flat[0].shape[1], len(frames)):
        passed = band_pass(np.concatenate([chunk[:, tile] for chunk in flat]), fps_hz, band)
        for chunk, part in zip(flat, np.split(passed, bounds), strict=True):
            chunk[:, tile] = part
    del flat
    for number, start in enumerate(range(0, len(frames), CHUNK)):
        yield from map(amplifier.added, frames[start : start + CHUNK], chunks[number])
        chunks[number] = np.empty(0, dtype=np.float32)  # as the result grows, the parts go


def _filtered_in_tiles(frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> Image:
    """At full size: rows of pixels over the whole time; the coarse levels' share is raised anew for each tile."""
    height, width = frames.shape[1:3]
    coarse = _coarse(frames, amplifier)
    result = np.empty(frames.shape, dtype=amplifier.dtype)
    for tile in _tiles(height, len(frames) * width * 3):
        signals = np.multiply(frames[:, tile], np.float32(amplifier.terms[0] if amplifier.terms else 0), dtype=np.float32)
        if coarse is not None:
            for target, part in zip(signals, coarse[1], strict=True):
                target += raised(part, coarse[0], height, width, tile)
        for target in signals if amplifier.mixing is not None else ():
            target[:] = amplifier.mixed(target)
        passed = band_pass(signals.reshape(len(frames), -1), fps_hz, band)
        result[:, tile] = add(frames[:, tile].reshape(passed.shape), passed, amplifier.dtype).reshape(signals.shape)
    return result


def _coarse(frames: Image, amplifier: Amplifier) -> tuple[int, Float32Array] | None:
    """(level, (T, h, w, 3) parts at its size) of all terms but the finest; None where there are no others."""
    terms = (0.0, *amplifier.terms[1:])
    if not any(terms):
        return None
    return base_level(terms), replace(amplifier, terms=terms, mixing=None).parts(frames)


def _tiles(n_columns: int, values_per_column: int) -> Iterator[slice]:
    """Slices of n_columns, each of a TILES-th or of TILE_BYTES at most."""
    columns = min(n_columns // TILES, TILE_BYTES // (4 * values_per_column))
    columns = max(columns, 1)
    for start in range(0, n_columns, columns):
        yield slice(start, min(start + columns, n_columns))
