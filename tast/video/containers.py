"""Containers opened by PyAV (FFmpeg), and what their headers and time stamps say without decoding a frame.

A container is known by its first bytes alone, never by its name, and FFmpeg is given one open file and its format: it can open
nothing else, so that no playlist, and no reference inside of a container, leads to another file or to the network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt

from tast.errors import BadInput
from tast.records import FloatArray, VideoSource
from tast.video.images import MAX_PIXELS, require_pixels, size_of_png

log = logging.getLogger(__name__)

DURATION_TOLERANCE_S = 0.25
MOV_BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))  # those that such a file may begin with
FORMATS: dict[str, Callable[[bytes], bool]] = {  # FFmpeg's name of a container -> whether a file begins so (its first HEAD_BYTES)
    "avi": lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ",
    "mov": lambda head: head[4:8] in MOV_BOXES,
    "matroska": lambda head: head[:4] == b"\x1a\x45\xdf\xa3",
    "asf": lambda head: head[:8] == b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "mpeg": lambda head: head[:4] == b"\x00\x00\x01\xba",
    "mpegts": lambda head: head[:1] == b"\x47" and head[188:189] == b"\x47",
}
HEAD_BYTES = 189
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
EXPECTED = "an AVI, MP4, MOV, MKV, WebM, WMV or MPEG file"
MAX_STREAMS = 64
ONLY_THIS_FILE = {"protocol_whitelist": "none", "enable_drefs": "0", "max_streams": str(MAX_STREAMS)}
READ_BYTES = 2**16  # at a time; of 2**18 the heap keeps 180 KB for each video that was opened, in holes that nothing fits into


def container_format(head: bytes) -> str | None:
    """FFmpeg's name of the container that begins with these HEAD_BYTES; None for anything else, playlists above all."""
    return next((name for name, begins in FORMATS.items() if begins(head)), None)


@contextmanager
def opened(path: Path, max_pixels: int = MAX_PIXELS) -> Iterator[tuple[Any, Any]]:
    """A container and its first video stream, decoded on one thread; closed on leaving. Refused beyond max_pixels a frame."""
    try:
        if not path.is_file():
            raise BadInput(path, "no such file", "a video")
        raw = path.open("rb", buffering=0)
    except OSError as error:
        raise BadInput(path, f"cannot be opened ({error.strerror})", "a whole video") from None
    with raw as file:
        kind = container_format(file.read(HEAD_BYTES))
        if kind is None:
            raise BadInput(path, "cannot be opened: no video that is known by its first bytes", EXPECTED)
        file.seek(0)
        pixels = {"max_pixels": str(max_pixels)}
        try:
            options = ONLY_THIS_FILE | {"format_whitelist": kind} | pixels
            container = av.open(file, format=kind, options=options, buffer_size=READ_BYTES, metadata_errors="replace")
        except av.error.FFmpegError as error:
            raise BadInput(path, f"cannot be opened ({error.strerror})", "a whole video") from None
        with container:
            if not container.streams.video:
                raise BadInput(path, "no video stream", "a video")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise BadInput(path, "coded in a way that is not known here", "a video that FFmpeg can decode")
            require_pixels(path, stream.codec_context.width, stream.codec_context.height, max_pixels)
            stream.codec_context.thread_count = 1  # videos run in parallel already
            stream.codec_context.options = pixels  # a frame may be larger than its header says
            yield container, stream


def time_stamps(path: Path, container: Any, stream: Any) -> npt.NDArray[np.int64]:
    """(T,) time stamps of all sound packets in ticks, increasing."""
    stamps = [packet.pts for packet in container.demux(stream) if packet.size and not packet.is_corrupt]
    if not stamps or None in stamps:
        raise BadInput(path, "frames without time stamps", "a container that gives each frame its time")
    return np.unique(np.array(stamps, dtype=np.int64))


def container_times_s(path: Path) -> FloatArray:
    """(T,) time stamps of a container's frames in seconds since its first frame, increasing, without decoding a frame."""
    with opened(path) as (container, stream):
        ticks, seconds_per_tick = time_stamps(path, container, stream), float(stream.time_base)
    return (ticks - ticks[0]) * seconds_per_tick


