"""Video out: the phantom's compressed files, the same bytes on every run without dates or names of software; films to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags
from av.video.reformatter import VideoReformatter

from tast.errors import TastError

FILM_QUALITY = "18"  # of x264: no loss that an eye would see
FILM_TICK_S = Fraction(1, 1000)
CONTAINER_FPS_HZ = 25  # what VIPL-HR's containers announce, whatever the true rate


@dataclass(frozen=True)
class Codec:
    """encoder and pixel_format: FFmpeg's names. knobs: the options that take the quality. best, worst: its bounds.

    options: further ones. packet_filter: a bit stream filter on what leaves the encoder.
    """

    encoder: str
    pixel_format: str
    knobs: tuple[str, ...]
    best: int
    worst: int
    options: tuple[tuple[str, str], ...] = ()
    packet_filter: str = ""


CODECS = {
    "mjpeg": Codec("mjpeg", "yuvj420p", ("qmin", "qmax"), best=2, worst=31),
    "h264": Codec(
        "libx264", "yuv420p", ("crf",), best=0, worst=51,
        options=(("bf", "0"),),  # AVI has no time stamps to put B frames in order by
        packet_filter="filter_units=remove_types=6",  # the note in which x264 names itself
    ),
}  # fmt: skip


def write_video(path: Path, frames: Iterable[npt.NDArray[np.uint8]], *, codec: str, quality: int) -> None:
    """Encode frames (h, w, 3) uint8 RGB of even size, one at a time, at a constant 25 Hz; on one thread: always the same bytes.

    codec: a name in CODECS; quality: its quantiser (mjpeg 2 best to 31) or rate factor (h264 0 lossless to 51). Raises TastError
    for a codec or quality that is not known.
    """
    kind = codec_for(codec, quality)
    remaining = iter(frames)
    first = next(remaining)
    with av.open(str(path), "w", format="avi", options={"fflags": "+bitexact"}) as container:
        options = dict(kind.options) | {knob: str(quality) for knob in kind.knobs}
        stream = container.add_stream(kind.encoder, rate=CONTAINER_FPS_HZ, options=options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = kind.pixel_format
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= Flags.bitexact
        packet_filter = BitStreamFilterContext(kind.packet_filter, stream) if kind.packet_filter else None
        for packet in _packets(stream, chain([first], remaining), kind.pixel_format):
            container.mux(packet_filter.filter(packet) if packet_filter else packet)


def codec_for(codec: str, quality: int) -> Codec:
    """The codec of that name. Raises TastError where the name or the quality is not known."""
    if codec not in CODECS:
        raise TastError(f"codec {codec!r} is unknown; expected one of {', '.join(CODECS)}")
    kind = CODECS[codec]
    if not kind.best <= quality <= kind.worst:
        raise TastError(f"{codec} quality = {quality}; expected {kind.best} (best) to {kind.worst}")
    return kind


def _packets(stream: Any, frames: Iterable[npt.NDArray[np.uint8]], pixel_format: str) -> Iterable[Any]:
    to_yuv = VideoReformatter()
    for number, rgb in enumerate(frames):
        frame = to_yuv.reformat(av.VideoFrame.from_ndarray(rgb, format="rgb24"), format=pixel_format, threads=1)
        frame.pts, frame.time_base = number, Fraction(1, CONTAINER_FPS_HZ)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def write_timed(path: Path, pictures: Iterable[tuple[float, npt.NDArray[np.uint8]]]) -> int:
    """Encode (time in seconds, (h, w, 3) uint8 RGB of even size) as an MP4 (H.264) in which each stands at its own time.

    Returns how many there were; of none the file is no video.
    """
    count = 0
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        for time_s, picture in pictures:
            if not count:
                stream = container.add_stream("libx264", rate=Fraction(1000), options={"crf": FILM_QUALITY, "preset": "veryfast"})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = FILM_TICK_S
                stream.codec_context.thread_count = 1
                stream.codec_context.flags |= Flags.bitexact
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s / FILM_TICK_S), FILM_TICK_S
            container.mux(stream.encode(frame))
            count += 1
        if count:
            container.mux(stream.encode(None))
    return count
