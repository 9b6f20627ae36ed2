"""A decoded frame as the camera held it, in its colours: RGB, or luma and chroma with what the file declares of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.sidedata import sidedata
from av.video.reformatter import VideoReformatter

from tast.pictures import Picture, RgbImage, YuvPicture
from tast.video.transfer import FROM_PRIMARIES, LUMA_SHARES, TRANSFERS, srgb_from_light, yuv_matrix

BITS = {"": 8, "10le": 10, "12le": 12}
YUV_FORMATS = {  # three planes -> bits of a sample
    f"yuv{full}{kind}p{depth}": bits
    for full in ("", "j") for kind in ("420", "422", "444") for depth, bits in BITS.items() if not (full and depth)
}  # fmt: skip
# FFmpeg's numbers, which are those of ITU-T H.273, sections 8.1 to 8.3.
FULL_RANGE, UNSPECIFIED, BT709, BT2020 = 2, 2, 1, 9
PRIMARIES = {9: "bt2020", 12: "p3"}  # others are close to BT.709's, and read as those
MATRICES = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}
LIGHT_CURVES = {16: "pq", 18: "hlg"}
SDR_CURVES = frozenset((1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15))  # close to each other, and read alike
LOST_MATRICES = {10: "BT.2020 of constant luminance", 13: "chromaticity-derived", 14: "ICtCp", 15: "IPT"}
DOLBY_TAGS = ("dvh1", "dvhe", "dva1", "dvav", "dav1")  # of Dolby Vision without a base layer that others can show
HD_HEIGHT_PX = 720  # from here on a file without a matrix is taken as BT.709, below as BT.601, as players do
LUT_STEPS, LIGHT_STEPS = 4096, 65536


class FrameColours(NamedTuple):
    """What the numbers of a frame mean: bits of a sample, a name in LUMA_SHARES, a name in TRANSFERS, one in TO_PRIMARIES.

    matrix: "" where FFmpeg alone knows how to make RGB of it. assumed: what the file does not declare. lost: why the light cannot
    be found again; "" where it can.
    """

    bits: int
    matrix: str
    full_range: bool
    transfer: str
    primaries: str
    assumed: tuple[str, ...]
    lost: str


def colours_of(frame: av.VideoFrame) -> FrameColours:
    numbers = (int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc), int(frame.color_range))
    return _colours(frame.format.name, min(frame.height, frame.width), *numbers)


@lru_cache
def _colours(pixel_format: str, height_px: int, space: int, primaries: int, curve: int, spread: int) -> FrameColours:
    bits = YUV_FORMATS.get(pixel_format, 0)
    transfer = LIGHT_CURVES.get(curve, "sdr")
    gamut = PRIMARIES.get(BT2020 if primaries == UNSPECIFIED and space == BT2020 else primaries, "bt709")
    matrix = MATRICES.get(space, "") if bits else ""
    assumed = [name for name, number in (("primaries", primaries), ("transfer", curve)) if number == UNSPECIFIED]
    if bits and space == UNSPECIFIED:
        assumed.append("matrix")
        matrix = "bt2020" if transfer != "sdr" else "bt709" if height_px >= HD_HEIGHT_PX else "bt601"
        gamut = "bt2020" if primaries == UNSPECIFIED and transfer != "sdr" else gamut
    if bits and spread == 0 and not pixel_format.startswith("yuvj"):
        assumed.append("range")
    full = pixel_format.startswith("yuvj") or spread == FULL_RANGE
    return FrameColours(bits or 8, matrix, full, transfer, gamut, tuple(assumed), _lost(space, curve, gamut, bool(matrix)))


def _lost(space: int, curve: int, primaries: str, known_matrix: bool) -> str:
    if space in LOST_MATRICES:
        return f"its colours are coded as {LOST_MATRICES[space]}, which is not undone here"
    if curve not in SDR_CURVES and curve not in LIGHT_CURVES:
        return f"its transfer function, number {curve} of ITU-T H.273, is not undone here"
    if primaries == "bt2020" and curve == UNSPECIFIED:
        return "BT.2020 without a transfer function: whether it is HLG, PQ or neither cannot be known"
    if (primaries != "bt709" or curve in LIGHT_CURVES) and not known_matrix:
        return "HLG, PQ, BT.2020 or P3 in a layout of pixels that is not read here"
    return ""


def lost_colours(frame: av.VideoFrame, codec_tag: str) -> str:
    """Why a frame of a stream with this tag cannot be brought to the RGB that training knows; "" where it can."""
    dolby = any(data.type.name.startswith("DOVI") for data in _side_data(frame))
    if codec_tag in DOLBY_TAGS or (dolby and int(frame.color_trc) == UNSPECIFIED):
        return "Dolby Vision without a base layer of known colours (profile 5) is not undone here"
    return colours_of(frame).lost


def _side_data(frame: av.VideoFrame) -> Any:
    """What comes with a frame; frame.side_data would keep it, and so the frame, until Python looks for circles."""
    container: Any = sidedata.SideDataContainer
    return container(frame)


def upright_rgb(frame: av.VideoFrame, to_rgb: VideoReformatter) -> RgbImage:
    """(H, W, 3) uint8 RGB, turned as the file's rotation mark (degrees counter-clockwise) asks."""
    colours = colours_of(frame)
    if colours.matrix and (colours.transfer, colours.primaries) != ("sdr", "bt709"):
        return _rgb_of(_upright_yuv(frame, colours))
    space = int(frame.colorspace)
    space = BT709 if space == UNSPECIFIED and colours.matrix == "bt709" else space
    rgb = to_rgb.reformat(frame, format="rgb24", src_colorspace=space, threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, k=round(frame.rotation / 90)), dtype=np.uint8)