def container_frame_count(path: Path) -> int:
    """Frames that the container's header announces; counted packet by packet where it announces none."""
    with opened(path) as (container, stream):
        return int(stream.frames) or sum(1 for packet in container.demux(stream) if packet.size)


def announced_end_s(container: Any) -> float:
    """Where Matroska's header says that the video ends (it announces no frame count); 0 where other streams may last longer."""
    alone = len(container.streams) == 1 and "matroska" in container.format.name
    return container.duration / av.time_base if alone and container.duration else 0.0


def missing_bytes(path: Path) -> int:
    """Bytes that a Matroska or AVI file announces and does not hold: it was cut off. 0 of others, and where it announces none.

    Matroska (RFC 8794): the EBML header, then the segment, each a name and a size of 1 to 8 bytes whose first bits say how many;
    all ones is a size that was not known when recording began. AVI: four bytes after RIFF, of the first of its parts.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    n_bytes = path.stat().st_size
    if FORMATS["avi"](head):
        return max(0, 8 + int.from_bytes(head[4:8], "little") - n_bytes)
    if not FORMATS["matroska"](head):
        return 0
    at, size, known = _ebml_size(head, len(EBML))
    at += size
    if not known or head[at : at + len(SEGMENT)] != SEGMENT:
        return 0
    at, size, known = _ebml_size(head, at + len(SEGMENT))
    return max(0, at + size - n_bytes) if known else 0


def _ebml_size(head: bytes, at: int) -> tuple[int, int, bool]:
    """Where the size that begins at `at` ends, the size, and whether it is known."""
    width = 9 - head[at].bit_length() if at < len(head) and head[at] else 8
    size = int.from_bytes(head[at : at + width], "big") & (2 ** (7 * width) - 1)
    return at + width, size, size != 2 ** (7 * width) - 1


class Extent(NamedTuple):
    """What a video will take to decode: the largest frame, time stamps (T,), and how many streams its container has."""

    width_px: int
    height_px: int
    times_s: FloatArray
    n_streams: int


def extent(video: VideoSource, *, max_frames: int, max_pixels: int) -> Extent:
    """From headers and time stamps alone, without decoding a frame; of a damaged container, up to the damage.

    Times are since the first frame; where the container announces a later end than its frames have, that is the last of them.
    Raises BadInput where nothing can be opened, and as soon as more than max_frames, or max_pixels a frame, are met.
    """
    if video.frame_files is not None:
        times_s = np.empty(0) if video.frame_times_s is None else video.frame_times_s
        _require_frames(video.path, len(video.frame_files), max_frames)
        sizes = [size_of_png(video.path / name, max_pixels) for name in video.frame_files]
        return Extent(*max(sizes, key=lambda size: size[0] * size[1]), times_s, 1)
    with opened(video.path, max_pixels) as (container, stream):
        width_px, height_px = stream.codec_context.width, stream.codec_context.height
        if not width_px * height_px:
            raise BadInput(video.path, "its first frame cannot be decoded, or has too many pixels", f"at most {max_pixels}")
        stamps: set[int] = set()
        n_frames = 0
        try:
            for packet in container.demux(stream):
                n_frames += packet.size > 0
                stamps.add(packet.pts) if packet.pts is not None else None
                _require_frames(video.path, n_frames, max_frames)
        except av.error.FFmpegError as error:
            log.info("%s: damaged after frame %d (%s)", video.path.name, n_frames, error.strerror)
        ticks = np.array(sorted(stamps) or [0], dtype=np.int64)
        times_s = (ticks - ticks[0]) * float(stream.time_base)
        announced_s = (container.duration or 0) / av.time_base
        times_s = np.append(times_s, announced_s) if announced_s > times_s[-1] + DURATION_TOLERANCE_S else times_s
        return Extent(width_px, height_px, times_s, len(container.streams))


def _require_frames(path: Path, n_frames: int, max_frames: int) -> None:
    if n_frames > max_frames:
        raise BadInput(path, f"more than {max_frames} frames", f"at most {max_frames}")
