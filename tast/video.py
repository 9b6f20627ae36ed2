"""Decode video frame by frame, as RGB with true time stamps; the one place where BGR becomes RGB.

Image sequences are read by OpenCV, containers by PyAV (FFmpeg). On containers both cost the same per frame (H.264 0.45 against
0.50 ms, MJPEG 0.49 against 0.50 ms, 640x480, one thread), but PyAV honours the colour matrix that a file declares, gives exact
integer time stamps, and says which packets are damaged.

A container is known by its first bytes alone, never by its name, and FFmpeg is given one open file and its format: it can open
nothing else, so that no playlist, and no reference inside of a container, leads to another file or to the network.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from tast.errors import BadInput
from tast.pictures import Picture, RgbImage, YuvPicture
from tast.records import FloatArray, VideoSource

log = logging.getLogger(__name__)

Kind = TypeVar("Kind")
Upright = Callable[[av.VideoFrame, VideoReformatter], Kind]

DURATION_TOLERANCE_S = 0.25
YUV_FORMATS = frozenset(f"yuv{full}{kind}p" for full in ("", "j") for kind in ("420", "422", "444"))  # three planes of bytes
FULL_RANGE = 2  # FFmpeg's AVCOL_RANGE_JPEG
# Shares of red and blue in luma, by FFmpeg's number of the colour matrix that a file declares; BT.601's where it declares none.
LUMA_SHARES = {1: (0.2126, 0.0722)} | dict.fromkeys((2, 5, 6), (0.299, 0.114))
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
EXPECTED = "an AVI, MP4, MOV, MKV, WebM, WMV or MPEG file"
MAX_PIXELS = 7680 * 4320  # of a frame, where the caller sets no limit: beyond it a few kilobytes could ask for gigabytes
MAX_STREAMS = 64
ONLY_THIS_FILE = {"protocol_whitelist": "none", "enable_drefs": "0", "max_streams": str(MAX_STREAMS)}
READ_BYTES = 2**18  # at a time


def read_frames(video: VideoSource, defects: list[str] | None = None) -> Iterator[tuple[float, RgbImage]]:
    """Yield (time in seconds, (H, W, 3) uint8 RGB) frame by frame; only one decoded frame is held at a time.

    Times are video.frame_times_s where known (frames beyond them have no time and are left out), else the container's own time
    stamps counted from its first frame.
    A container that is cut short or damaged gives its good part first. Then its reason is appended to `defects` if a list is
    given, and raised as BadInput if not. A missing or damaged image of a sequence always raises BadInput, naming the image.
    """
    frames = _read_images(video) if video.frame_files is not None else _read_container(video, _upright_rgb)
    yield from _good_part(frames, defects)


def read_pictures(
    video: VideoSource, defects: list[str] | None = None, *, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[float, Picture]]:
    """As `read_frames`, at the full precision of the file: YuvPicture where a container holds luma and chroma in bytes.

    A frame of more than max_pixels is not decoded, whatever the header says of it.
    """
    if video.frame_files is not None:
        frames: Iterator[tuple[float, Picture]] = _read_images(video, max_pixels)
    else:
        frames = _read_container(video, _upright_picture, max_pixels)
    yield from _good_part(frames, defects)


def _good_part(frames: Iterator[tuple[float, Kind]], defects: list[str] | None) -> Iterator[tuple[float, Kind]]:
    try:
        yield from frames
    except TruncatedVideo as error:
        if defects is None:
            raise
        defects.append(f"{error.found}; expected {error.expected}")


class TruncatedVideo(BadInput):
    """The video breaks off early: every frame before the defect has been given."""


def read_png(path: Path, *, max_pixels: int = MAX_PIXELS) -> RgbImage:
    """One PNG as (H, W, 3) uint8 RGB. Raises BadInput where it is missing, cut short, damaged or of more than max_pixels.

    The chunks are checked first, since OpenCV gives a partly grey image for a truncated file without a word.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(path, f"cannot be read ({error.strerror})", "a PNG image") from None
    if defect := _png_defect(content):
        raise BadInput(path, defect, "a whole PNG image")
    _require_pixels(path, *_png_size(path, content), max_pixels)
    bgr = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise BadInput(path, "cannot be decoded", "a whole PNG image")
    return rgb_from_bgr(bgr)


def rgb_from_bgr(bgr: npt.NDArray[np.generic]) -> RgbImage:
    """(H, W, 3) as OpenCV gives it -> (H, W, 3) uint8 RGB."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def container_times_s(path: Path) -> FloatArray:
    """(T,) time stamps of a container's frames in seconds since its first frame, increasing, without decoding a frame."""
    with _opened(path) as (container, stream):
        ticks, seconds_per_tick = _stamps(path, container, stream), float(stream.time_base)
    return (ticks - ticks[0]) * seconds_per_tick


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
        sizes = [_size_of_png(video.path / name, max_pixels) for name in video.frame_files]
        return Extent(*max(sizes, key=lambda size: size[0] * size[1]), times_s, 1)
    with _opened(video.path, max_pixels) as (container, stream):
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


