"""The colours of a face, from whatever a decoder gives, as bytes of RGB that keep what is smaller than a byte's step.

The pulse moves light by less than one grey level. That survives bytes where noise spreads each value over several steps, as a
sensor's does; a codec takes the noise away. Then all pixels of one colour are rounded alike, no average brings the pulse back,
and the ratio between channels is off by a tenth and more. So YUV pictures stay floating-point numbers until the face is warped,
and are rounded last, with noise of one step's width added (Schuchman, IEEE Trans. Commun. Technol. 1964): the mean of many pixels
is then unbiased.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import singledispatch
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from tast.pictures import Picture, Plane, RgbImage, YuvPicture
from tast.preprocessing.pose import ComplexArray, FloatArray, Pose
from tast.video.transfer import known_rgb

GrayImage = npt.NDArray[np.uint8]
Image = TypeVar("Image", npt.NDArray[np.uint8], npt.NDArray[np.float32], Plane)
AREA = cv2.INTER_AREA
GRAY_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # OpenCV's, of RGB
STORED_DITHERS = 16  # frames' worth of noise that is kept


@singledispatch
def gray(picture: Picture) -> GrayImage:
    """(H, W) uint8 for detectors and optical flow."""
    raise TypeError(f"{type(picture).__name__} is no picture")


@gray.register
def _(picture: np.ndarray) -> GrayImage:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


@gray.register
def _(picture: YuvPicture) -> GrayImage:
    scale, offset = picture.to_rgb[:, 0].mean(), GRAY_WEIGHTS @ picture.to_rgb @ _grey_of(picture)
    # Half the time of a table.
    stretched = cv2.addWeighted(picture.luma, float(scale), picture.luma, 0, float(offset), dtype=cv2.CV_8U)
    return np.asarray(stretched, dtype=np.uint8)


def _grey_of(picture: YuvPicture) -> Plane:
    return np.array([0, picture.neutral, picture.neutral, 1], dtype=np.float32)


@singledispatch
def area_averaged(picture: Picture, pixels: int) -> Picture:
    """(H // pixels, W // pixels): `pixels` of a side become one."""
    raise TypeError(f"{type(picture).__name__} is no picture")


@area_averaged.register
def _(picture: np.ndarray, pixels: int) -> Picture:
    return smaller(picture, pixels)


@area_averaged.register
def _(picture: YuvPicture, pixels: int) -> Picture:
    """Floating-point planes of one size, but where pixels is 1: those are not touched."""
    if pixels == 1:
        return picture
    luma, blue, red = (plane.astype(np.float32) for plane in (picture.luma, *picture.chroma))
    down, across = steps_of(blue, luma)
    luma = smaller(luma, pixels)
    height, width = luma.shape
    blue, red = (
        np.asarray(cv2.resize(plane[: height * pixels // down, : width * pixels // across], (width, height), interpolation=AREA))
        for plane in (blue, red)
    )
    return replace(picture, luma=luma, chroma=(blue, red))


def smaller(image: Image, pixels: int) -> Image:
    """(H // pixels, W // pixels[, C]) of an image (H, W[, C])."""
    if pixels == 1:
        return image
    height, width = (side // pixels for side in image.shape[:2])
    whole = image[: height * pixels, : width * pixels]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=AREA), dtype=image.dtype)


@singledispatch
def cropped(picture: Picture, rows: slice, columns: slice) -> Picture:
    """A copy of a part. Of a YUV picture, rows and columns must begin and end with a pixel of its chroma."""
    raise TypeError(f"{type(picture).__name__} is no picture")


@cropped.register
def _(picture: np.ndarray, rows: slice, columns: slice) -> Picture:
    return picture[rows, columns].copy()


@cropped.register
def _(picture: YuvPicture, rows: slice, columns: slice) -> Picture:
    down, across = steps_of(picture.chroma[0], picture.luma)
    below, beside = slice(rows.start // down, -(-rows.stop // down)), slice(columns.start // across, -(-columns.stop // across))
    blue, red = (plane[below, beside].copy() for plane in picture.chroma)
    return replace(picture, luma=picture.luma[rows, columns].copy(), chroma=(blue, red))


def steps_of(plane: Plane, frame: Plane) -> tuple[int, int]:
    """Rows and columns of the frame (H, W) that one of the plane's stands for."""
    return round(frame.shape[0] / plane.shape[0]), round(frame.shape[1] / plane.shape[1])


@singledispatch
def sparse_rgb(picture: Picture, points_px: ComplexArray) -> npt.NDArray[np.float32]:
    """(rows, columns, 3) RGB, 0 to 255, not rounded, of single pixels x + iy (rows, columns) on a rectangular grid."""
    raise TypeError(f"{type(picture).__name__} is no picture")


@sparse_rgb.register
def _(picture: np.ndarray, points_px: ComplexArray) -> npt.NDArray[np.float32]:
    return np.asarray(picture[np.ix_(*_rows_and_columns(points_px))], dtype=np.float32)


@sparse_rgb.register
def _(picture: YuvPicture, points_px: ComplexArray) -> npt.NDArray[np.float32]:
    rows, columns = _rows_and_columns(points_px)
    down, across = steps_of(picture.chroma[0], picture.luma)
    planes = [picture.luma[np.ix_(rows, columns)], *(plane[np.ix_(rows // down, columns // across)] for plane in picture.chroma)]
    rgb = np.stack(planes, axis=-1).astype(np.float32) @ picture.to_rgb[:, :3].T + picture.to_rgb[:, 3]
    if (picture.transfer, picture.primaries) != ("sdr", "bt709"):
        rgb = 255 * known_rgb(np.asarray(rgb / 255, dtype=np.float32), picture.transfer, primaries=picture.primaries)
    return np.clip(rgb, 0, 255).astype(np.float32)


def _rows_and_columns(points_px: ComplexArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return points_px[:, 0].imag.astype(np.intp), points_px[0].real.astype(np.intp)


class Dither:
    """Noise of one step's width, evenly spread, to be added before rounding.

    Cut at random from a store: drawing all of it anew for each frame takes longer than warping the frame.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.Generator(np.random.SFC64(seed))
        self._store: Plane = np.empty(0, dtype=np.float32)

    def of_shape(self, shape: tuple[int, ...]) -> Plane:
        """-0.5 to 0.5, float32; do not write to it."""
        n_values = math.prod(shape)
        if self._store.size < n_values:
            self._store = self._random.random(STORED_DITHERS * n_values, dtype=np.float32) - np.float32(0.5)
        start = self._random.integers(self._store.size - n_values, endpoint=True)
        return self._store[start : start + n_values].reshape(shape)


@singledispatch
def upright(picture: Picture, to_frame: Pose, size_px: int, dither: Dither) -> RgbImage:
    """(size_px, size_px, 3) uint8 RGB: the part of a frame that a pose (pixels of the ROI -> of the frame) points to."""
    raise TypeError(f"{type(picture).__name__} is no picture")


@upright.register
def _(picture: np.ndarray, to_frame: Pose, size_px: int, dither: Dither) -> RgbImage:
    """The sensor's own noise is in it; no dither is added."""
    return warped(picture, to_frame.matrix(), size_px)


@upright.register
def _(picture: YuvPicture, to_frame: Pose, size_px: int, dither: Dither) -> RgbImage:
    blue, red = picture.chroma
    luma = _finely_warped((picture.luma,), to_frame.matrix(), size_px)
    chroma = _finely_warped((blue, red), _in_plane(to_frame, *steps_of(blue, picture.luma)), size_px)
    rgb = cv2.transform(cv2.merge([luma, chroma]), picture.to_rgb)
    if (picture.transfer, picture.primaries) != ("sdr", "bt709"):
        rgb = (255 * known_rgb(rgb / 255, picture.transfer, primaries=picture.primaries)).astype(np.float32)
    return np.asarray(cv2.add(rgb, dither.of_shape(rgb.shape), dtype=cv2.CV_8U), dtype=np.uint8)


def _in_plane(to_frame: Pose, down: int, across: int) -> FloatArray:
    """The pose's matrix for a plane whose pixels stand for several of the frame, and lie in their middle."""
    matrix = to_frame.matrix()
    matrix[:, 2] += 0.5
    matrix /= [[across], [down]]
    matrix[:, 2] -= 0.5
    return matrix


def _finely_warped(planes: tuple[Plane, ...], to_plane: FloatArray, size_px: int) -> Plane:
    """`warped`, float32, of planes of one size as channels; only the part that is needed is made floating-point."""
    ends = np.array([0, size_px - 1, size_px - 1, 0]), np.array([0, 0, size_px - 1, size_px - 1])
    across, down = to_plane[:, :2] @ ends + to_plane[:, 2:]
    rows, columns = (_between(along, side) for along, side in zip((down, across), planes[0].shape, strict=True))
    part = cv2.merge([plane[rows, columns] for plane in planes]).astype(np.float32, copy=False)
    return warped(part, to_plane - [[0, 0, columns.start], [0, 0, rows.start]], size_px)


def _between(along: FloatArray, side: int) -> slice:
    """Pixels of a side of a plane from which all positions between those given can be interpolated; at least one."""
    first = min(max(int(np.floor(along.min())) - 1, 0), side - 1)
    return slice(first, max(int(np.ceil(along.max())) + 2, first + 1))


def warped(image: Image, to_frame: FloatArray, size_px: int) -> Image:
    """(size_px, size_px[, C]) of an image (H, W[, C]), by a (2, 3) matrix from its pixels to the image's; bilinear."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    to_roi = cv2.warpAffine(image, to_frame, (size_px, size_px), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(to_roi, dtype=image.dtype)
