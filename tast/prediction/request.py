"""A video that somebody sends: its bytes or a path, within limits of size and time, one at a time."""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from av.error import FFmpegError

from tast.datasets.layout import reason_below
from tast.errors import BadInput, TastError, VideoRejected
from tast.prediction.predict import predict_video
from tast.prediction.sources import video_source
from tast.prediction.trace import PredictedTrace
from tast.records import VideoSource
from tast.saved_model import load_model
from tast.video import container_times_s

MEBIBYTE = 2**20
SIGNATURES = {  # what a file begins with -> its ending; nothing else is opened, so that no playlist can name other files
    "avi": lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ",
    "mp4": lambda head: head[4:8] == b"ftyp",
    "mkv": lambda head: head[:4] == b"\x1a\x45\xdf\xa3",
}


class TookTooLong(TastError):
    """The time of a request ran out."""


class VideoReader:
    """A saved model that reads videos for others, however many ask at once.

    max_mb: largest video, in MiB. max_s: longest video, from its first frame to its last. timeout_s: longest time for one
    request, waiting for others included. video_root: the folder that paths must lie in; None: anywhere.
    """

    def __init__(
        self, model_folder: Path, *, max_mb: float, timeout_s: float, max_s: float = math.inf, video_root: Path | None = None
    ) -> None:
        self._model, self._card = load_model(model_folder)
        self._max_mb, self._max_s, self._timeout_s = max_mb, max_s, timeout_s
        self._root = None if video_root is None else video_root.resolve()
        self._free = threading.Lock()  # dlib's detector serves one at a time

    def deadline_s(self) -> float:
        """For a request that comes now, on the monotonic clock."""
        return time.monotonic() + self._timeout_s

    def read_bytes(
        self, name: str, content: bytes, *, min_quality: float, deadline_s: float, largest_face: bool = False
    ) -> PredictedTrace:
        """The trace of a container file's content (AVI, MP4, MOV, MKV or WebM).

        Raises BadInput or VideoRejected where the video is none, too large, too long or refused; TookTooLong.
        """
        self._require_size(name, len(content))
        ending = next((ending for ending, begins in SIGNATURES.items() if begins(content[:12])), None)
        if ending is None:
            raise BadInput(name, "no video that is known by its first bytes", "an AVI, MP4, MOV, MKV or WebM file")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.{ending}"
            path.write_bytes(content)
            return self._read(name, path, min_quality, largest_face, deadline_s)

    def read_path(self, path: Path, *, min_quality: float, deadline_s: float, largest_face: bool = False) -> PredictedTrace:
        """The trace of a video file, or of a folder of PURE's images, on this machine. Raises as read_bytes."""
        real = path.resolve()
        if self._root is not None and not real.is_relative_to(self._root):
            raise BadInput(path.name, "outside of the folder that videos may lie in", "a path inside it")
        if not real.exists():
            raise BadInput(path.name, "no such file or folder", "a video")
        files = [real] if real.is_file() else list(real.rglob("*.png"))
        self._require_size(path.name, sum(file.stat().st_size for file in files))
        return self._read(path.stem if real.is_file() else path.name, real, min_quality, largest_face, deadline_s)

    def _require_size(self, name: str, size: int) -> None:
        if size > self._max_mb * MEBIBYTE:
            raise BadInput(name, f"{size / MEBIBYTE:.1f} MiB are too large", f"at most {self._max_mb:g} MiB")

    def _require_length(self, source: VideoSource) -> None:
        if (length_s := _length_s(source)) > self._max_s:
            raise BadInput(source.path, f"{length_s:.1f} s are too long", f"at most {self._max_s:g} s")

    def _read(self, name: str, path: Path, min_quality: float, largest_face: bool, deadline_s: float) -> PredictedTrace:
        def in_time() -> None:
            if time.monotonic() > deadline_s:
                raise TookTooLong(f"{name}: not done within {self._timeout_s:g} s; send a shorter or smaller video")

        with self._turn(name, deadline_s):
            try:
                source, notes = video_source(path)
                self._require_length(source)
                asked: dict[str, Any] = {"min_quality": min_quality, "largest_face": largest_face, "watch": in_time}
                trace = predict_video(name, source, self._model, self._card, **asked)
            except (BadInput, VideoRejected) as error:
                raise VideoRejected(name, reason_below(path.parent, error)) from None  # no folder of this machine is told
        return replace(trace, notes=notes + trace.notes)

    @contextmanager
    def _turn(self, name: str, deadline_s: float) -> Iterator[None]:
        if not self._free.acquire(timeout=max(0.0, deadline_s - time.monotonic())):
            raise TookTooLong(f"{name}: other videos took all of the {self._timeout_s:g} s; try again later")
        try:
            yield
        finally:
            self._free.release()


def _length_s(source: VideoSource) -> float:
    """From the first frame to the last, known before any is decoded; 0 for a damaged video, which is told where it is read."""
    try:
        times_s = container_times_s(source.path) if source.frame_times_s is None else source.frame_times_s
    except (BadInput, FFmpegError):
        return 0.0
    return float(times_s[-1] - times_s[0]) if len(times_s) else 0.0
