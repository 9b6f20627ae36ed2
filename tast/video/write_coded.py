"""A recording written as its Coding says, with true tags: the same bytes on every run of the same libraries.

MP4 and Matroska hold each frame's own time stamp; AVI holds a rate alone, so that frames which are missing shorten the video, as
they do in the published sets that are AVI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags
from av.video.frame import VideoFrame

from tast.errors import TastError
from tast.files import whole_folder
from tast.records import VideoSource
from tast.video.coding import Coding
from tast.video.planes import coded_planes
from tast.video.read import read_frames

RgbFrame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Timed = tuple[float, RgbFrame]

FIRST_GENERATION = Coding("h264", ".mp4", bits_per_pixel=0.2, matrix="bt709")
FORMATS = {".avi": "avi", ".mp4": "mp4", ".mkv": "matroska"}
TICK_S = Fraction(1, 30000)  # of time stamps: the finest that MPEG-4 Part 2 allows of those that 30 and 25 Hz fit into
RATE_FRAMES = 32  # from which the true rate is taken
PNG_SETTINGS = [
    cv2.IMWRITE_PNG_COMPRESSION,
    1,
    cv2.IMWRITE_PNG_STRATEGY,
    cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY,
]  # noise has no runs
COLOUR_SPACES = {"bt601": 6, "bt709": 1, "bt2020": 9}  # FFmpeg's numbers, which are those of ITU-T H.273
PRIMARIES = {"bt2020": 9, "p3": 12}  # others go with the matrix
MATRIX_PRIMARIES = {"bt601": 6, "bt709": 1}
TRANSFER_NUMBERS = {"sdr": 1, "hlg": 18, "pq": 16}
UNSPECIFIED, LIMITED, FULL = 2, 1, 2


@dataclass(frozen=True)
class Encoder:
    """name, options: FFmpeg's. knobs: the options that take the quality; best, worst: its bounds.

    bits: what it holds. packet_filter: a bit stream filter on what leaves it. rate_options: those of a mean rate. lossless:
    those of quality 0 where the knobs alone still lose something, or a faster preset loses nothing either.
    """

    name: str
    knobs: tuple[str, ...]
    best: int
    worst: int
    options: tuple[tuple[str, str], ...] = ()
    bits: tuple[int, ...] = (8,)
    packet_filter: str = ""
    rate_options: tuple[tuple[str, str], ...] = ()
    lossless: tuple[tuple[str, str], ...] = ()


X264 = "weightp=0:rc-lookahead=0:mbtree=0"  # looking ahead, x264 wrote other bytes of the same frames in one run of some hundred
X265 = "info=0:pools=none:frame-threads=1:log-level=none:bframes=0"
CODECS = {
    "mjpeg": Encoder("mjpeg", ("qmin", "qmax"), 2, 31, rate_options=(("qmin", "2"), ("qmax", "31"))),
    "mpeg4": Encoder("mpeg4", ("qmin", "qmax"), 1, 31, rate_options=(("qmin", "2"), ("qmax", "31"))),
    "h264": Encoder("libx264", ("crf",), 0, 51, (("bf", "0"), ("preset", "veryfast"), ("x264-params", X264)), (8, 10),
                    "filter_units=remove_types=6",  # the note in which x264 names itself
                    lossless=(("crf", "0"), ("preset", "ultrafast"))),  # a third of the time for a fifth more bytes
    "hevc": Encoder("libx265", ("crf",), 0, 51, (("preset", "ultrafast"), ("x265-params", X265)), (8, 10),
                    lossless=(("x265-params", f"{X265}:lossless=1"),)),
    "vp9": Encoder("libvpx-vp9", ("crf",), 0, 63, (("deadline", "realtime"), ("cpu-used", "6"), ("lag-in-frames", "0"))),
}  # fmt: skip


def write_coded(place: Path, frames: Iterable[Timed], coding: Coding) -> Path:
    """Write (time in seconds, (H, W, 3) RGB: uint8, 0 to 255, or uint16, 0 to 1023, with sRGB's curve) one at a time.

    place: the file without its suffix, or the folder of images, named by their times in nanoseconds. Times increase. H and W must
    be even where chroma is subsampled; frames are as they are to be stored, before a rotation. Returns what was written. Raises
    TastError where the coding cannot hold the frames.
    """
    if coding.generations == 2:
        return _second_generation(Path(place), frames, coding)
    if coding.codec == "png":
        return _write_images(Path(place), frames)
    path = Path(place).with_name(Path(place).name + coding.suffix)
    write_container(path, frames, coding)
    return path


def write_container(path: Path, frames: Iterable[Timed], coding: Coding) -> None:
    """As `write_coded`, into the one file `path`, whatever its name; coding: of one generation, in a container."""
    encoder = _encoder(coding)
    remaining = iter(frames)
    ahead = list(islice(remaining, 1 if coding.rate_hz else RATE_FRAMES))
    if not ahead:
        raise TastError(f"{path}: no frames; expected at least one")
    rate_hz = coding.rate_hz or _rate_hz([time_s for time_s, _ in ahead])
    with av.open(str(path), "w", format=FORMATS[coding.suffix], options={"fflags": "+bitexact"}) as container:
        stream = _stream(container, encoder, coding, ahead[0][1].shape, rate_hz)
        packet_filter = BitStreamFilterContext(encoder.packet_filter, stream) if encoder.packet_filter else None
        for packet in _packets(stream, chain(ahead, remaining), coding, rate_hz):
            container.mux(packet_filter.filter(packet) if packet_filter else packet)


def _encoder(coding: Coding) -> Encoder:
    if coding.codec not in CODECS:
        raise TastError(f"codec {coding.codec!r} is unknown; expected png, {', '.join(CODECS)}")
    if coding.suffix not in FORMATS:
        raise TastError(f"container {coding.suffix!r} is unknown; expected one of {', '.join(FORMATS)}")
    if coding.bits not in CODECS[coding.codec].bits:
        raise TastError(f"{coding.codec} holds no {coding.bits} bits; expected {CODECS[coding.codec].bits}")
    encoder = CODECS[coding.codec]
    if coding.quality is not None and not encoder.best <= coding.quality <= encoder.worst:
        raise TastError(f"{coding.codec} quality = {coding.quality}; expected {encoder.best} (best) to {encoder.worst}")
    return encoder


def _rate_hz(times_s: list[float]) -> float:
    """The rate at which a camera of these times runs, whatever it dropped; 30 of a single frame."""
    period_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    return round(1 / period_s, 3) if period_s > 0 else 30.0


def _second_generation(place: Path, frames: Iterable[Timed], coding: Coding) -> Path:
    first = write_coded(place.with_name(f".{place.name}.first"), frames, FIRST_GENERATION)
    try:
        return write_coded(place, read_frames(VideoSource(first)), replace(coding, generations=1))
    finally:
        first.unlink()


def _write_images(folder: Path, frames: Iterable[Timed]) -> Path:
    with whole_folder(folder, durable=False) as unfinished:
        for time_s, rgb in frames:
            if rgb.dtype != np.uint8:
                raise TastError(f"{folder}: frames of {rgb.dtype}; expected uint8, PNG is written in 8 bits")
            name = f"Image{round(time_s * 1e9):016d}.png"
            (unfinished / name).write_bytes(cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), PNG_SETTINGS)[1].tobytes())
    return folder


def _stream(container: Any, encoder: Encoder, coding: Coding, shape: tuple[int, ...], rate_hz: float) -> Any:
    height, width = shape[:2]
    if coding.subsampling != "444" and (height % 2 or width % 2):
        raise TastError(f"frames of {width} x {height}; expected even sides, as {coding.subsampling} halves them")
    rate = Fraction(rate_hz).limit_denominator(1001)
    options = dict(encoder.options) | _rate_options(encoder, coding)
    stream = container.add_stream(encoder.name, rate=rate, options=options)
    stream.width, stream.height = width, height
    stream.pix_fmt = _pixel_format(coding)
    if coding.rotation_degrees:
        stream.set_display_rotation(coding.rotation_degrees)
    context = stream.codec_context
    context.thread_count = 1
    context.flags |= Flags.bitexact
    if coding.codec == "hevc" and coding.suffix == ".mp4":
        context.codec_tag = "hvc1"
    if coding.suffix != ".avi":
        context.time_base = TICK_S
    context.bit_rate = round(coding.bits_per_pixel * width * height * rate_hz) if coding.bits_per_pixel is not None else 0
    space, primaries, transfer, full = _tags(coding)
    context.colorspace, context.color_primaries, context.color_trc, context.color_range = space, primaries, transfer, full
    return stream


def _rate_options(encoder: Encoder, coding: Coding) -> dict[str, str]:
    if coding.quality is None:
        return dict(encoder.rate_options)
    if coding.quality == 0 and encoder.lossless:
        return dict(encoder.lossless)
    return dict.fromkeys(encoder.knobs, str(coding.quality))


def _pixel_format(coding: Coding) -> str:
    jpeg = "j" if coding.codec == "mjpeg" else ""
    return f"yuv{jpeg}{coding.subsampling}p{'10le' if coding.bits == 10 else ''}"


def _tags(coding: Coding) -> tuple[int, int, int, int]:
    """Matrix, primaries, transfer and range by FFmpeg's numbers."""
    full = FULL if coding.full_range else LIMITED
    if not coding.tagged:
        return UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, full if coding.full_range else 0
    primaries = PRIMARIES.get(coding.primaries) or MATRIX_PRIMARIES[coding.matrix]
    return COLOUR_SPACES[coding.matrix], primaries, TRANSFER_NUMBERS[coding.transfer], full


def _packets(stream: Any, frames: Iterable[Timed], coding: Coding, rate_hz: float) -> Iterator[Any]:
    ticks_per_s = 1 / TICK_S
    first_s, previous = None, -1
    tags = _tags(coding)
    for number, (time_s, rgb) in enumerate(frames):
        first_s = time_s if first_s is None else first_s
        frame = _frame(rgb, coding)
        frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = tags
        if coding.suffix == ".avi":
            frame.pts, frame.time_base = number, 1 / Fraction(rate_hz).limit_denominator(1001)
        else:
            frame.pts, frame.time_base = round((time_s - first_s) * ticks_per_s), TICK_S
        if frame.pts <= previous:
            raise TastError(f"frame {number} at {time_s} s; expected increasing times")
        previous = frame.pts
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _frame(rgb: RgbFrame, coding: Coding) -> VideoFrame:
    height, width = rgb.shape[:2]
    frame = VideoFrame(width, height, _pixel_format(coding))
    for plane, values in zip(frame.planes, coded_planes(rgb, coding), strict=True):
        lines = np.frombuffer(memoryview(plane), dtype=values.dtype).reshape(plane.height, -1)
        lines[:, : plane.width] = values
    return frame