def upright_picture(frame: av.VideoFrame, to_rgb: VideoReformatter) -> Picture:
    """As it is coded where that is luma and chroma in three planes, else as `upright_rgb`."""
    colours = colours_of(frame)
    return _upright_yuv(frame, colours) if colours.matrix else upright_rgb(frame, to_rgb)


def _upright_yuv(frame: av.VideoFrame, colours: FrameColours) -> YuvPicture:
    luma, *chroma = (_upright_plane(plane, frame.rotation, colours.bits) for plane in frame.planes)
    weights = _to_rgb(colours.matrix, colours.bits, colours.full_range)
    neutral = float(2 ** (colours.bits - 1))
    return YuvPicture(luma, (chroma[0], chroma[1]), weights, neutral, colours.transfer, colours.primaries)


def _upright_plane(plane: Any, rotation_degrees: float, bits: int) -> npt.NDArray[np.unsignedinteger]:
    samples = np.frombuffer(plane, dtype=np.uint8 if bits == 8 else np.uint16)
    lines = samples.reshape(-1, plane.line_size // samples.itemsize)
    return np.ascontiguousarray(np.rot90(lines[: plane.height, : plane.width], k=round(rotation_degrees / 90)))


def _rgb_of(picture: YuvPicture) -> RgbImage:
    """(H, W, 3) uint8 RGB as training knows it, by tables: to look at, and for what needs no more than bytes."""
    height, width = picture.luma.shape
    chroma = (cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in picture.chroma)
    coded = cv2.transform(cv2.merge([picture.luma, *chroma]).astype(np.float32), picture.to_rgb)
    to_light, to_bytes = _tables(picture.transfer)
    light = to_light[np.clip(np.rint(coded * ((LUT_STEPS - 1) / 255)), 0, LUT_STEPS - 1).astype(np.uint16)]
    light = cv2.transform(light, FROM_PRIMARIES[picture.primaries].astype(np.float32))
    return to_bytes[np.clip(np.rint(light * (LIGHT_STEPS - 1)), 0, LIGHT_STEPS - 1).astype(np.uint16)]


@lru_cache
def _tables(transfer: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Light of LUT_STEPS levels of the signal; bytes of LIGHT_STEPS levels of light."""
    to_light = TRANSFERS[transfer][1](np.linspace(0, 1, LUT_STEPS)).astype(np.float32)
    return to_light, np.rint(255 * srgb_from_light(np.linspace(0, 1, LIGHT_STEPS))).astype(np.uint8)


@lru_cache
def _to_rgb(matrix: str, bits: int, full_range: bool) -> npt.NDArray[np.float32]:
    """(3, 4) from luma, Cb, Cr and 1 in the file's steps to RGB from 0 to 255 (ITU-R BT.601, BT.709, BT.2020)."""
    if bits > 8:
        weights = yuv_matrix(matrix, bits=bits, full_range=full_range)
        inverse = 255 * np.linalg.inv(weights[:, :3])
        return np.column_stack([inverse, -inverse @ weights[:, 3]]).astype(np.float32)
    red, blue = LUMA_SHARES[matrix]
    to_red, to_blue, green = 2 * (1 - red), 2 * (1 - blue), 1 - red - blue
    weights = np.array([[1, 0, to_red], [1, -to_blue * blue / green, -to_red * red / green], [1, to_blue, 0]])
    zero, scale = (0, 1.0) if full_range else (16, 255 / 219)
    weights = weights * [scale, 1 if full_range else 255 / 224, 1 if full_range else 255 / 224]
    return np.column_stack([weights, -weights @ [zero, 128, 128]]).astype(np.float32)
