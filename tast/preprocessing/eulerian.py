"""Eulerian magnification of whole videos as plain arrays, in memory that is a share of the frames' own.

The pipeline's `magnify` keeps floats, time stamps and a mask; here a camera's bytes go in and bytes come out. See magnify.py for
the method and pyramid.py for why one collapsed part is filtered once, at the resolution of the finest level that is amplified.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.linalg.blas import sgemm

from tast.preprocessing.amplifier import Amplifier, Image, make_amplifier
from tast.preprocessing.band_pass import Band, band_pass, check_band, passing_waves
from tast.preprocessing.compiled import add
from tast.preprocessing.pyramid import Amplification
from tast.preprocessing.stream import CAUSAL_BLOCK, CausalMagnifier, window_stream

CHUNK = 32  # frames that are held as floats at once
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
    frames = np.ascontiguousarray(frames)
    amplifier = make_amplifier(frames[0], amplification, dtype)
    result = np.empty(frames.shape, dtype=amplifier.dtype)
    at_full_size, at_lower_size = FILLS[band.filter]
    fill = at_lower_size if amplifier.base else at_full_size
    fill(result, frames, fps_hz, amplifier, band)
    return result


def _fill_causally(result: Image, frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> None:
    magnifier = CausalMagnifier(fps_hz, amplifier, band)
    for start in range(0, len(frames), CAUSAL_BLOCK):
        block = slice(start, start + CAUSAL_BLOCK)
        magnifier.magnify(frames[block], result[block])


def _fill_from_windows(result: Image, frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> None:
    for target, frame in zip(result, window_stream(iter(frames), fps_hz, amplifier, band), strict=True):
        target[:] = frame


def _fill_from_spectrum(result: Image, frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> None:
    """Only the waves that pass are held, far fewer than frames; a product of matrices each way is as fast as a transform."""
    waves = passing_waves(len(frames), fps_hz, band)
    level = amplifier.part(frames[0])  # does not pass; without it float32 keeps its digits
    spectrum = np.zeros((waves.shape[1], level.size), dtype=np.float32)
    for start in range(0, len(frames), CHUNK):
        parts = amplifier.parts(frames[start : start + CHUNK])
        parts -= level
        signals, some = parts.reshape(len(parts), -1), waves[start : start + CHUNK]
        sgemm(1, signals.T, some.T, beta=1, c=spectrum.T, trans_b=True, overwrite_c=True)  # spectrum += some.T @ signals
    for start in range(0, len(frames), CHUNK):
        passed = (waves[start : start + CHUNK] @ spectrum).reshape(-1, *level.shape)
        for number, part in enumerate(passed, start):
            amplifier.add(frames[number], part, result[number])


def _fill_in_tiles(result: Image, frames: Image, fps_hz: float, amplifier: Amplifier, band: Band) -> None:
    """At full size: rows of pixels over the whole time; the coarse levels' share is raised anew for each tile."""
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


def _tiles(n_columns: int, values_per_column: int) -> Iterator[slice]:
    """Slices of n_columns, each of a TILES-th or of TILE_BYTES at most."""
    columns = min(n_columns // TILES, TILE_BYTES // (4 * values_per_column))
    columns = max(columns, 1)
    for start in range(0, n_columns, columns):
        yield slice(start, min(start + columns, n_columns))


FILLS = {  # filter -> how it fills the result where the finest level is amplified, and where it is not
    "iir": (_fill_causally, _fill_causally),
    "butterworth": (_fill_in_tiles, _fill_from_windows),
    "ideal": (_fill_in_tiles, _fill_from_spectrum),
}
