"""Decode video frame by frame, with true time stamps.

Image sequences are read by OpenCV, containers by PyAV (FFmpeg). On containers both cost the same per frame (H.264 0.45 against
0.50 ms, MJPEG 0.49 against 0.50 ms, 640x480, one thread), but PyAV honours the colour matrix that a file declares, gives exact
integer time stamps, and says which packets are damaged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from tast.errors import BadInput
from tast.pictures import Picture, RgbImage
from tast.records import FloatArray, SourceFacts, VideoSource
from tast.video.containers import DURATION_TOLERANCE_S, announced_end_s, missing_bytes, opened, time_stamps
from tast.video.facts import SourceMeter
from tast.video.images import MAX_PIXELS, read_images, read_png
from tast.video.upright import lost_colours, upright_picture, upright_rgb

log = logging.getLogger(__name__)

Kind = TypeVar("Kind")
Upright = Callable[[av.VideoFrame, VideoReformatter], Kind]


def read_frames(video: VideoSource, defects: list[str] | None = None) -> Iterator[tuple[float, RgbImage]]:
    """Yield (time in seconds, (H, W, 3) uint8 RGB) frame by frame; only one decoded frame is held at a time.

    Times are video.frame_times_s where known (frames beyond them have no time and are left out), else the container's own time
    stamps counted from its first frame.
    A container that is cut short or damaged gives its good part first. Then its reason is appended to `defects` if a list is
    given, and raised as BadInput if not. A missing or damaged image of a sequence always raises BadInput, naming the image.
    """
    frames = read_images(video) if video.frame_files is not None else _read_container(video, upright_rgb)
    yield from _good_part(frames, defects)


def read_pictures(
    video: VideoSource, defects: list[str] | None = None, *, max_pixels: int = MAX_PIXELS, meter: SourceMeter | None = None
) -> Iterator[tuple[float, Picture]]:
    """As `read_frames`, at the full precision of the file: YuvPicture where a container holds luma and chroma.

    HLG, PQ and BT.2020 go on as coded, and so marked. Colours that cannot be undone raise BadInput, as in `read_frames`.
    A frame of more than max_pixels is not decoded, whatever the header says of it. meter: sees what is read.
    """
    if video.frame_files is not None:
        frames: Iterator[tuple[float, Picture]] = read_images(video, max_pixels, meter)
    else:
        frames = _read_container(video, upright_picture, max_pixels, meter)
    for time_s, picture in _good_part(frames, defects):
        if meter:
            meter.frame_seen(time_s, picture)
        yield time_s, picture


def source_facts(video: VideoSource, *, most_frames: int) -> SourceFacts | None:
    """What the video is made of, by its first frames alone; None where it has none. Raises BadInput as `read_pictures` does."""
    meter = SourceMeter()
    for _ in islice(read_pictures(video, [], meter=meter), most_frames):
        pass
    return meter.facts()


def read_frames_at(video: VideoSource, times_s: FloatArray) -> list[tuple[float, RgbImage]]:
    """(time in seconds, (H, W, 3) uint8 RGB) of the frame next to each of times_s; of a container no more is decoded than needed.

    Times as in read_frames. Raises BadInput where such a frame cannot be read.
    """
    if video.frame_files is not None:
        known_s = np.empty(0) if video.frame_times_s is None else video.frame_times_s
        return [(float(known_s[n]), read_png(video.path / video.frame_files[n])) for n in _nearest(known_s, times_s)]
    with opened(video.path) as (container, stream):
        ticks = time_stamps(video.path, container, stream)
        known_s = (ticks - ticks[0]) * float(stream.time_base) if video.frame_times_s is None else video.frame_times_s
        numbers = _nearest(known_s[: len(ticks)], times_s)
        return [(float(known_s[n]), _frame_at(video.path, container, stream, int(ticks[n]))) for n in numbers]


def _good_part(frames: Iterator[tuple[float, Kind]], defects: list[str] | None) -> Iterator[tuple[float, Kind]]:
    try:
        yield from frames
    except TruncatedVideo as error:
        if defects is None:
            raise
        defects.append(f"{error.found}; expected {error.expected}")


class TruncatedVideo(BadInput):
    """The video breaks off early: every frame before the defect has been given."""


def _nearest(known_s: FloatArray, times_s: FloatArray) -> list[int]:
    return [int(np.argmin(np.abs(known_s - time_s))) for time_s in times_s]


def _frame_at(path: Path, container: Any, stream: Any, ticks: int) -> RgbImage:
    """The frame with that time stamp, decoded from the last key frame before it on."""
    try:
        container.seek(ticks, stream=stream)
        found = next((frame for frame in container.decode(stream) if frame.pts is not None and frame.pts >= ticks), None)
    except av.error.FFmpegError as error:
        raise BadInput(path, f"no frame can be decoded at tick {ticks} ({error.strerror})", "a whole video") from None
    if found is None:
        raise BadInput(path, f"no frame at tick {ticks}", "a whole video")
    _require_colours(path, found, stream)
    return upright_rgb(found, VideoReformatter())


def _read_container(
    video: VideoSource, upright: Upright[Kind], max_pixels: int = MAX_PIXELS, meter: SourceMeter | None = None
) -> Iterator[tuple[float, Kind]]:
    with opened(video.path, max_pixels) as (container, stream):
        frames = _upright_frames(video.path, container, stream, upright, meter)
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


def _upright_frames(
    path: Path, container: Any, stream: Any, upright: Upright[Kind], meter: SourceMeter | None
) -> Iterator[tuple[int | None, Kind]]:
    """(time stamp in ticks, upright picture) of each sound frame; TruncatedVideo at the end where more were announced."""
    to_rgb = VideoReformatter()  # kept, since a new scaler per frame costs as much as decoding it
    n_read, last_s, step_s = 0, 0.0, 0.0
    size: tuple[int, int] | None = None
    for frame in _sound_frames(path, container, stream, meter):
        if meter and not n_read:
            meter.stream_began(frame, stream)
        _require_colours(path, frame, stream)
        if size not in (None, (frame.width, frame.height)):  # the face that was followed is elsewhere now
            found = f"frames of {frame.width} x {frame.height} from frame {n_read} on"
            raise TruncatedVideo(path, found, f"{size[0]} x {size[1]}, as before")
        size = frame.width, frame.height
        yield frame.pts, upright(frame, to_rgb)
        n_read, step_s, last_s = n_read + 1, max(0.0, (frame.time or 0.0) - last_s), frame.time or 0.0
    if n_read == 0:
        raise BadInput(path, "no frame can be decoded", "a video")
    if n_read < stream.frames:
        raise TruncatedVideo(path, f"ends after {n_read} of {stream.frames} frames", "as many frames as its header announces")
    if (missing := missing_bytes(path)) > 0:
        raise TruncatedVideo(path, f"ends after {n_read} frames", f"{missing:,} bytes more, which its header announces")
    if last_s + max(DURATION_TOLERANCE_S, 2 * step_s) < (  # the last frame lasts as well
        end_s := announced_end_s(container)
    ):
        raise TruncatedVideo(path, f"ends at {last_s:.3f} s, frame {n_read}", f"the {end_s:.3f} s that its header announces")


def _require_colours(path: Path, frame: av.VideoFrame, stream: Any) -> None:
    if lost := lost_colours(frame, stream.codec_context.codec_tag):
        raise BadInput(path, lost, "SDR, HLG or PQ with the matrix of BT.601, BT.709 or BT.2020")


def _sound_frames(path: Path, container: Any, stream: Any, meter: SourceMeter | None) -> Iterator[av.VideoFrame]:
    """Decoded frames up to the first damage, which then raises TruncatedVideo."""
    n_read = 0
    try:
        for frame in _decode_until_damaged(container, stream, meter):
            if frame is None or frame.is_corrupt:
                raise TruncatedVideo(path, f"damaged after frame {n_read}", "a whole video")
            n_read += 1
            yield frame
    except av.error.FFmpegError as error:
        raise TruncatedVideo(path, f"damaged after frame {n_read} ({error.strerror})", "a whole video") from None


def _decode_until_damaged(container: Any, stream: Any, meter: SourceMeter | None) -> Iterator[av.VideoFrame | None]:
    """Frames in order of display; a None marks a damaged packet, after the frames that the decoder still held back."""
    for packet in container.demux(stream):
        if packet.is_corrupt:
            yield from stream.codec_context.decode(None)
            yield None
            return
        if meter:
            meter.bytes_read(packet.size)
        yield from packet.decode()
