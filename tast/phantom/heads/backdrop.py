"""What is behind a person: a wall with shades and a few things on it, out of focus; it does not move."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom.heads.film import View
from tast.phantom.randomness import stream
from tast.phantom.scene import wall

BLUR_FACES = 0.07  # standard deviation of what is out of focus, in face heights
CODING = 0.7  # power that brings tast.phantom.scene's reflectances near to sRGB


def backdrop(view: View, seed: int, *key: str | int) -> npt.NDArray[np.float32]:
    """(H, W, 3) sRGB in 0..1."""
    colours = wall(stream(seed, "wall behind a head", *key), view.height_px, view.width_px)
    coded = np.clip(colours / 255, 0, 1) ** CODING
    return cv2.GaussianBlur(coded, (0, 0), BLUR_FACES * view.face_height_px).astype(np.float32)
