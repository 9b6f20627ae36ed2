"""What the network sees of a clip: frames of the store -> network input, one function per kind of input.

`magnified` is the paper's: the magnified frames as they are; `light` the same of frames that were not magnified, exactly;
`difference` the change between frames, as in SUMS and the toolboxes. The others keep what carries SpO2 and drop what does not:
each cell's pulse over its own light, so that skin colour and illumination divide out, over one scale for the whole clip, so
that the ratio between channels is left alone. Light and motion move all channels together, beside the pulse as much as with it.
`normalised` takes away what the three channels share (the idea of the chrominance methods, de Haan & Jeanne 2013);
`pulse_locked` keeps of each channel what lies at the pulse rate of the clip's own face, so that red over green, which a codec
spoils less than blue, stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tast.pulse_rate import FloatArray, at_rate, face_rate_hz

Float32Array = npt.NDArray[np.float32]

DARK_LEVEL = 1.0  # of 255: a cell whose mean is below is outside the face, its pulse over its light is noise
SMALLEST_PULSE = 1e-6  # of the light: below is the rounding of a still picture
LARGEST_PULSES = 5.0  # a cell beyond this many deviations of the clip's colour pulse is motion or noise, not blood
LARGEST_LOCKED = 15.0  # the same of what is locked to the pulse, which holds what the channels share as well


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


def magnified(frames: Float32Array, fps_hz: float) -> Float32Array:
    """Magnified frames (T, H, W, 3) on the scale of 8 bits -> the same, 0 to 255 mapped onto -0.5 to 0.5."""
    return frames / np.float32(255) - np.float32(0.5)


def difference(frames: Float32Array, fps_hz: float) -> Float32Array:
    """Masked frames (T, H, W, 3) -> change from frame to frame over the light of both, in units of the clip's own; the last is 0.

    (x[t+1] - x[t]) / (x[t+1] + x[t]), as rPPG-Toolbox and SUMS have it (Liu et al. 2023), over the deviation of all of it;
    where a cell is dark, outside the face, 0.
    """
    after, before = frames[1:], frames[:-1]
    light = after + before
    change = np.divide(after - before, light, out=np.zeros_like(light), where=light > 2 * DARK_LEVEL)
    deviation = float(change.std())
    scale = deviation if deviation > SMALLEST_PULSE else 1.0
    return np.concatenate([change / np.float32(scale), np.zeros_like(frames[:1])])


def normalised(frames: Float32Array, fps_hz: float) -> Float32Array:
    """Masked frames (T, H, W, 3) -> colour pulse of each cell in units of the clip's own; 0 outside the face.

    Each cell and channel: (x - mean) / mean over the clip's time, minus the mean of the three channels, times the cell's share
    of the light, so that cells average to the sum of AC over the sum of DC, and divided by ONE number, the root mean square of
    the same over the whole face; held within +- LARGEST_PULSES. A scale per channel would divide out the ratio that carries
    SpO2.
    """
    return in_units(without_common(cell_pulses(frames)), face_pulse(frames), LARGEST_PULSES)


def pulse_locked(frames: Float32Array, fps_hz: float) -> Float32Array:
    """Masked frames (T, H, W, 3) -> what of each cell's pulse lies at the pulse rate, in units of the clip's own.

    As normalised, but with what the channels share; the rate is tast.pulse_rate.face_rate_hz of the whole face, and the unit its
    colour's movement there. Held within +- LARGEST_LOCKED. 0 outside the face, and where nothing moves.
    """
    face = face_pulse(frames)
    rate_hz = face_rate_hz(face, fps_hz)
    if not np.isfinite(rate_hz):
        return np.zeros_like(frames)
    return in_units(at_rate(cell_pulses(frames), rate_hz, fps_hz), at_rate(face, rate_hz, fps_hz), LARGEST_LOCKED)


def cell_pulses(frames: Float32Array) -> FloatArray:
    """Frames (T, H, W, 3) -> pulse of each cell, the same shape: AC over DC, weighted by the cell's share of the light."""
    light = frames.mean(axis=0, dtype=np.float64)
    lit = light > DARK_LEVEL
    return np.where(lit, frames / np.where(lit, light, 1.0) - 1.0, 0.0) * light_share(light)


def face_pulse(frames: Float32Array) -> FloatArray:
    """Frames (T, H, W, 3) -> colour pulse of the whole face (T, 3): light summed over it, over its mean, less what all share."""
    light = frames.sum(axis=(1, 2), dtype=np.float64)
    steady = light.mean(axis=0)
    return without_common(np.where(steady > 0, light / np.where(steady > 0, steady, 1.0) - 1.0, 0.0))


def in_units(pulses: FloatArray, face: FloatArray, largest: float) -> Float32Array:
    """Pulses over the root mean square of the face's own (T, 3), held within +- largest; as they are where the face is still."""
    size = float(np.sqrt(np.mean(face**2)))
    unit = size if size > SMALLEST_PULSE else 1.0
    return np.clip(pulses / unit, -largest, largest).astype(np.float32)


def without_common(pulse: FloatArray) -> FloatArray:
    """Pulses (..., 3) less what the three channels share."""
    return pulse - pulse.mean(axis=-1, keepdims=True)


def light_share(light: FloatArray) -> FloatArray:
    """Mean light (H, W, 3) -> weight of each cell (H, W, 1), 1 on average over the face, one for all channels."""
    brightness = light.sum(axis=-1, keepdims=True)
    face = brightness[brightness > 3 * DARK_LEVEL]
    return brightness / face.mean() if face.size else np.zeros_like(brightness)


@dataclass(frozen=True)
class Input:
    """A kind of network input: how frames become it, its value where there is no face, whether the light shows in it."""

    made_of: Callable[[Float32Array, float], Float32Array]
    blank: float
    holds_light: bool
    exact: bool = False  # the pulse is a thousandth of the light: half precision would round it away


INPUTS: dict[str, Input] = {
    "pulse_locked": Input(pulse_locked, blank=0.0, holds_light=False),
    "normalised": Input(normalised, blank=0.0, holds_light=False),
    "magnified": Input(magnified, blank=-0.5, holds_light=True),
    "light": Input(magnified, blank=-0.5, holds_light=True, exact=True),
    "difference": Input(difference, blank=0.0, holds_light=False),
}


def network_input(frames: npt.NDArray[np.generic], fps_hz: float, *, kind: str, frame_size_px: int) -> Float32Array:
    """Frames of a clip (T, H, W, 3) at fps_hz -> network input (T, frame_size_px, frame_size_px, 3) of a kind in INPUTS."""
    if kind not in INPUTS:
        raise ValueError(f"input {kind!r} is unknown; one of {', '.join(INPUTS)}")
    return INPUTS[kind].made_of(shrink(frames, frame_size_px), fps_hz)
