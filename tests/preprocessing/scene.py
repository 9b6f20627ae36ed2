"""A real face (scikit-image's astronaut, public domain) that moves in a known way before a still background, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

WIDTH_PX, HEIGHT_PX = 320, 240
FACE_MIDDLE_PX = np.array([226.0, 120.0])  # in the photograph
EYES_NOSE_CHIN_PX = np.array([[203.0, 105.0], [247.0, 104.0], [226.0, 133.0], [223.0, 178.0]])  # in the photograph, by eye


@dataclass(frozen=True)
class Motion:
    """Where the head is at each frame: shift in pixels (T, 2), roll in radians (T,), size relative to the photograph (T,)."""

    times_s: npt.NDArray[np.float64]
    shift_px: npt.NDArray[np.float64]
    roll: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]

    def matrices(self, middle_px: tuple[float, float] = (WIDTH_PX / 2, HEIGHT_PX / 2)) -> npt.NDArray[np.float64]:
        """(T, 2, 3) affine maps from the photograph to the frames."""
        cosine, sine = self.size * np.cos(self.roll), self.size * np.sin(self.roll)
        turn = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
        shift = np.array(middle_px) + self.shift_px - turn @ FACE_MIDDLE_PX
        return np.concatenate([turn, shift[..., None]], axis=2)


def still(seconds: float = 2.0, fps_hz: float = 30.0, size: float = 0.92) -> Motion:
    times_s = np.arange(round(seconds * fps_hz)) / fps_hz
    return Motion(times_s, np.zeros((len(times_s), 2)), np.zeros(len(times_s)), np.full(len(times_s), size))


def swaying(seconds: float = 3.0, fps_hz: float = 30.0, shift_px: float = 20.0, roll_degrees: float = 8.0) -> Motion:
    motion = still(seconds, fps_hz)
    phase = 2 * np.pi * 0.3 * motion.times_s
    shift = np.stack([shift_px * np.sin(phase), 0.3 * shift_px * np.cos(phase)], axis=1)
    return Motion(motion.times_s, shift, np.deg2rad(roll_degrees) * np.sin(phase + 1), motion.size)


def film(
    motion: Motion, *, noise: float = 1.5, gain: npt.NDArray[np.float64] | None = None, hidden: range = range(0)
) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    """(time_s, (240, 320, 3) uint8 RGB) frame by frame; gain: (T, 3) factor on the head's light, or (T, 1) of all colours; no
    head in frames `hidden`."""
    random = np.random.default_rng(0)
    photograph = 0.8 * skimage.data.astronaut().astype(np.float32)
    outline = np.zeros(photograph.shape[:2], np.float32)
    cv2.ellipse(outline, (226, 115), (75, 100), 0, 0, 360, 1, -1)
    cv2.rectangle(outline, (100, 190), (370, 500), 1, -1)
    outline = cv2.GaussianBlur(outline, (0, 0), 4)
    background = 90 + 4 * cv2.GaussianBlur(random.normal(0, 40, (HEIGHT_PX, WIDTH_PX, 3)).astype(np.float32), (0, 0), 3)
    rows, of_a_row = photograph.reshape(len(photograph), -1), photograph.shape[1]  # numpy is slow over a last axis of three
    for k, (time_s, matrix) in enumerate(zip(motion.times_s, motion.matrices(), strict=True)):
        factors = None if gain is None else np.tile(np.broadcast_to(gain[k], 3).astype(np.float32), of_a_row)
        light = photograph if factors is None else (rows * factors).reshape(photograph.shape)
        head = cv2.warpAffine(light, matrix, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REPLICATE)
        share = cv2.merge([cv2.warpAffine(outline, matrix, (WIDTH_PX, HEIGHT_PX)) * (k not in hidden)] * 3)
        frame = share * head + (1 - share) * background
        frame += noise * random.standard_normal(frame.shape, dtype=np.float32)
        yield float(time_s), np.clip(np.rint(frame), 0, 255).astype(np.uint8)
