"""A pyramid's way down to a coarse level and up again as matrices, one a side: OpenCV's very steps, all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from tast.preprocessing.pyramid import level_sizes

Float64Array = npt.NDArray[np.float64]

OTHER_SIDE = 4  # of a coarse picture that is constant along it


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
