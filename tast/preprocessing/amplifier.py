"""What Eulerian magnification does to one frame, before the temporal filter and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tast.preprocessing.banded import FINEST_DOWN, Down, Up, way_up
from tast.preprocessing.compiled import add
from tast.preprocessing.pyramid import (
    Amplification,
    Collapse,
    base_level,
    colour_matrix,
    gaussian_terms,
    level_sizes,
    level_weights,
    raised,
)

Image = npt.NDArray[Any]  # uint8 or float32
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

PIXEL_TYPES = (np.dtype(np.uint8), np.dtype(np.float32))


@dataclass(frozen=True)
class Amplifier:
    """For frames of (height, width, 3). terms: of the Gaussian levels, alpha included; mixing: (3, 3) of colours or None."""

    height: int
    width: int
    terms: tuple[float, ...]
    mixing: Float64Array | None
    dtype: np.dtype[Any]

    @property
    def base(self) -> int:
        return base_level(self.terms)

    @property
    def finest(self) -> float:
        """Factor of the frame itself."""
        return self.terms[0] if self.terms else 0.0

    @cached_property
    def coarse(self) -> Amplifier | None:
        """The same without the frame itself; None where there is nothing else."""
        return replace(self, terms=(0.0, *self.terms[1:])) if any(self.terms[1:]) else None

    @property
    def part_shape(self) -> tuple[int, int, int]:
        return *level_sizes(self.height, self.width, self.base)[-1], 3

    @cached_property
    def _collapse(self) -> Collapse:
        return Collapse(self.height, self.width, self.terms)

    @cached_property
    def _full_size(self) -> Float32Array:
        return np.empty((self.height, self.width, 3), dtype=np.float32)

    def part(self, frame: Image, out: Float32Array | None = None) -> Float32Array:
        """What of the frame is to be filtered, at the base level's size; contiguous, into `out` where given."""
        return self.mixed(self._collapse.part(frame, out), out)

    def parts(self, frames: Sequence[Image] | Image, out: Float32Array | None = None) -> Float32Array:
        """(T, h, w, 3): `part` of each frame."""
        parts = np.empty((len(frames), *self.part_shape), dtype=np.float32) if out is None else out
        for target, frame in zip(parts, frames, strict=True):
            self.part(frame, target)
        return parts

    @cached_property
    def _down(self) -> Down | None:
        """`part` in one step, where there is but a single level and it is not among the finest."""
        single = self.base == len(self.terms) - 1 and self.base >= FINEST_DOWN and self.mixing is None
        return Down(self.height, self.width, self.base, self.terms[-1]) if single else None

    def fill_parts(self, frames: Image, out: Float32Array) -> None:
        """(T, H, W, 3): `part` of each frame into `out`; both contiguous."""
        if self._down is None:
            self.parts(frames, out)
        else:
            self._down.fill(frames, out)

    def way_up(self) -> Up:
        """From a part's size to that of the frames."""
        return way_up(self.height, self.width, self.base)

    def mixed(self, part: Float32Array, out: Float32Array | None = None) -> Float32Array:
        return part if self.mixing is None else np.asarray(cv2.transform(part, self.mixing, dst=out))

    def raised(self, part: Float32Array, rows: slice | None = None, out: Float32Array | None = None) -> Float32Array:
        return raised(part, self.base, self.height, self.width, rows=rows, out=out)

    def add(self, frame: Image, passed: Float32Array, result: Image) -> None:
        """result = the frame and what has passed the filter, in the result's type."""
        add(frame, self.raised(passed, out=self._full_size) if self.base else passed, result)


def make_amplifier(frame: Image, amplification: Amplification, dtype: npt.DTypeLike | None) -> Amplifier:
    """For frames like this one; dtype of the result, None for the frame's. Raises ValueError where it is not uint8 or float32."""
    terms = tuple(amplification.alpha * factor for factor in gaussian_terms(level_weights(amplification)))
    dtype = np.dtype(frame.dtype if dtype is None else dtype)
    if dtype not in PIXEL_TYPES:
        raise ValueError(f"frames become uint8 or float32, not {dtype}")
    height, width = frame.shape[:2]
    return Amplifier(height, width, terms, colour_matrix(amplification), dtype)
