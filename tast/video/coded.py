"""Video out in any coding: true time stamps, tags that say how the colours are meant, the same bytes on every run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from tast.records import VideoSource
from tast.video.coding import Coding
from tast.video.read import read_frames

Picture = npt.NDArray[Any]  # (h, w, 3) RGB: uint8, or uint16 in 0..1023

TICK_S = Fraction(1, 30_000)  # MPEG-4 Part 2 counts no finer than 1 / 65,535 s
NOMINAL_HZ = 30  # that encoders share out their rate by; frames stand at their own times
TEN_BITS = 64  # from 0..1023 to FFmpeg's 16 bits a sample


@dataclass(frozen=True)
class Codec:
    """encoder: FFmpeg's name. suffix: of the container, with true time stamps. options: of the encoder. lossless: further ones.

    packet_filter: a bit stream filter on what leaves the encoder.
    """

    encoder: str
    suffix: str
    options: tuple[tuple[str, str], ...] = ()
    lossless: tuple[tuple[str, str], ...] = ()
    packet_filter: str = ""


CODECS = {
    "mjpeg": Codec("mjpeg", ".mkv"),
    "mpeg4": Codec("mpeg4", ".mkv", (("g", "250"),)),
    "h264": Codec(
        "libx264", ".mp4", (("preset", "veryfast"), ("bf", "0")), (("qp", "0"),),
        packet_filter="filter_units=remove_types=6",  # the note in which x264 names itself
    ),
    "hevc": Codec(
        "libx265", ".mp4",
        (("preset", "superfast"), ("x265-params", "log-level=error:pools=none:frame-threads=1:info=0"), ("tag", "hvc1")),
    ),
    "vp9": Codec("libvpx-vp9", ".webm", (("deadline", "realtime"), ("cpu-used", "7"), ("row-mt", "0"))),
}  # fmt: skip
MATRICES = {"bt601": (Colorspace.ITU601, ColorPrimaries.BT709), "bt709": (Colorspace.ITU709, ColorPrimaries.BT709)}


def write_coded(path: Path, frames: Iterable[tuple[float, Picture]], coding: Coding) -> Path:
    """Encode (time in seconds, picture of even size), one at a time on one thread -> the file, named by `path` and its container.

    Each frame stands at its own time since the first. A coding with a first generation is written, decoded and written again.
    Raises ValueError where there is no frame.
    """
    if coding.before is None:
        return _written(path, frames, coding)
    first = _written(path.with_name(f"{path.name}.before"), frames, replace(coding, bits_per_pixel=coding.before))
    try:
        return _written(path, read_frames(VideoSource(first)), replace(coding, bits=8))
    finally:
        first.unlink()


def _written(path: Path, frames: Iterable[tuple[float, Picture]], coding: Coding) -> Path:
    codec, remaining = CODECS[coding.codec], iter(frames)
    first = next(remaining, None)
    if first is None:
        raise ValueError(f"{path}: no frame to write")
    target = path.with_name(path.name + codec.suffix)
    height, width = first[1].shape[:2]
    options = dict(codec.options) | (dict(codec.lossless) if coding.bits_per_pixel is None else {})
    with av.open(str(target), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec.encoder, rate=NOMINAL_HZ, options=options)
        stream.height, stream.width = height, width
        stream.pix_fmt = _pixel_format(coding)
        if coding.bits_per_pixel is not None:
            stream.bit_rate = round(coding.bits_per_pixel * height * width * NOMINAL_HZ)
        context = stream.codec_context
        context.time_base = stream.time_base = TICK_S
        context.thread_count = 1
        context.flags |= Flags.bitexact
        context.colorspace, context.color_primaries = MATRICES[coding.matrix][0].value, MATRICES[coding.matrix][1].value
        context.color_range = (ColorRange.JPEG if coding.full_range else ColorRange.MPEG).value
        context.color_trc = ColorTrc.BT709.value
        packet_filter = BitStreamFilterContext(codec.packet_filter, stream) if codec.packet_filter else None
        for packet in _packets(stream, chain([first], remaining), coding, first[0]):
            container.mux(packet_filter.filter(packet) if packet_filter else packet)
    return target


def _pixel_format(coding: Coding) -> str:
    chroma = "444" if coding.whole_chroma else "420"
    return f"yuv{'j' if coding.full_range and coding.bits == 8 else ''}{chroma}p{'10le' if coding.bits == 10 else ''}"


def _packets(stream: Any, frames: Iterable[tuple[float, Picture]], coding: Coding, start_s: float) -> Iterator[Any]:
    to_yuv = VideoReformatter()
    for time_s, picture in frames:
        deep = picture.dtype == np.uint16
        rgb = av.VideoFrame.from_ndarray(
            picture * np.uint16(TEN_BITS) if deep else picture, format="rgb48le" if deep else "rgb24"
        )
        frame = to_yuv.reformat(
            rgb, format=stream.pix_fmt, dst_colorspace=MATRICES[coding.matrix][0], src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG if coding.full_range else ColorRange.MPEG,
            interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT, threads=1,
        )  # fmt: skip
        frame.pts, frame.time_base = round((time_s - start_s) / TICK_S), TICK_S
        yield from stream.encode(frame)
    yield from stream.encode(None)
