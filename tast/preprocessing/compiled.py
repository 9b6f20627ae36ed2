"""The loop that every magnified frame ends with, as machine code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tast.compiled import compiled

Float32Array = npt.NDArray[np.float32]
Pixels = npt.NDArray[Any]  # uint8 or float32


@compiled
def add_values(frame: Pixels, part: Float32Array, result: Pixels, lowest: np.float32, highest: np.float32) -> None:
    """result = frame + part over (N,), kept between lowest and highest; where those are finite, rounded, halves to even."""
    rounded = highest < np.inf
    for k in range(len(frame)):
        value = np.float32(frame[k]) + part[k]
        value = np.rint(value) if rounded else value
        result[k] = min(max(value, lowest), highest)


def limits(dtype: npt.DTypeLike) -> tuple[np.float32, np.float32]:
    """Lowest and highest value of an array of uint8 or float32 pixels."""
    return (np.float32(0), np.float32(255)) if np.dtype(dtype) == np.uint8 else (np.float32(-np.inf), np.float32(np.inf))


def add(frame: Pixels, part: Float32Array, result: Pixels) -> None:
    """result = frame + part, contiguous arrays of one shape: uint8 (rounded and saturated) or float32."""
    add_values(frame.reshape(-1), part.reshape(-1), result.reshape(-1), *limits(result.dtype))
