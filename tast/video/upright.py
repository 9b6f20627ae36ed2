"""A decoded frame as the camera held it, in its colours: RGB, or luma and chroma with the matrix that the file declares."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from tast.pictures import Picture, RgbImage, YuvPicture

YUV_FORMATS = frozenset(f"yuv{full}{kind}p" for full in ("", "j") for kind in ("420", "422", "444"))  # three planes of bytes
FULL_RANGE = 2  # FFmpeg's AVCOL_RANGE_JPEG
# Shares of red and blue in luma, by FFmpeg's number of the colour matrix that a file declares; BT.601's where it declares none.
LUMA_SHARES = {1: (0.2126, 0.0722)} | dict.fromkeys((2, 5, 6), (0.299, 0.114))


def upright_rgb(frame: av.VideoFrame, to_rgb: VideoReformatter) -> RgbImage:
    """(H, W, 3) uint8 RGB, turned as the file's rotation mark (degrees counter-clockwise) asks."""
    rgb = to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, k=round(frame.rotation / 90)), dtype=np.uint8)


def upright_picture(frame: av.VideoFrame, to_rgb: VideoReformatter) -> Picture:
    """As it is coded where that is YUV in bytes, else as `upright_rgb`."""
    if frame.format.name not in YUV_FORMATS or int(frame.colorspace) not in LUMA_SHARES:
        return upright_rgb(frame, to_rgb)
    luma, *chroma = (_upright_plane(plane, frame.rotation) for plane in frame.planes)
    full_range = "j" in frame.format.name or int(frame.color_range) == FULL_RANGE
    return YuvPicture(luma, (chroma[0], chroma[1]), _to_rgb(*LUMA_SHARES[int(frame.colorspace)], full_range))


def _upright_plane(plane: Any, rotation_degrees: float) -> npt.NDArray[np.uint8]:
    lines = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)
    return np.ascontiguousarray(np.rot90(lines[: plane.height, : plane.width], k=round(rotation_degrees / 90)))


@lru_cache
def _to_rgb(red: float, blue: float, full_range: bool) -> npt.NDArray[np.float32]:
    """(3, 4) from luma, Cb, Cr and 1 to RGB (ITU-R BT.601 and BT.709: by the shares of red and blue in luma)."""
    to_red, to_blue, green = 2 * (1 - red), 2 * (1 - blue), 1 - red - blue
    weights = np.array([[1, 0, to_red], [1, -to_blue * blue / green, -to_red * red / green], [1, to_blue, 0]])
    zero, scale = (0, 1.0) if full_range else (16, 255 / 219)
    weights = weights * [scale, 1 if full_range else 255 / 224, 1 if full_range else 255 / 224]
    return np.column_stack([weights, -weights @ [zero, 128, 128]]).astype(np.float32)