def container_format(head: bytes) -> str | None:
    """FFmpeg's name of the container that begins with these HEAD_BYTES; None for anything else, playlists above all."""
    return next((name for name, begins in FORMATS.items() if begins(head)), None)


def read_frames_at(video: VideoSource, times_s: FloatArray) -> list[tuple[float, RgbImage]]:
    """(time in seconds, (H, W, 3) uint8 RGB) of the frame next to each of times_s; of a container no more is decoded than needed.

    Times as in read_frames. Raises BadInput where such a frame cannot be read.
    """
    if video.frame_files is not None:
        known_s = np.empty(0) if video.frame_times_s is None else video.frame_times_s
        return [(float(known_s[n]), read_png(video.path / video.frame_files[n])) for n in _nearest(known_s, times_s)]
    with _opened(video.path) as (container, stream):
        ticks = _stamps(video.path, container, stream)
        known_s = (ticks - ticks[0]) * float(stream.time_base) if video.frame_times_s is None else video.frame_times_s
        numbers = _nearest(known_s[: len(ticks)], times_s)
        return [(float(known_s[n]), _frame_at(video.path, container, stream, int(ticks[n]))) for n in numbers]


def container_frame_count(path: Path) -> int:
    """Frames that the container's header announces; counted packet by packet where it announces none."""
    with _opened(path) as (container, stream):
        return int(stream.frames) or sum(1 for packet in container.demux(stream) if packet.size)


def _nearest(known_s: FloatArray, times_s: FloatArray) -> list[int]:
    return [int(np.argmin(np.abs(known_s - time_s))) for time_s in times_s]


def _stamps(path: Path, container: Any, stream: Any) -> npt.NDArray[np.int64]:
    """(T,) time stamps of all sound packets in ticks, increasing."""
    stamps = [packet.pts for packet in container.demux(stream) if packet.size and not packet.is_corrupt]
    if not stamps or None in stamps:
        raise BadInput(path, "frames without time stamps", "a container that gives each frame its time")
    return np.unique(np.array(stamps, dtype=np.int64))


def _frame_at(path: Path, container: Any, stream: Any, ticks: int) -> RgbImage:
    """The frame with that time stamp, decoded from the last key frame before it on."""
    try:
        container.seek(ticks, stream=stream)
        found = next((frame for frame in container.decode(stream) if frame.pts is not None and frame.pts >= ticks), None)
    except av.error.FFmpegError as error:
        raise BadInput(path, f"no frame can be decoded at tick {ticks} ({error.strerror})", "a whole video") from None
    if found is None:
        raise BadInput(path, f"no frame at tick {ticks}", "a whole video")
    return _upright_rgb(found, VideoReformatter())


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


def _size_of_png(path: Path, max_pixels: int) -> tuple[int, int]:
    with path.open("rb") as file:
        size = _png_size(path, file.read(24))
    _require_pixels(path, *size, max_pixels)
    return size


def _png_size(path: Path, content: bytes) -> tuple[int, int]:
    """Width and height that a PNG's first chunk announces."""
    if not content.startswith(PNG_SIGNATURE) or content[12:16] != b"IHDR" or len(content) < 24:
        raise BadInput(path, "no size in its first bytes", "a PNG image")
    width_px, height_px = struct.unpack(">II", content[16:24])
    return width_px, height_px


def _require_pixels(path: Path, width_px: int, height_px: int, max_pixels: int) -> None:
    if width_px * height_px > max_pixels:
        raise BadInput(path, f"{width_px} x {height_px} pixels are too many", f"at most {max_pixels} in a frame")


def _require_frames(path: Path, n_frames: int, max_frames: int) -> None:
    if n_frames > max_frames:
        raise BadInput(path, f"more than {max_frames} frames", f"at most {max_frames}")


def _read_images(video: VideoSource, max_pixels: int = MAX_PIXELS) -> Iterator[tuple[float, RgbImage]]:
    if video.frame_times_s is None:
        raise BadInput(video.path, "images without time stamps", "the time of each image")
    for name, time_s in zip(video.frame_files or (), video.frame_times_s, strict=True):
        yield float(time_s), read_png(video.path / name, max_pixels=max_pixels)


def _read_container(video: VideoSource, upright: Upright[Kind], max_pixels: int = MAX_PIXELS) -> Iterator[tuple[float, Kind]]:
    with _opened(video.path, max_pixels) as (container, stream):
        frames = _upright_frames(video.path, container, stream, upright)
        if video.frame_times_s is None:
            yield from _at_own_times(video.path, frames, float(stream.time_base))
        else:
            yield from _at_given_times(video.path, frames, video.frame_times_s)


def _at_given_times(path: Path, frames: Iterator[tuple[int | None, Kind]], times_s: FloatArray) -> Iterator[tuple[float, Kind]]:
    n_read = 0
    for _, frame in frames:
        if n_read == len(times_s):
            log.warning("%s: frames beyond its %d time stamps are left out", path, n_read)
            return
        yield float(times_s[n_read]), frame
        n_read += 1
    if n_read < len(times_s):
        raise TruncatedVideo(path, f"ends after {n_read} of {len(times_s)} frames", "a frame for each time stamp")


