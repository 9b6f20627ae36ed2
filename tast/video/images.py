"""PNG files as RGB; the one place where OpenCV's BGR becomes RGB."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tast.errors import BadInput
from tast.pictures import RgbImage
from tast.records import VideoSource
from tast.texts import bounded_bytes
from tast.video.facts import SourceMeter

MAX_PIXELS = 7680 * 4320  # of a frame, where the caller sets no limit: beyond it a few kilobytes could ask for gigabytes
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_images(
    video: VideoSource, max_pixels: int = MAX_PIXELS, meter: SourceMeter | None = None
) -> Iterator[tuple[float, RgbImage]]:
    if video.frame_times_s is None:
        raise BadInput(video.path, "images without time stamps", "the time of each image")
    shape: tuple[int, ...] | None = None
    for name, time_s in zip(video.frame_files or (), video.frame_times_s, strict=True):
        image = read_png(video.path / name, max_pixels=max_pixels)
        shape = image.shape if shape is None else shape
        if image.shape != shape:  # the face that was followed is elsewhere in it
            raise BadInput(
                video.path / name, f"{image.shape[1]} x {image.shape[0]}", f"{shape[1]} x {shape[0]}, as the first image"
            )
        if meter:
            meter.bytes_read((video.path / name).stat().st_size)
        yield float(time_s), image


def read_png(path: Path, *, max_pixels: int = MAX_PIXELS) -> RgbImage:
    """One PNG as (H, W, 3) uint8 RGB. Raises BadInput where it is missing, cut short, damaged or of more than max_pixels.

    The chunks are checked first, since OpenCV gives a partly grey image for a truncated file without a word.
    """
    content = bounded_bytes(path, "a PNG image")
    if defect := _png_defect(content):
        raise BadInput(path, defect, "a whole PNG image")
    require_pixels(path, *_png_size(path, content), max_pixels)
    bgr = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise BadInput(path, "cannot be decoded", "a whole PNG image")
    return rgb_from_bgr(bgr)


def rgb_from_bgr(bgr: npt.NDArray[np.generic]) -> RgbImage:
    """(H, W, 3) as OpenCV gives it -> (H, W, 3) uint8 RGB."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _png_defect(content: bytes) -> str:
    """What is wrong with a PNG file's chunks (signature, lengths, checksums, end mark); empty if nothing."""
    if not content:
        return "empty file"
    if not content.startswith(PNG_SIGNATURE):
        return "no PNG signature"
    view, position = memoryview(content), len(PNG_SIGNATURE)
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 12 + length
        if end > len(content):
            break
        (checksum,) = struct.unpack_from(">I", content, end - 4)
        if zlib.crc32(view[position + 4 : end - 4]) != checksum:
            return f"damaged at byte {position}"
        if kind == b"IEND":
            return ""
        position = end
    return f"cut short after {len(content)} bytes"


def size_of_png(path: Path, max_pixels: int) -> tuple[int, int]:
    with path.open("rb") as file:
        size = _png_size(path, file.read(24))
    require_pixels(path, *size, max_pixels)
    return size


def _png_size(path: Path, content: bytes) -> tuple[int, int]:
    """Width and height that a PNG's first chunk announces."""
    if not content.startswith(PNG_SIGNATURE) or content[12:16] != b"IHDR" or len(content) < 24:
        raise BadInput(path, "no size in its first bytes", "a PNG image")
    width_px, height_px = struct.unpack(">II", content[16:24])
    return width_px, height_px


def require_pixels(path: Path, width_px: int, height_px: int, max_pixels: int) -> None:
    if width_px * height_px > max_pixels:
        raise BadInput(path, f"{width_px} x {height_px} pixels are too many", f"at most {max_pixels} in a frame")
