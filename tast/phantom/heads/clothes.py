"""What people wear: where clothes begin on the neck, and the fabric as sRGB, with a weave, soft folds, stripes on some."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom.heads import atlas as places
from tast.phantom.heads.atlas import atlas, noise
from tast.phantom.heads.looks import Looks
from tast.records import FloatArray

Float32Array = npt.NDArray[np.float32]

NECKLINES = {  # height in cm on the mean head by the angle from the front, 0, 45, 90, 135, 180 degrees
    "crew": (-14.9, -13.7, -11.9, -10.8, -10.4),
    "v": (-19.2, -15.6, -12.0, -10.8, -10.4),
    "turtle": (-11.6, -11.0, -10.0, -9.3, -9.0),
}
HEM_CM = 0.3  # over which the cloth's border is soft
TEXELS_PER_CM = (8.6, 6.0, 3.0)  # of the patch: to the side, down, and forwards, where the shoulders are level


def cloth_region(person: Looks) -> Float32Array:
    """(FACE_HEIGHT, WIDTH) what the clothes cover of the mean head's neck and shoulders, in 0..1."""
    angle = np.abs((np.arange(places.WIDTH) + 0.5) / places.WIDTH - 0.5) * 360
    line = np.interp(angle, (0, 45, 90, 135, 180), NECKLINES[person.neckline])
    return np.clip((line[None, :] - atlas().position_cm[..., 1]) / HEM_CM + 0.5, 0, 1).astype(np.float32)


def cloth_texels(points_cm: FloatArray) -> Float32Array:
    """(..., 2) places on the patch of cloth of points (..., 3) at rest."""
    width, height = places.CLOTHES_PX
    to_side, down, ahead = TEXELS_PER_CM
    column = width / 2 + to_side * points_cm[..., 0]
    row = down * (-9.0 - points_cm[..., 1]) + ahead * (points_cm[..., 2] + 10)
    return np.stack([np.clip(column, 2, width - 3), np.clip(row, 2, height - 3)], axis=-1).astype(np.float32)


def fabric(person: Looks) -> Float32Array:
    """(h, w, 3) the patch; columns go across the chest, rows down from the neck."""
    rng = person.stream("fabric")
    width, height = places.CLOTHES_PX
    shape = height, width
    tone = 1 + 0.025 * noise(rng, shape, 1.5) + 0.02 * noise(rng, shape, 12) + 0.03 * noise(rng, shape, 60)
    colour = np.array(person.clothes_rgb)
    cloth = colour * tone[..., None]
    if person.striped:
        stripes = (np.sin(np.arange(height) * 2 * np.pi / rng.uniform(14, 26)) > 0.2)[:, None, None]
        cloth = np.where(stripes, 0.4 * cloth + 0.6 * np.clip(colour + rng.choice([-0.3, 0.3]), 0.05, 0.9), cloth)
    return np.clip(cloth, 0.01, 1).astype(np.float32)


def fabric_on_neck(cloth: Float32Array) -> Float32Array:
    """(FACE_HEIGHT, WIDTH, 3) the patch where it lies on the map of the head."""
    at = cloth_texels(atlas().position_cm)
    at_x, at_y = (np.ascontiguousarray(at[..., k]) for k in (0, 1))
    return cv2.remap(cloth, at_x, at_y, cv2.INTER_LINEAR)
