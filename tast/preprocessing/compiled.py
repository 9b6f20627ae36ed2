"""Compiling a loop that numpy and OpenCV have no fast call for; and the one that every magnified frame ends with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from tast.closure import code_digest

Float32Array = npt.NDArray[np.float32]
Pixels = npt.NDArray[Any]  # uint8 or float32


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled on first use and kept on disk; where no folder can be written, compiled anew in each process.

    numba asks for the age of the function's own file alone, and what is compiled holds a copy of the compiled functions of other
    files that it calls: it is kept in a folder of its module's code, with all that it imports.
    """
    contract = {"contract"}  # a * b + c in one rounding; no other freedom, so sums keep their order
    outer = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(Path(outer or Path(__file__).parent / "__pycache__") / code_digest(function.__module__)[:16])
    try:
        return numba.njit(fastmath=contract, cache=True)(function)
    except RuntimeError:  # numba's word for: no folder to cache in
        return numba.njit(fastmath=contract)(function)
    finally:
        numba.config.CACHE_DIR = outer


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
