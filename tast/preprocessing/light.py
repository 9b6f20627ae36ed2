"""How bright the masked face is in each frame, beside what lies behind it: what a video shows before it is magnified."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tast.records import FaceLight, FloatArray, Surroundings

LIT_EVERY = 5  # frames, in which a pixel must be lit once to count as the face's


def face_light(masked: npt.NDArray[np.uint8], around: Surroundings | None, times_s: FloatArray) -> FaceLight:
    """Of masked frames (T, H, W, 3) at times_s (T,), before what is around them, on a clock of its own."""
    skin = mean_light(masked)
    background = np.full(skin.shape, np.nan) if around is None else on_grid(around.background, around.times_s, times_s)
    return FaceLight(skin, background)


def light_on_grid(light: FaceLight, times_s: FloatArray, grid_s: FloatArray) -> FaceLight:
    """Light at times_s (T,) -> at grid_s."""
    return FaceLight(on_grid(light.skin, times_s, grid_s), on_grid(light.background, times_s, grid_s))


def mean_light(masked: npt.NDArray[np.uint8]) -> FloatArray:
    """Masked frames (T, H, W, 3) -> (T, 3) mean of the pixels that are ever lit; 0 where none is."""
    lit = (masked[::LIT_EVERY] != 0).any(axis=(0, 3)).sum()
    return np.array([cv2.sumElems(frame)[:3] for frame in masked]) / max(lit, 1)


def on_grid(values: FloatArray, times_s: FloatArray, grid_s: FloatArray) -> FloatArray:
    """Values (N, ...) at times_s (N,) -> (T, ...) at grid_s, linearly between those that are known; NaN where none is."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    columns = []
    for column in flat.T:
        known = np.isfinite(column)
        columns.append(np.interp(grid_s, times_s[known], column[known]) if known.any() else np.full(len(grid_s), np.nan))
    return np.column_stack(columns).reshape(len(grid_s), *values.shape[1:])
