"""Videos of strangers, decoded in a process of their own that is confined to that: a decoder is where bytes do what they like.

The frames are the same as from `tast.video.read`, bit for bit. They come through a socket, while the next ones are decoded: on
two cores that is no slower.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from tast.errors import BadInput
from tast.instruction_set import CHOSEN, SWITCHES
from tast.pictures import Picture, YuvPicture
from tast.records import VideoSource
from tast.video.containers import Extent
from tast.video.decoder import ANSWERS, ASKS, LENGTH, send
from tast.video.facts import SourceMeter
from tast.video.images import MAX_PIXELS
from tast.video.transfer import TO_PRIMARIES, TRANSFERS
from tast.video.upright import FrameColours

log = logging.getLogger(__name__)

START = """
import json, runpy, sys
sys.path[:] = json.loads(sys.argv[1])
runpy.run_module("tast.video.decoder", run_name="__main__")
"""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
OF_DISABLED = ("NPY_DISABLE_CPU_FEATURES", "OPENCV_CPU_DISABLE")
PASSED_ON = (CHOSEN, *SWITCHES, *OF_DISABLED)  # of the environment, so that it computes as here; the rest may be secrets
LOOK_EVERY_S = 0.2
ANSWER_BYTES = 2**16
BUFFER_BYTES = 2**22  # some frames, so that decoding them does not wait for what is done with the one before

Count = Annotated[int, Field(ge=0, lt=2**31)]
Text = Annotated[str, Field(max_length=2000)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Began(_Answer):
    filtered: bool


class _Failed(_Answer):
    path: Text
    found: Text
    expected: Text


class _Measured(_Answer):
    width_px: Count
    height_px: Count
    n_streams: Count
    n_times: Count


class _Stream(_Answer):
    codec: Text
    subsampling: Literal["420", "422", "444", ""]
    rotation_degrees: int
    nominal_hz: FiniteFloat
    colours: tuple[Count, Text, bool, Text, Text, tuple[Text, ...], Text]


class _Yuv(_Answer):
    to_rgb: Annotated[list[Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]], Field(min_length=3, max_length=3)]
    neutral: FiniteFloat
    transfer: Text
    primaries: Text


class _Shown(_Answer):
    time_s: FiniteFloat
    planes: list[tuple[Literal["|u1", "<u2"], list[Count]]]
    n_bytes: int = Field(ge=0)
    stream: _Stream | None
    yuv: _Yuv | None = None


class _Ended(_Answer):
    defects: list[Text]
    n_bytes: int = Field(ge=0)
    stream: _Stream | None


class Decoder:
    """A program that decodes for this one, however many ask at once; it ends with this process, or with `close`.

    cpu_s, memory_mb: what decoding one video may take.
    """

    def __init__(self, *, cpu_s: float, memory_mb: float) -> None:
        self._cpu_s, self._memory_mb = cpu_s, memory_mb
        self._asking = threading.Lock()
        self._told_unfiltered = False
        self._start()

    def extent(self, source: VideoSource, *, max_frames: int, max_pixels: int, watch: Callable[[], None]) -> Extent:
        """As tast.video.containers.extent. watch is called again and again; what it raises ends the work."""
        job = self._job(source, "extent", max_frames=max_frames, max_pixels=max_pixels)
        with self._answering(source.path, job, watch) as answers:
            found = answers.take(_Measured)
            if found.n_times > max_frames + 1:  # one more, where the header announces a later end
                raise answers.broken()
            return Extent(found.width_px, found.height_px, answers.array("<f8", [found.n_times]), found.n_streams)

    def pictures(
        self, source: VideoSource, defects: list[str], *, max_pixels: int = MAX_PIXELS, meter: SourceMeter,
        watch: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[float, Picture]]:  # fmt: skip
        """As tast.video.read.read_pictures. Raises BadInput as well where decoding takes more than it may. watch: as above."""
        with self._answering(source.path, self._job(source, "pictures", max_pixels=max_pixels), watch) as answers:
            while True:
                answer = answers.take(_Shown, _Ended)
                meter.bytes_read(answer.n_bytes)
                if answer.stream is not None:
                    fields = answer.stream.model_dump(exclude={"colours"})
                    meter.stream_is(**fields, colours=FrameColours(*answer.stream.colours))
                if isinstance(answer, _Ended):
                    defects += answer.defects
                    return
                picture = answers.picture(answer, max_pixels)
                meter.frame_seen(answer.time_s, picture)
                yield answer.time_s, picture

    def close(self) -> None:
        self._end()

    def _job(self, source: VideoSource, wanted: str, **limits: int) -> dict[str, Any]:
        times_s = source.frame_times_s
        return {
            "path": str(source.path), "frame_files": source.frame_files, "wanted": wanted, **limits,
            "frame_times_s": None if times_s is None else times_s.tolist(), "cpu_s": self._cpu_s, "memory_mb": self._memory_mb,
        }  # fmt: skip

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        paths = [str(Path(__file__).parents[2]), *sys.path]  # this project is importable in ways that sys.path does not show
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", START, json.dumps(paths)], stdin=theirs.fileno(), stdout=subprocess.DEVNULL,
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | ONE_THREAD, start_new_session=True,
            )  # fmt: skip
        self._process, self._channel = process, ours
        self._end = weakref.finalize(self, _end, process, ours)

    @contextmanager
    def _answering(self, path: Path, job: dict[str, Any], watch: Callable[[], None]) -> Iterator[_Answers]:
        ours, theirs = socket.socketpair()
        with ours:
            for one in (ours, theirs):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            with theirs:
                process = self._ask(theirs)
            try:
                answers = _Answers(path, ours, watch, f"{self._cpu_s:g} s of computing or {self._memory_mb:g} MiB")
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    send(ours, job)
                filtered = answers.take(_Began).filtered
                if not (filtered or self._told_unfiltered):
                    log.warning("this system has no filter of system calls: decoders are limited in time, memory and files alone")
                    self._told_unfiltered = True
                yield answers
            finally:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                os.close(process)

    def _ask(self, answers_to: socket.socket) -> int:
        """A descriptor of the process that will answer. A program that ended, whatever killed it, is started once more."""
        with self._asking:
            for last in (False, True):
                try:
                    socket.send_fds(self._channel, [ASKS], [answers_to.fileno()])
                    said, (*processes,), _, _ = socket.recv_fds(self._channel, 1, 1)
                    if said == ANSWERS and processes:
                        return int(processes[0])
                except OSError:
                    if last:
                        raise
                self._end()
                self._start()
        raise OSError("the program that decodes videos ends at once")


class _Answers:
    """What one process says, which may have been taken over by what it read: nothing is taken that is not expected."""

    def __init__(self, path: Path, sender: socket.socket, watch: Callable[[], None], limits: str) -> None:
        self._path, self._sender, self._watch, self._limits = path, sender, watch, limits
        sender.settimeout(LOOK_EVERY_S)

    def take(self, *kinds: type[_Answer]) -> Any:
        """The next answer. Raises the BadInput that it is, or one where it is none of the kinds."""
        (length,) = LENGTH.unpack(self._received(LENGTH.size))
        if length > ANSWER_BYTES:
            raise self.broken()
        content = bytes(self._received(length))
        expected: tuple[type[_Answer], ...] = (*kinds, _Failed)
        for kind in expected:
            with contextlib.suppress(ValidationError):
                answer = kind.model_validate_json(content)
                if isinstance(answer, _Failed):
                    raise BadInput(answer.path, answer.found, answer.expected)
                return answer
        raise self.broken()

    def picture(self, shown: _Shown, max_pixels: int) -> Picture:
        shapes = [shape for _, shape in shown.planes]
        if not shapes or any(math.prod(shape[:2]) > max_pixels for shape in shapes):
            raise self.broken()
        if shown.yuv is None:
            if len(shapes) != 1 or shown.planes[0][0] != "|u1" or len(shapes[0]) != 3 or shapes[0][2] != 3:
                raise self.broken()
            return self.array("|u1", shapes[0])
        known = shown.yuv.transfer in TRANSFERS and shown.yuv.primaries in TO_PRIMARIES
        if len(shapes) != 3 or any(len(shape) != 2 for shape in shapes) or shapes[1] != shapes[2] or not known:
            raise self.broken()
        luma, blue, red = (self.array(*plane) for plane in shown.planes)
        fields = shown.yuv.model_dump(exclude={"to_rgb"})
        return YuvPicture(luma, (blue, red), np.array(shown.yuv.to_rgb, np.float32), **fields)

    def array(self, kind: str, shape: list[int]) -> np.ndarray[Any, Any]:
        content = self._received(math.prod(shape) * np.dtype(kind).itemsize)
        return np.frombuffer(content, kind).reshape(shape)

    def broken(self) -> BadInput:
        return BadInput(self._path, f"its decoder broke down, or took more than {self._limits}", "a video that can be decoded")

    def _received(self, n_bytes: int) -> bytearray:
        content = bytearray(n_bytes)
        view = memoryview(content)
        while len(view):
            try:
                n_read = self._sender.recv_into(view)
            except TimeoutError:
                self._watch()
                continue
            except ConnectionResetError:
                n_read = 0
            if not n_read:
                raise self.broken()
            view = view[n_read:]
        return content


def _end(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    process.kill()
    process.wait()
