"""Odd videos of a real face, by FFmpeg's own writers: what is odd is in the time stamps, the sizes, the codec or who is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from tast.video.coding import Coding
from tast.video.write_coded import write_coded
from tests.prediction.conftest import film

Frame = npt.NDArray[np.uint8]
SOUND = Coding("mjpeg", ".mkv", quality=2, full_range=True)  # Matroska holds each frame's own time
TICK = Fraction(1, 1000)


def write(path: Path, frames: Iterable[tuple[float, Frame]]) -> Path:
    return write_coded(path.with_suffix(""), frames, SOUND)


def face(seconds: float, fps_hz: float = 25.0, hidden: range = range(0)) -> Iterator[tuple[float, Frame]]:
    return film(seconds, fps_hz=fps_hz, hidden=hidden)


def resized(frames: Iterable[tuple[float, Frame]], width: int, height: int) -> Iterator[tuple[float, Frame]]:
    return ((time_s, cv2.resize(rgb, (width, height))) for time_s, rgb in frames)


def two_faces(seconds: float) -> Iterator[tuple[float, Frame]]:
    return ((time_s, np.hstack([rgb, rgb[:, ::-1]])) for time_s, rgb in face(seconds))


def at_times(times_s: Sequence[float], frame: Frame) -> Iterator[tuple[float, Frame]]:
    return ((time_s, frame) for time_s in times_s)


def nobody(width: int = 64, height: int = 48) -> Frame:
    return np.full((height, width, 3), 90, np.uint8)


def later(frames: Iterable[tuple[float, Frame]], by_s: float) -> Iterator[tuple[float, Frame]]:
    return ((time_s + by_s, rgb) for time_s, rgb in frames)


def write_stream(
    path: Path, frames: Iterable[tuple[float, Frame]], codec: str, pixel_format: str = "yuv420p", **options: str
) -> Path:
    """One codec, one size, times in ms, into whatever container the name says."""
    frames = iter(frames)
    first = next(frames)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = first[1].shape[:2]
        stream.pix_fmt = pixel_format
        for time_s, rgb in (first, *frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def joined(path: Path, parts: Sequence[Path]) -> Path:
    """MPEG transport streams one behind the other, as recorders and `cat` make them."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


def write_growing_jpegs(path: Path, parts: Sequence[Iterable[tuple[float, Frame]]]) -> Path:
    """Motion JPEG whose pictures change their size midway: each packet is a JPEG of its own, and the container does not mind."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.pix_fmt = "yuvj420p"
        began = False
        for part in parts:
            for time_s, rgb in part:
                if not began:
                    stream.height, stream.width = rgb.shape[:2]
                    began = True
                packet = av.Packet(cv2.imencode(".jpg", rgb[..., ::-1])[1].tobytes())
                packet.stream, packet.time_base = stream, TICK
                packet.pts = packet.dts = round(time_s * 1000)
                packet.is_keyframe = True
                container.mux(packet)
    return path


def first_of(frames: Iterable[tuple[float, Frame]], n: int) -> list[tuple[float, Frame]]:
    return list(islice(frames, n))
