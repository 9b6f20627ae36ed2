"""A picture as a codec stores it: luma at full size, chroma averaged, in whole steps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tast.compiled import compiled
from tast.video.coding import Coding
from tast.video.transfer import coded_light, light_from_srgb, yuv_matrix

Float32Array = npt.NDArray[np.float32]
Values = npt.NDArray[Any]

WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 1023}
AT_ONCE = 512  # pixels that stay in the processor's nearest cache from step to step


def coded_planes(rgb: Values, coding: Coding) -> list[npt.NDArray[np.unsignedinteger]]:
    """Luma (H, W), Cb and Cr of an (H, W, 3) picture, in the steps of the coding; chroma is averaged.

    rgb: uint8, 0 to 255, or uint16, 0 to 1023, with sRGB's curve.
    """
    height, width = rgb.shape[:2]
    numbers, white = _signal(rgb, coding)
    matrix: Float32Array = yuv_matrix(coding.matrix, bits=coding.bits, full_range=coding.full_range).astype(np.float32)
    dtype, highest = (np.uint8 if coding.bits == 8 else np.uint16), np.float32(2**coding.bits - 1)
    luma = np.empty((height, width), dtype)
    chroma = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    _converted(
        np.ascontiguousarray(numbers).reshape(-1, 3), white, matrix, highest,
        luma.reshape(-1), chroma[0].reshape(-1), chroma[1].reshape(-1),
    )  # fmt: skip
    across, down = (1 if coding.subsampling == "444" else 2), (2 if coding.subsampling == "420" else 1)
    size = (width // across, height // down)
    return [luma, *(_rounded(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), highest, dtype) for plane in chroma)]


def _signal(rgb: Values, coding: Coding) -> tuple[Values, np.float32]:
    """(H, W, 3) values of the coding's transfer and primaries, and the one that stands for 1."""
    white = np.float32(WHITE[rgb.dtype])
    if (coding.transfer, coding.primaries) == ("sdr", "bt709"):
        return rgb, white
    light_of_level = light_from_srgb(np.arange(int(white) + 1, dtype=np.float32) / white)
    return coded_light(np.take(light_of_level, rgb, mode="clip"), coding.transfer, primaries=coding.primaries).astype(
        np.float32
    ), np.float32(1)


def _rounded(values: Float32Array, highest: np.float32, dtype: type[np.unsignedinteger[Any]]) -> Values:
    return np.clip(np.rint(values), 0, highest).astype(dtype)


@compiled
def _converted(
    rgb: Values, white: np.float32, matrix: Float32Array, highest: np.float32, luma: Values, blue: Float32Array, red: Float32Array
) -> None:
    """luma (N,) in whole steps, Cb and Cr (N,) not yet, of pixels (N, 3) by matrix (3, 4)."""
    m00, m01, m02, m03 = matrix[0, 0], matrix[0, 1], matrix[0, 2], matrix[0, 3]
    m10, m11, m12, m13 = matrix[1, 0], matrix[1, 1], matrix[1, 2], matrix[1, 3]
    m20, m21, m22, m23 = matrix[2, 0], matrix[2, 1], matrix[2, 2], matrix[2, 3]
    r, g, b = np.empty(AT_ONCE, np.float32), np.empty(AT_ONCE, np.float32), np.empty(AT_ONCE, np.float32)
    for first in range(0, len(rgb), AT_ONCE):
        pixels, lines = rgb[first : first + AT_ONCE], luma[first : first + AT_ONCE]
        blues, reds = blue[first : first + AT_ONCE], red[first : first + AT_ONCE]
        for k in range(len(pixels)):  # apart, as eight at a time are as fast as one
            r[k], g[k], b[k] = pixels[k, 0], pixels[k, 1], pixels[k, 2]
        for k in range(len(pixels)):
            x, y, z = r[k] / white, g[k] / white, b[k] / white
            light = x * m00 + (y * m01 + (z * m02 + m03))
            lines[k] = np.int32(min(max(np.rint(light), np.float32(0)), highest))
            blues[k] = x * m10 + (y * m11 + (z * m12 + m13))
            reds[k] = x * m20 + (y * m21 + (z * m22 + m23))
