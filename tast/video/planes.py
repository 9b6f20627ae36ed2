"""A picture as a codec stores it: luma at full size, chroma averaged, in whole steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tast.compiled import compiled
from tast.video.coding import Coding
from tast.video.transfer import coded_light, light_from_srgb, yuv_matrix

Float32Array = npt.NDArray[np.float32]
Values = npt.NDArray[Any]

WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 1023}


def coded_planes(rgb: Values, coding: Coding) -> list[Values]:
    """Luma (H, W), Cb and Cr of an (H, W, 3) picture, in the steps of the coding; chroma is averaged.

    rgb: uint8, 0 to 255, or uint16, 0 to 1023, with sRGB's curve.
    """
    height, width = rgb.shape[:2]
    numbers, white = _signal(rgb, coding)
    matrix: Float32Array = yuv_matrix(coding.matrix, bits=coding.bits, full_range=coding.full_range).astype(np.float32)
    matrix[:, :3] /= white
    dtype, highest = (np.uint8 if coding.bits == 8 else np.uint16), np.float32(2**coding.bits - 1)
    across, down = (1 if coding.subsampling == "444" else 2), (2 if coding.subsampling == "420" else 1)
    luma = np.empty((height, width), dtype)
    blue, red = (np.empty((height // down, width // across), dtype) for _ in range(2))
    _converted(np.ascontiguousarray(numbers), matrix, highest, across, down, luma, blue, red)
    return [luma, blue, red]


def _signal(rgb: Values, coding: Coding) -> tuple[Values, np.float32]:
    """(H, W, 3) values of the coding's transfer and primaries, and the one that stands for 1."""
    white = np.float32(WHITE[rgb.dtype])
    if (coding.transfer, coding.primaries) == ("sdr", "bt709"):
        return rgb, white
    light_of_level = light_from_srgb(np.arange(int(white) + 1, dtype=np.float32) / white)
    return coded_light(np.take(light_of_level, rgb, mode="clip"), coding.transfer, primaries=coding.primaries).astype(
        np.float32
    ), np.float32(1)


@compiled
def _converted(
    rgb: Values, matrix: Float32Array, highest: np.float32, across: int, down: int, luma: Values, blue: Values, red: Values
) -> None:
    """luma (H, W), Cb and Cr (H / down, W / across) of a picture (H, W, 3) by matrix (3, 4), in whole steps.

    Chroma is linear in the colours, so that their means over a block are its colour's.
    """
    width = rgb.shape[1]
    r, g, b = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    total_r, total_g, total_b = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    share = np.float32(1 / (across * down))
    for row in range(len(blue)):
        total_r[:], total_g[:], total_b[:] = 0, 0, 0
        for y in range(row * down, (row + 1) * down):
            _parted(rgb[y].reshape(-1), r, g, b)
            _weighted(r, g, b, matrix[0], highest, luma[y])
            for x in range(width):
                total_r[x] += r[x]
                total_g[x] += g[x]
                total_b[x] += b[x]
        if across == 2:
            for x in range(width // 2):
                total_r[x] = total_r[2 * x] + total_r[2 * x + 1]
                total_g[x] = total_g[2 * x] + total_g[2 * x + 1]
                total_b[x] = total_b[2 * x] + total_b[2 * x + 1]
        for x in range(width // across):
            total_r[x] *= share
            total_g[x] *= share
            total_b[x] *= share
        _weighted(total_r, total_g, total_b, matrix[1], highest, blue[row])
        _weighted(total_r, total_g, total_b, matrix[2], highest, red[row])


@compiled
def _parted(pixels: Values, r: Float32Array, g: Float32Array, b: Float32Array) -> None:
    """r, g, b (n,) of pixels (3 n,): apart, as eight at a time are as fast as one."""
    for x in range(len(r)):
        r[x], g[x], b[x] = pixels[3 * x], pixels[3 * x + 1], pixels[3 * x + 2]


@compiled
def _weighted(
    r: Float32Array, g: Float32Array, b: Float32Array, weights: Float32Array, highest: np.float32, steps: Values
) -> None:
    """steps (n,) = the first n of r, g and b by weights (4,), rounded to even and cut at 0 and the highest."""
    of_r, of_g, of_b, offset = weights[0], weights[1], weights[2], weights[3]
    for x in range(len(steps)):
        steps[x] = np.int32(min(max(np.rint(r[x] * of_r + (g[x] * of_g + (b[x] * of_b + offset))), np.float32(0)), highest))
