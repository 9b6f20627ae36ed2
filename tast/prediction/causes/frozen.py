"""Whether a codec left the colour of the face as it was, from one frame to the next.

A pulse moves chroma by a fraction of a step. A sensor's noise carries it through the rounding to whole steps, as dither does: of
a block of 8 x 8 samples some change in every frame. A codec that predicts from the frame before codes no difference that is
smaller than its quantiser, and then the whole block stays as it was; the noise is gone, the pulse's colour with it, and in what
is left red, green and blue move alike. One that codes each frame alone rounds the mean of a block, which has hardly any noise, to
whole steps: few blocks cross one with the pulse, and which is chance. Bits a pixel do not tell: they go where the picture is
noisy, in its luma.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from tast.pictures import Picture, Plane, YuvPicture
from tast.records import FloatArray

BLOCK = 8  # samples of chroma
LUMA_LINES = 8  # every so many lines are compared
MOST_REPEATED = 0.75  # of the frames: a camera slower than a quarter of its recorder is none
MOST_BLOCKS = 2400  # kept of a frame: of larger pictures every second row and column, or fewer
FACE_HALF_AXES, FACE_MIDDLE = (1.0, 1.2), 0.5  # in eye distances: of the ellipse that is asked; below the eyes


class FrozenBlocks:
    """Sees the frames of one piece of a video, in order of time."""

    def __init__(self) -> None:
        self._before: list[Plane] = []  # Cb, Cr, and some lines of luma
        self._step = 1  # between the blocks that are kept
        self._per_px = (1.0, 1.0)  # blocks in a pixel of the frame's height and width
        self.times_s: list[float] = []
        self._repeated: list[bool] = []
        self._frozen: list[npt.NDArray[np.uint8]] = []  # (rows, columns): of Cb and Cr, how many are as they were

    def watched(self, frames: Iterable[tuple[float, Picture]]) -> Iterator[tuple[float, Picture]]:
        for time_s, picture in frames:
            if isinstance(picture, YuvPicture):
                self._take(time_s, picture)
            yield time_s, picture

    def _take(self, time_s: float, picture: YuvPicture) -> None:
        planes = [np.ascontiguousarray(plane) for plane in (*picture.chroma, picture.luma[::LUMA_LINES])]
        alike = bool(self._before) and all(
            now.shape == before.shape and now.dtype == before.dtype for now, before in zip(planes, self._before, strict=True)
        )
        if alike:
            frozen = unchanged_blocks(planes[0], self._before[0]) + unchanged_blocks(planes[1], self._before[1])
            if not self._frozen:
                self._step = max(1, round(np.sqrt(frozen.size / MOST_BLOCKS)))
                rows, columns = planes[0].shape
                height, width = picture.luma.shape
                self._per_px = (rows / height / BLOCK, columns / width / BLOCK)
            self._repeated.append(np.array_equal(planes[2], self._before[2]) and bool((frozen == 2).all()))
            self.times_s.append(time_s)
            self._frozen.append(frozen[:: self._step, :: self._step])
        self._before = planes

    def share(self, place: FloatArray, place_times_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """When, and the share of the face's blocks that are as they were (N,), 0 to 1; nothing of pictures without chroma.

        place: (T, 3) at place_times_s, as in Surroundings. Of frames that are the one before once more NaN, where
        they are no more than a recorder fills in with (MOST_REPEATED): beyond, a codec leaves all as it was.
        """
        filled_in = float(np.mean(self._repeated)) <= MOST_REPEATED if self._repeated else True
        times_s, shares = np.array(self.times_s), np.full(len(self._frozen), np.nan)
        known = np.isfinite(place).all(axis=1)
        if not known.any() or not len(times_s):
            return times_s, shares
        where = np.column_stack([np.interp(times_s, place_times_s[known], place[known, k]) for k in range(3)])
        for number, (frozen, repeated, (x, y, eyes)) in enumerate(zip(self._frozen, self._repeated, where, strict=True)):
            rows, columns = (np.arange(size) * self._step + 0.5 for size in frozen.shape)
            down = (rows[:, None] / self._per_px[0] - y) / eyes - FACE_MIDDLE
            aside = (columns / self._per_px[1] - x) / eyes
            inside = (aside / FACE_HALF_AXES[0]) ** 2 + (down / FACE_HALF_AXES[1]) ** 2 <= 1
            if inside.any() and not (repeated and filled_in):
                shares[number] = frozen[inside].mean() / 2
        return times_s, shares


def unchanged_blocks(now: Plane, before: Plane) -> npt.NDArray[np.uint8]:
    """Two planes (H, W) -> (H / BLOCK, W / BLOCK) 1 where every sample of a block is as it was, else 0; what is left over at the
    ends is left out."""
    rows, columns = (side // BLOCK for side in now.shape)
    same = now[: rows * BLOCK, : columns * BLOCK] == before[: rows * BLOCK, : columns * BLOCK]
    lines = same.reshape(rows * BLOCK, columns, BLOCK).view(np.uint64)[..., 0] == np.uint64(0x0101010101010101)
    return np.asarray(lines.reshape(rows, BLOCK, columns).all(axis=1), dtype=np.uint8)