def _at_own_times(path: Path, frames: Iterator[tuple[int | None, Kind]], tick_s: float) -> Iterator[tuple[float, Kind]]:
    first: int | None = None
    previous = -1
    for n_read, (ticks, frame) in enumerate(frames):
        if ticks is None:
            raise BadInput(path, f"frame {n_read} has no time stamp", "a container that gives each frame its time")
        first = ticks if first is None else first
        if ticks - first <= previous:
            raise TruncatedVideo(path, f"time stands still or goes back at frame {n_read}", "increasing time stamps")
        previous = ticks - first
        yield previous * tick_s, frame


def _upright_frames(path: Path, container: Any, stream: Any, upright: Upright[Kind]) -> Iterator[tuple[int | None, Kind]]:
    """(time stamp in ticks, upright picture) of each sound frame; TruncatedVideo at the end where more were announced."""
    to_rgb = VideoReformatter()  # kept, since a new scaler per frame costs as much as decoding it
    n_read, last_s = 0, 0.0
    for frame in _sound_frames(path, container, stream):
        yield frame.pts, upright(frame, to_rgb)
        n_read, last_s = n_read + 1, frame.time or 0.0
    if n_read == 0:
        raise BadInput(path, "no frame can be decoded", "a video")
    if n_read < stream.frames:
        raise TruncatedVideo(path, f"ends after {n_read} of {stream.frames} frames", "as many frames as its header announces")
    if last_s + DURATION_TOLERANCE_S < (end_s := _announced_end_s(container)):
        raise TruncatedVideo(path, f"ends at {last_s:.3f} s, frame {n_read}", f"the {end_s:.3f} s that its header announces")


def _announced_end_s(container: Any) -> float:
    """Where Matroska's header says that the video ends (it announces no frame count); 0 where other streams may last longer."""
    alone = len(container.streams) == 1 and "matroska" in container.format.name
    return container.duration / av.time_base if alone and container.duration else 0.0


def _sound_frames(path: Path, container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    """Decoded frames up to the first damage, which then raises TruncatedVideo."""
    n_read = 0
    try:
        for frame in _decode_until_damaged(container, stream):
            if frame is None or frame.is_corrupt:
                raise TruncatedVideo(path, f"damaged after frame {n_read}", "a whole video")
            n_read += 1
            yield frame
    except av.error.FFmpegError as error:
        raise TruncatedVideo(path, f"damaged after frame {n_read} ({error.strerror})", "a whole video") from None


def _decode_until_damaged(container: Any, stream: Any) -> Iterator[av.VideoFrame | None]:
    """Frames in order of display; a None marks a damaged packet, after the frames that the decoder still held back."""
    for packet in container.demux(stream):
        if packet.is_corrupt:
            yield from stream.codec_context.decode(None)
            yield None
            return
        yield from packet.decode()


def _upright_rgb(frame: av.VideoFrame, to_rgb: VideoReformatter) -> RgbImage:
    """(H, W, 3) uint8 RGB, turned as the file's rotation mark (degrees counter-clockwise) asks."""
    rgb = to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, k=round(frame.rotation / 90)), dtype=np.uint8)


def _upright_picture(frame: av.VideoFrame, to_rgb: VideoReformatter) -> Picture:
    """As it is coded where that is YUV in bytes, else as `_upright_rgb`."""
    if frame.format.name not in YUV_FORMATS or int(frame.colorspace) not in LUMA_SHARES:
        return _upright_rgb(frame, to_rgb)
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


@contextmanager
def _opened(path: Path, max_pixels: int = MAX_PIXELS) -> Iterator[tuple[Any, Any]]:
    """A container and its first video stream, decoded on one thread; closed on leaving. Refused beyond max_pixels a frame."""
    if not path.is_file():
        raise BadInput(path, "no such file", "a video")
    try:
        opened = path.open("rb", buffering=0)
    except OSError as error:
        raise BadInput(path, f"cannot be opened ({error.strerror})", "a whole video") from None
    with opened as file:
        kind = container_format(file.read(HEAD_BYTES))
        if kind is None:
            raise BadInput(path, "cannot be opened: no video that is known by its first bytes", EXPECTED)
        file.seek(0)
        pixels = {"max_pixels": str(max_pixels)}
        try:
            options = ONLY_THIS_FILE | {"format_whitelist": kind} | pixels
            container = av.open(file, format=kind, options=options, buffer_size=READ_BYTES)
        except av.error.FFmpegError as error:
            raise BadInput(path, f"cannot be opened ({error.strerror})", "a whole video") from None
        with container:
            if not container.streams.video:
                raise BadInput(path, "no video stream", "a video")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise BadInput(path, "coded in a way that is not known here", "a video that FFmpeg can decode")
            _require_pixels(path, stream.codec_context.width, stream.codec_context.height, max_pixels)
            stream.codec_context.thread_count = 1  # videos run in parallel already
            stream.codec_context.options = pixels  # a frame may be larger than its header says
            yield container, stream
