"""A pyramid's way down to a coarse level and up again as matrices, one a side: OpenCV's very steps, all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tast.preprocessing.pyramid import level_sizes

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

SMALL_SIDE = 12  # of the coarse level: up to it products take less time than OpenCV's steps
OTHER_SIDE = 4  # of a coarse picture that is constant along it


class LowPass:
    """factor * up^level(down^level(frame)) of (height, width, 3) frames."""

    def __init__(self, height: int, width: int, level: int, factor: float) -> None:
        colours = np.eye(3)  # a pixel's three values lie side by side
        self._down_rows = (factor * down_matrix(height, level)).astype(np.float32)
        self._up_rows = up_matrix(height, level).astype(np.float32)
        self._down_columns = np.kron(down_matrix(width, level).T, colours).astype(np.float32)
        self._up_columns = np.kron(up_matrix(width, level).T, colours).astype(np.float32)

    def fill(self, frames: npt.NDArray[Any], out: Float32Array) -> None:
        """(T, H, W, 3) uint8 or float32 -> out, contiguous and of the same shape."""
        np.copyto(out, frames)
        rows = out.reshape(*out.shape[:2], -1)
        coarse = self._down_rows @ rows @ self._down_columns
        np.matmul(self._up_rows, coarse @ self._up_columns, out=rows)


@lru_cache(maxsize=32)
def down_matrix(side: int, level: int) -> Float64Array:
    """(side / 2^level, side): `level` times down along one side."""

    def down(picture: Float64Array) -> Float64Array:
        for _ in range(level):
            picture = np.asarray(cv2.pyrDown(picture))
        return picture

    return _read_off(down, side, OTHER_SIDE * 2**level)


@lru_cache(maxsize=32)
def up_matrix(side: int, level: int) -> Float64Array:
    """(side, side / 2^level): `level` times up along one side."""
    *sizes, (coarse_side, _) = level_sizes(side, OTHER_SIDE * 2**level, level)

    def up(picture: Float64Array) -> Float64Array:
        for height, width in reversed(sizes):
            picture = np.asarray(cv2.pyrUp(picture, dstsize=(width, height)))
        return picture

    return _read_off(up, coarse_side, OTHER_SIDE)


def _read_off(step: Callable[[Float64Array], Float64Array], side: int, other_side: int) -> Float64Array:
    """The matrix of a separable step along one side: of unit vectors as pictures constant along the other, which stay so."""
    pictures = (np.repeat(unit[:, None], other_side, axis=1) for unit in np.eye(side))
    return np.stack([step(picture)[:, 0] for picture in pictures], axis=1)
