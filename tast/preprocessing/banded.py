"""A pyramid's way down to a coarse level and up from it, each side's steps all at once, as machine code.

A step down or up sees two pixels on either side. Over all steps between a picture and a level whose pixels are 2^level of its
own, a group of 2^level pixels and the coarse pixel in its place meet but one before it and two after it: of a side's matrix four
numbers a row differ from zero, and products with those take less time than OpenCV's steps one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.compiled import compiled
from tast.preprocessing.compiled import Float32Array, Pixels
from tast.preprocessing.low_pass import down_matrix, up_matrix

BEFORE, REACH = 1, 4  # a group's coarse pixels: one before its own, and four in all
COLOURS = 3  # a pixel's values lie side by side
ROWS_AT_ONCE = 4  # on the way down; a group has as many at least
FINEST_DOWN = 2  # level of such groups


def band(matrix: npt.NDArray[np.float64], group: int) -> npt.NDArray[np.float64]:
    """(fine, coarse) matrix -> (fine, REACH): what differs from zero, of the coarse pixels from BEFORE a pixel's group on.

    Raises ValueError where that is not all of it.
    """
    n_fine, n_coarse = matrix.shape
    padded = np.pad(matrix, ((0, 0), (BEFORE, REACH)))
    found = np.stack([padded[row, row // group : row // group + REACH] for row in range(n_fine)])
    if np.count_nonzero(found) != np.count_nonzero(matrix):
        raise ValueError(f"a matrix of {n_fine} to {n_coarse} pixels is no pyramid's in groups of {group}")
    return found


@dataclass(frozen=True)
class Up:
    """From a level's pictures to (height, width). group: 2^level; rows: (height, REACH); columns: (REACH, 3 width), as `band`."""

    group: int
    rows: Float32Array
    columns: Float32Array


def way_up(height: int, width: int, level: int) -> Up:
    group = 2**level
    columns = np.repeat(band(up_matrix(width, level), group), COLOURS, axis=0)
    return Up(group, band(up_matrix(height, level), group).astype(np.float32), np.ascontiguousarray(columns.T, np.float32))


def no_way_up(height: int, width: int) -> Up:
    """Where there is no coarse picture to come from: nothing is raised from (T, 0, 0, 3)."""
    return Up(height, np.zeros((height, REACH), np.float32), np.zeros((REACH, COLOURS * width), np.float32))


class Down:
    """factor * down^level(frame) of (height, width, 3) frames; level: FINEST_DOWN at least."""

    def __init__(self, height: int, width: int, level: int, factor: float) -> None:
        self._group = group = 2**level
        rows = band(factor * down_matrix(height, level).T, group)
        self._rows = np.pad(rows, ((0, -height % ROWS_AT_ONCE), (0, 0))).astype(np.float32)
        columns = band(down_matrix(width, level).T, group)
        columns = np.pad(columns, ((0, -width % group), (0, 0))).reshape(-1, group, REACH)
        # of a coarse pixel, from the groups that meet it: two before its own, and one after
        n_groups = len(columns)
        padded = np.pad(columns, ((REACH, REACH), (0, 0), (0, 0)))
        met = [padded[REACH - 2 + turn : REACH - 2 + turn + n_groups, :, REACH - 1 - turn] for turn in range(REACH)]
        self._columns = np.repeat(np.stack(met, axis=1), COLOURS, axis=2).astype(np.float32)

    def fill(self, frames: Pixels, out: Float32Array) -> None:
        """(T, H, W, 3) uint8 or float32 -> (T, h, w, 3), both contiguous."""
        n_times, height = frames.shape[:2]
        _down(frames.reshape(n_times, height, -1), self._group, self._rows, self._columns, out.reshape(*out.shape[:2], -1))


@compiled
def _down(frames: Pixels, group: int, rows: Float32Array, columns: Float32Array, out: Float32Array) -> None:
    """(T, H, 3 W) -> (T, h, 3 w). rows: (H, REACH), H up to a multiple of ROWS_AT_ONCE; columns: (w, REACH, 3 group)."""
    n_times, n_rows = out.shape[:2]
    sums = np.empty((n_rows + REACH - 1, len(columns) * columns.shape[2]), np.float32)
    products = np.empty(columns.shape[2], np.float32)
    for time in range(n_times):
        _down_along_columns(frames[time], group, rows, sums)
        for row in range(n_rows):
            _down_along_row(sums[BEFORE + row], columns, products, out[time, row])


@compiled
def _down_along_columns(frame: Pixels, group: int, rows: Float32Array, sums: Float32Array) -> None:
    """(H, 3 W) -> sums, (BEFORE + h + 2, 3 W and more); four rows at once, since memory is what limits it."""
    height, width = frame.shape
    last = height - 1
    sums[:] = 0
    for row in range(0, height, ROWS_AT_ONCE):
        one, two = frame[row], frame[min(row + 1, last)]
        three, four = frame[min(row + 2, last)], frame[min(row + 3, last)]
        first = row // group
        before, own, after, second = sums[first], sums[first + 1], sums[first + 2], sums[first + 3]
        p1, p2, p3, p4 = rows[row]
        q1, q2, q3, q4 = rows[row + 1]
        r1, r2, r3, r4 = rows[row + 2]
        s1, s2, s3, s4 = rows[row + 3]
        for k in range(width):
            a, b, c, d = np.float32(one[k]), np.float32(two[k]), np.float32(three[k]), np.float32(four[k])
            before[k] += p1 * a + q1 * b + r1 * c + s1 * d
            own[k] += p2 * a + q2 * b + r2 * c + s2 * d
            after[k] += p3 * a + q3 * b + r3 * c + s3 * d
            second[k] += p4 * a + q4 * b + r4 * c + s4 * d


@compiled
def _down_along_row(row: Float32Array, columns: Float32Array, products: Float32Array, out: Float32Array) -> None:
    """(3 W and more,) -> (3 w,): products value by value, then halved in length by sums until a pixel is left."""
    n_groups, _, length = columns.shape
    for place in range(n_groups):
        products[:] = 0
        for turn in range(REACH):
            met = place - 2 + turn
            if 0 <= met < n_groups:
                factors, values = columns[place, turn], row[met * length : (met + 1) * length]
                for k in range(length):
                    products[k] += factors[k] * values[k]
        left = length
        while left > COLOURS:
            left //= 2
            for k in range(left):
                products[k] += products[left + k]
        for k in range(COLOURS):
            out[COLOURS * place + k] = products[k]


@compiled
def raise_along_row(row: Float32Array, group: int, columns: Float32Array, spread: Float32Array, out: Float32Array) -> None:
    """(3 w,) -> (3 W,): each pixel spread over its group in `spread`, which is zero at both ends; then four of its shifts."""
    step, length = COLOURS * group, len(out)
    for place in range(0, len(row), COLOURS):
        one, two, three = row[place], row[place + 1], row[place + 2]
        start = step + place * group
        for k in range(start, start + step, COLOURS):
            spread[k], spread[k + 1], spread[k + 2] = one, two, three
    before, own = spread[:length], spread[step : step + length]
    after, second = spread[2 * step : 2 * step + length], spread[3 * step : 3 * step + length]
    a, b, c, d = columns[0], columns[1], columns[2], columns[3]
    for k in range(length):
        out[k] = a[k] * before[k] + b[k] * own[k] + c[k] * after[k] + d[k] * second[k]
