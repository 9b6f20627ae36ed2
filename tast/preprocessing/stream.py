"""Eulerian magnification of frames that come one by one, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from tast.preprocessing.amplifier import Amplifier, Image, make_amplifier
from tast.preprocessing.band_pass import Band, check_band, filter_window
from tast.preprocessing.banded import Up, no_way_up
from tast.preprocessing.causal import CausalBandPass
from tast.preprocessing.pyramid import Amplification

CAUSAL_BLOCK = 8  # frames of a stream filtered at once: few to wait for, enough to read the filter's state seldom
LONGEST_BLOCK = 128  # frames of a video: enough that the state, which is more than a cache holds, is hardly read
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
    magnifier = CausalMagnifier(fps_hz, amplifier, band)
    while block := list(islice(frames, CAUSAL_BLOCK)):
        result = np.empty((len(block), *block[0].shape), dtype=amplifier.dtype)
        magnifier.magnify(np.stack(block), result)
        yield from result


class CausalMagnifier:
    """Magnifies blocks of frames of any length, one after the other."""

    def __init__(self, fps_hz: float, amplifier: Amplifier, band: Band) -> None:
        self._amplifier = amplifier
        self._past = CausalBandPass(fps_hz, band.low_hz, band.high_hz, order=band.order, settled=band.settled)
        # filtered beside the frames at their factor; alone where colours are mixed or the finest level is left alone
        self._coarse = amplifier if amplifier.base or amplifier.mixing is not None else amplifier.coarse

    @property
    def block(self) -> int:
        """Frames of a whole video to be taken at once: their parts take no more than CAUSAL_BLOCK of full size."""
        return min(CAUSAL_BLOCK * 4**self._coarse.base, LONGEST_BLOCK) if self._coarse else LONGEST_BLOCK

    @cached_property
    def _up(self) -> Up:
        return self._coarse.way_up() if self._coarse else no_way_up(self._amplifier.height, self._amplifier.width)

    def magnify(self, frames: Image, result: Image) -> None:
        """The next block, (T, H, W, 3), into `result`; both contiguous."""
        amplifier, coarse = self._amplifier, self._coarse
        if amplifier.base:
            parts = amplifier.parts(frames)
            self._past.filter_in_place(parts.reshape(len(frames), -1))
            for frame, part, target in zip(frames, parts, result, strict=True):
                amplifier.add(frame, part, target)
            return
        parts = np.empty((len(frames), *(coarse.part_shape if coarse else (0, 0, 3))), dtype=np.float32)
        if coarse:
            coarse.fill_parts(frames, parts)
        self._past.magnify(frames, 0.0 if coarse is amplifier else amplifier.finest, parts, self._up, result)


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
            passed = filter_window(parts.reshape(len(parts), -1), rows, fps_hz, band).reshape(-1, *level.shape)
            for frame, part in zip(window[rows], passed, strict=True):
                result = np.empty(frame.shape, dtype=amplifier.dtype)
                amplifier.add(np.ascontiguousarray(frame), part, result)
                yield result
        if ended:
            return
        first = max(stop - margin, 0)
        ahead = list(islice(frames, written))
        window = window[first:] + ahead
        parts = np.concatenate([parts[first:], *([amplifier.parts(ahead) - level] if ahead else [])])
        start = stop - first


STREAMS: dict[str, Callable[[Iterator[Image], float, Amplifier, Band], Iterator[Image]]] = {
    "iir": causal_stream,
    "butterworth": window_stream,
}
