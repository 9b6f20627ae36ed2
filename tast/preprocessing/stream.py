"""Eulerian magnification of frames that come one by one, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from tast.preprocessing.amplifier import Amplifier, Float32Array, Image, make_amplifier
from tast.preprocessing.band_pass import Band, check_band, filter_window
from tast.preprocessing.pyramid import Amplification

CAUSAL_BLOCK = 8  # frames filtered at once: few enough for the cache, enough to read the filter's state seldom
CHUNK = 16  # frames that are filtered and added at once
MARGIN_PERIODS = 5.0  # of low_hz that the zero-phase filter sees beyond what it writes: 1e-5 of the largest value is missed
WINDOW_PERIODS = 5.0  # of low_hz that it writes between two margins


def magnify_stream(
    frames: Iterable[Image], fps_hz: float, amplification: Amplification, band: Band, *, dtype: npt.DTypeLike | None = None
) -> Iterator[Image]:
    """(H, W, 3) RGB frames on a uniform grid of fps_hz, uint8 or float32 -> the same, magnified, as `magnify_frames` would.

    dtype: uint8 or float32; None: that of the frames. `iir` gives the whole video's very values and holds CAUSAL_BLOCK frames.
    `butterworth` holds the frames of MARGIN_PERIODS of low_hz before and after those of WINDOW_PERIODS, and gives the whole
    video's values to 1e-4 of the largest. Raises ValueError for `ideal`, which needs the whole video, for an unknown filter, and
    where the band is beyond half the rate.
    """
    check_band(fps_hz, band)
    if band.filter not in STREAMS:
        raise ValueError(f"filter {band.filter!r} needs the whole video; those of a stream are {', '.join(STREAMS)}")
    return _started(iter(frames), fps_hz, amplification, band, dtype)


def _started(
    frames: Iterator[Image], fps_hz: float, amplification: Amplification, band: Band, dtype: npt.DTypeLike | None
) -> Iterator[Image]:
    first = next(frames, None)
    if first is not None:
        yield from STREAMS[band.filter](chain((first,), frames), fps_hz, make_amplifier(first, amplification, dtype), band)


def causal_stream(frames: Iterator[Image], fps_hz: float, amplifier: Amplifier, band: Band) -> Iterator[Image]:
    """The filter that knows the past alone: its state is all that goes from one block to the next."""
    from tast.preprocessing.causal import CausalBandPass  # its compiler takes seconds to import

    past = CausalBandPass(fps_hz, band.low_hz, band.high_hz, order=band.order, settled=band.settled)
    while block := list(islice(frames, CAUSAL_BLOCK)):
        parts = amplifier.parts(block)
        past.filter_in_place(parts.reshape(len(parts), -1))
        yield from map(amplifier.added, block, parts)


def window_stream(frames: Iterator[Image], fps_hz: float, amplifier: Amplifier, band: Band) -> Iterator[Image]:
    """The zero-phase filter on windows that overlap by their margins."""
    margin, written = (int(np.ceil(periods / band.low_hz * fps_hz)) for periods in (MARGIN_PERIODS, WINDOW_PERIODS))
    window = list(islice(frames, written + margin))
    level = amplifier.part(window[0])  # does not pass; without it float32 keeps its digits
    parts = amplifier.parts(window) - level
    start = 0  # of what is written next, as seen from the window
    while True:
        ended = len(window) - start < written + margin
        stop = len(window) if ended else start + written
        for first in range(start, stop, CHUNK):
            rows = slice(first, min(first + CHUNK, stop))
            yield from map(amplifier.added, window[rows], _passed(parts, rows, fps_hz, band))
        if ended:
            return
        first = max(stop - margin, 0)
        ahead = list(islice(frames, written))
        window = window[first:] + ahead
        parts = np.concatenate([parts[first:], *([amplifier.parts(ahead) - level] if ahead else [])])
        start = stop - first


def _passed(parts: Float32Array, rows: slice, fps_hz: float, band: Band) -> Float32Array:
    return filter_window(parts.reshape(len(parts), -1), rows, fps_hz, band).reshape(-1, *parts.shape[1:])


STREAMS: dict[str, Callable[[Iterator[Image], float, Amplifier, Band], Iterator[Image]]] = {
    "iir": causal_stream,
    "butterworth": window_stream,
}
