"""What the network sees of a clip: frames of the store -> network input, one function per kind of input.

`magnified` is the paper's: the magnified frames as they are. `normalised` keeps what carries SpO2 and drops what names the
subject: each cell's pulse over its own light, so that skin colour and illumination divide out, over one scale for all three
channels, so that the ratio between channels is left alone.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]

DARK_LEVEL = 1.0  # of 255: a cell whose mean is below is outside the face, its pulse over its light is noise
LARGEST_PULSES = 5.0  # a cell beyond this many deviations of the clip's pulse is motion or noise, not blood


def shrink(frames: npt.NDArray[np.generic], size_px: int) -> Float32Array:
    """Frames (T, H, W, C) of any number type -> (T, size_px, size_px, C) float32 by averaging areas.

    Averaging light before anything is divided by it makes each cell's ratio the sum of AC over the sum of DC. Raises ValueError
    where the frames are smaller than size_px.
    """
    height, width = frames.shape[1:3]
    if min(height, width) < size_px:
        raise ValueError(
            f"frames of {height} x {width} px cannot be averaged to {size_px} x {size_px}; choose a smaller frame_size_px"
        )
    floats = frames.astype(np.float32)
    if (height, width) == (size_px, size_px):
        return floats
    return np.stack([cv2.resize(frame, (size_px, size_px), interpolation=cv2.INTER_AREA) for frame in floats])


def magnified(frames: Float32Array) -> Float32Array:
    """Magnified frames (T, H, W, 3) on the scale of 8 bits -> the same, 0 to 255 mapped onto -0.5 to 0.5."""
    return frames / np.float32(255) - np.float32(0.5)


def normalised(frames: Float32Array) -> Float32Array:
    """Masked frames (T, H, W, 3) -> pulse over light, in units of the clip's green pulse; 0 outside the face.

    Each cell: (x - mean) / mean over the clip's time, then divided by ONE number for all cells and channels, the standard
    deviation of the whole face's green pulse, and held within +- LARGEST_PULSES. A scale per channel would divide out the ratio
    that carries SpO2.
    """
    mean = frames.mean(axis=0, dtype=np.float64)
    lit = mean > DARK_LEVEL
    pulse = np.where(lit, frames / np.where(lit, mean, 1.0) - 1.0, 0.0)
    return np.clip(pulse / green_deviation(frames), -LARGEST_PULSES, LARGEST_PULSES).astype(np.float32)


def green_deviation(frames: Float32Array) -> float:
    """Standard deviation over time of the green light summed over the face, relative to its mean; 1 where nothing moves."""
    light = frames[..., 1].sum(axis=(1, 2), dtype=np.float64)
    deviation = float(light.std() / light.mean()) if light.mean() > 0 else 0.0
    return deviation if deviation > 1e-9 else 1.0


INPUTS: dict[str, Callable[[Float32Array], Float32Array]] = {"normalised": normalised, "magnified": magnified}


def network_input(frames: npt.NDArray[np.generic], *, kind: str, frame_size_px: int) -> Float32Array:
    """Frames of a clip (T, H, W, 3) -> network input (T, frame_size_px, frame_size_px, 3) of a kind in INPUTS."""
    if kind not in INPUTS:
        raise ValueError(f"input {kind!r} is unknown; one of {', '.join(INPUTS)}")
    return INPUTS[kind](shrink(frames, frame_size_px))
