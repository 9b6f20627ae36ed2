"""The program that opens videos of strangers: one process per video, confined before it touches a byte of it.

It is started once, with all that it needs imported, and forks for each video, which takes a few milliseconds. What it is told and
what it answers are JSON, an array's bytes after it where there is one; whoever asked takes no answer on trust (`apart`).
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tast.errors import BadInput
from tast.pictures import Picture, YuvPicture
from tast.records import VideoSource
from tast.video.confined import confine
from tast.video.containers import extent
from tast.video.facts import SourceMeter
from tast.video.read import read_pictures

LENGTH = struct.Struct("!I")  # of the JSON that follows
ASKS, ANSWERS = b"?", b"!"  # beside a descriptor: of a socket for one video's answers; of the process that gives them
OUT_OF_MEMORY = os.strerror(errno.ENOMEM)
Arrays = tuple[np.ndarray[Any, Any], ...]


class _Relay(SourceMeter):
    """Keeps what a container says of itself, for another meter: that one sees the frames."""

    def __init__(self) -> None:
        super().__init__()
        self.stream: dict[str, Any] | None = None
        self.n_bytes = 0

    def bytes_read(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes

    def stream_is(self, codec: str, subsampling: str, rotation_degrees: int, nominal_hz: float, colours: Any) -> None:
        self.stream = {
            "codec": codec, "subsampling": subsampling, "rotation_degrees": rotation_degrees, "nominal_hz": nominal_hz,
            "colours": list(colours),
        }  # fmt: skip

    def frame_seen(self, time_s: float, picture: Picture) -> None:
        pass

    def taken(self) -> dict[str, Any]:
        """Since it was asked last."""
        found = {"n_bytes": self.n_bytes, "stream": self.stream}
        self.n_bytes, self.stream = 0, None
        return found


def main(channel: socket.socket) -> None:
    """For each descriptor that comes, a process of its own answers on it; until the channel is closed."""
    children: set[int] = set()
    while True:
        asked, (*given,), _, _ = socket.recv_fds(channel, 1, 1)
        if not asked:
            return
        children = {one for one in children if os.waitpid(one, os.WNOHANG)[0] == 0}
        child = os.fork()
        if not child:
            channel.close()
            _answer_and_end(socket.socket(fileno=given[0]))
        children.add(child)
        process = os.pidfd_open(child)
        socket.send_fds(channel, [ANSWERS], [process])
        for one in (*given, process):
            os.close(one)


def _answer_and_end(to: socket.socket) -> None:
    """Never returns: what the program has open or would do at its end is not this process's to close or to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job = json.loads(received(to, *LENGTH.unpack(received(to, LENGTH.size))))
        send(to, {"filtered": confine(cpu_s=job["cpu_s"], memory_mb=job["memory_mb"])})
        for answer, arrays in _answers(job):
            send(to, answer, arrays)
    except (BrokenPipeError, ConnectionResetError, EOFError):
        pass  # nobody waits for the answer any more
    finally:
        if sys.exc_info()[0]:
            traceback.print_exc()
        os._exit(0)


def _answers(job: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Arrays]]:
    files, times_s = job["frame_files"], job["frame_times_s"]
    source = VideoSource(
        Path(job["path"]), None if files is None else tuple(files), None if times_s is None else np.array(times_s, float)
    )
    try:
        yield from (_pictures if job["wanted"] == "pictures" else _extent)(source, job)
    except (BadInput, MemoryError) as error:
        if isinstance(error, MemoryError) or OUT_OF_MEMORY in error.found:
            error = BadInput(source.path, f"decoding it takes more than {job['memory_mb']:g} MiB of memory", "smaller frames")
        yield {"path": error.path, "found": error.found, "expected": error.expected}, ()


def _extent(source: VideoSource, job: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Arrays]]:
    found = extent(source, max_frames=job["max_frames"], max_pixels=job["max_pixels"])
    answer = {"width_px": found.width_px, "height_px": found.height_px, "n_streams": found.n_streams}
    yield answer | {"n_times": len(found.times_s)}, (found.times_s.astype(np.float64),)


def _pictures(source: VideoSource, job: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Arrays]]:
    defects: list[str] = []
    relay = _Relay()
    for time_s, picture in read_pictures(source, defects, max_pixels=job["max_pixels"], meter=relay):
        answer: dict[str, Any] = {"time_s": time_s, **relay.taken()}
        planes: Arrays = (picture,) if isinstance(picture, np.ndarray) else (picture.luma, *picture.chroma)
        if isinstance(picture, YuvPicture):
            answer["yuv"] = {
                "to_rgb": picture.to_rgb.tolist(), "neutral": picture.neutral, "transfer": picture.transfer,
                "primaries": picture.primaries,
            }  # fmt: skip
        yield answer | {"planes": [[plane.dtype.str, list(plane.shape)] for plane in planes]}, planes
    if any(OUT_OF_MEMORY in one for one in defects):  # which FFmpeg tells as damage of the video
        raise MemoryError
    yield {"defects": defects, **relay.taken()}, ()


def send(to: socket.socket, answer: dict[str, Any], arrays: Arrays = ()) -> None:
    text = json.dumps(answer).encode()
    to.sendall(LENGTH.pack(len(text)) + text)
    for array in arrays:
        to.sendall(np.ascontiguousarray(array).data.cast("B"))


def received(sender: socket.socket, n_bytes: int) -> bytearray:
    """Raises EOFError where the sender ends before."""
    content = bytearray(n_bytes)
    view = memoryview(content)
    while len(view):
        if not (n_read := sender.recv_into(view)):
            raise EOFError
        view = view[n_read:]
    return content


if __name__ == "__main__":
    main(socket.socket(fileno=0))
