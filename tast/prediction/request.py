"""A video that somebody sends: its bytes, or a path below one folder, within limits that hold before it is decoded.

It is decoded in a process of its own (tast.video.apart).

Both ways lead through one door. The file that a path names is opened once, step by step below the folder, and copied to a
private place; from there on it is read as bytes that were sent. What is said of a path outside of the folder is what is said of
one that does not exist.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tast.datasets.layout import reason_below
from tast.datasets.pure import IMAGE
from tast.datasets.vipl_hr import STAMPS, VIDEO
from tast.errors import BadInput, TastError, VideoRejected
from tast.prediction.asked import Asked
from tast.prediction.growing import Growth, predict_growing
from tast.prediction.limits import Limits
from tast.prediction.predict import predict_video
from tast.prediction.sources import CONTAINERS, video_source
from tast.prediction.trace import PredictedTrace
from tast.preprocessing.pieces import PIECE_S
from tast.records import FloatArray, VideoSource
from tast.saved_model import load_model, weights_digest
from tast.video.apart import Decoder
from tast.video.containers import HEAD_BYTES, container_format

MEBIBYTE = 2**20
ENDINGS = {"avi": "avi", "mov": "mp4", "matroska": "mkv"}  # the containers that are taken, by FFmpeg's name
EXPECTED = "an AVI, MP4, MOV, MKV or WebM file"
CHUNK_BYTES = 2**20  # copied at a time
OTHER_ENTRIES = 100  # of a folder, beside its images
FRAME_BYTES = 400_000  # of each frame of a piece, for the region of the face in all steps: 360 kB were measured over 1,800 frames
HELD_S = 2.0  # frames of so long are held back, whole, until the pose of the face is smoothed over them
DECODER_FRAMES = 20  # that a decoder may refer to


class TookTooLong(TastError):
    """The time of a request ran out."""


class Busy(TastError):
    """More requests wait than may."""


class Turns:
    """One after the other, in the order in which they came; who would be one too many is told so at once."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._line: deque[object] = deque()  # the first of them has its turn

    @contextmanager
    def turn(self, name: str, deadline_s: float) -> Iterator[None]:
        """Raises Busy, or TookTooLong where the turn does not come before deadline_s on the monotonic clock."""
        ticket = object()
        with self._changed:
            if len(self._line) > self._max_waiting:
                raise Busy(f"{name}: {len(self._line)} requests are at work or wait already; try again later")
            self._line.append(ticket)
        try:
            with self._changed:
                if not self._changed.wait_for(lambda: self._line[0] is ticket, max(0.0, deadline_s - time.monotonic())):
                    raise TookTooLong(f"{name}: other videos took all of its time; try again later")
            yield
        finally:
            with self._changed:
                self._line.remove(ticket)
                self._changed.notify_all()


class VideoReader:
    """A saved model that reads videos for others, however many ask at once."""

    def __init__(self, model_folder: Path, limits: Limits) -> None:
        self._model, self._card = load_model(model_folder)
        self.weights_sha256 = weights_digest(model_folder)
        self._limits = limits
        self._root = None if limits.video_root is None else limits.video_root.resolve()
        self._turns = Turns(limits.max_waiting)  # dlib's detector serves one at a time
        self._decoder = Decoder(cpu_s=limits.timeout_s, memory_mb=limits.max_memory_mb)

    def deadline_s(self) -> float:
        """For a request that comes now, on the monotonic clock."""
        return time.monotonic() + self._limits.timeout_s

    def read_bytes(self, name: str, content: bytes, asked: Asked, *, deadline_s: float) -> PredictedTrace:
        """The trace of a container file's content (AVI, MP4, MOV, MKV or WebM).

        Raises BadInput or VideoRejected where the video is none, beyond a limit, or refused; TookTooLong.
        """
        self._require_size(name, len(content))
        ending = _ending(name, content[:HEAD_BYTES])

        def put(folder: Path) -> Path:
            path = folder / f"video.{ending}"
            path.write_bytes(content)
            return path

        return self._read(name, put, asked, deadline_s)

    def read_upload(
        self, given: str, upload: Path, asked: Asked, *, watch: Callable[[], None], on_growth: Callable[[Growth], None]
    ) -> PredictedTrace:
        """The trace of a container file that was sent into `upload`, which is taken away and gone afterwards, whatever happens.

        given: what the sender calls it. on_growth: as in tast.prediction.growing. watch: is called again and again on the way;
        what it raises ends the work. Raises as read_bytes.
        """
        name = _name(given)

        def put(folder: Path) -> Path:
            path = folder / f"video.{ending}"
            shutil.move(upload, path)
            return path

        try:
            self._require_size(name, upload.stat().st_size)
            with upload.open("rb") as file:
                ending = _ending(name, file.read(HEAD_BYTES))
            return self._read(name, put, asked, self.deadline_s(), partial(predict_growing, on_growth=on_growth), watch)
        finally:
            upload.unlink(missing_ok=True)

    def read_path(self, given: str, asked: Asked, *, deadline_s: float) -> PredictedTrace:
        """The trace of a video file, or of a folder of PURE's images, below video_root. Raises as read_bytes.

        given: absolute, or seen from video_root. Raises TastError where no video_root is set.
        """
        if self._root is None:
            raise TastError("`path`: this service reads no files of its machine; expected `video`, a file's content")
        root, name = self._root, _name(given)

        def put(folder: Path) -> Path:
            with _found(name, root, given) as found:
                kind = os.fstat(found).st_mode
                if stat.S_ISREG(kind):
                    return self._copy_video(name, root, given, found, folder)
                if not stat.S_ISDIR(kind):
                    raise _missing(name)
                with _images_of(found, Path(root, given).resolve().name) as (images, names):
                    return self._copy_images(name, images, names, folder / "images", deadline_s)

        return self._read(name, put, asked, deadline_s)

    def _copy_video(self, name: str, root: Path, given: str, found: int, folder: Path) -> Path:
        path = folder / f"video.{_ending(name, os.pread(found, HEAD_BYTES, 0))}"
        size = self._copy(name, found, path)
        stamps = Path(given).with_name(STAMPS)
        if Path(given).name == VIDEO and Path(root, stamps).is_file():  # VIPL-HR's, whose true times lie beside it
            with _found(name, root, str(stamps)) as beside:
                self._copy(name, beside, folder / STAMPS, size)
        return path

    def _copy_images(self, name: str, images: int, names: Iterator[str], folder: Path, deadline_s: float) -> Path:
        folder.mkdir()
        size = 0
        for number, image in enumerate(names):
            self._require_time(name, deadline_s)
            if number >= self._limits.max_frames + OTHER_ENTRIES:
                raise BadInput(name, "too many files", f"a folder of at most {self._limits.max_frames} images")
            if IMAGE.fullmatch(image):
                with _opened(name, image, images) as file:
                    size = self._copy(name, file, folder / image, size)
        return folder

    def _copy(self, name: str, file: int, to: Path, before: int = 0) -> int:
        """Copy an open file; before: bytes that the video's other files have. Returns them with its own."""
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise _missing(name)
        size = before
        with to.open("wb") as copy:
            while chunk := os.read(file, CHUNK_BYTES):
                size += len(chunk)
                self._require_size(name, size)
                copy.write(chunk)
        return size

    def _read(
        self, name: str, put: Callable[[Path], Path], asked: Asked, deadline_s: float,
        predict: Callable[..., PredictedTrace] = predict_video, watch_too: Callable[[], None] = lambda: None,
    ) -> PredictedTrace:  # fmt: skip
        """put: lays the video into an empty folder of ours, and says where. predict: as predict_video."""

        def watch() -> None:
            self._require_time(name, deadline_s)
            watch_too()

        with self._turns.turn(name, deadline_s), tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            try:
                path = put(folder)
                if path.is_file():  # before anything else opens it
                    self._require_extent(path, VideoSource(path), watch)
                source, notes = video_source(path)
                if path.is_dir() or source.frame_times_s is not None:
                    self._require_extent(path, source, watch)
                trace = predict(
                    name, source, self._model, self._card, asked, watch=watch, max_pixels=self._limits.max_pixels,
                    pictures=partial(self._decoder.pictures, watch=watch),
                )  # fmt: skip
            except VideoRejected as error:
                raise VideoRejected(name, error.reason) from None
            except BadInput as error:
                of_video = error.path in (name, str(folder / "images")) or Path(error.path).stem == "video"
                reason = f"{error.found}; expected {error.expected}" if of_video else reason_below(folder / "images", error)
                raise VideoRejected(name, reason) from None  # no folder of this machine is told
        return replace(trace, notes=notes + trace.notes)

    def _require_time(self, name: str, deadline_s: float) -> None:
        if time.monotonic() > deadline_s:
            raise TookTooLong(f"{name}: not done within {self._limits.timeout_s:g} s; send a shorter or smaller video")

    def _require_size(self, name: str, size: int) -> None:
        if size > self._limits.max_mb * MEBIBYTE:
            raise BadInput(name, f"{size / MEBIBYTE:.1f} MiB are too large", f"at most {self._limits.max_mb:g} MiB")

    def _require_extent(self, path: Path, source: VideoSource, watch: Callable[[], None]) -> None:
        """Whether decoding it stays within the limits, before any frame is decoded."""
        most = self._limits
        found = self._decoder.extent(source, max_frames=most.max_frames, max_pixels=most.max_pixels, watch=watch)
        times_s = found.times_s if source.frame_times_s is None else source.frame_times_s
        if found.n_streams > most.max_streams:
            raise BadInput(path, f"{found.n_streams} streams are too many", f"at most {most.max_streams}")
        if (length_s := float(times_s[-1] - times_s[0]) if len(times_s) else 0.0) > most.max_s:
            raise BadInput(path, f"{length_s:.1f} s are too long", f"at most {most.max_s:g} s")
        if (needed_mb := memory_mb(found.width_px * found.height_px, times_s)) > most.max_memory_mb:
            raise BadInput(
                path, f"reading it takes about {needed_mb:.0f} MiB of memory", f"at most {most.max_memory_mb:g} MiB: fewer or "
                "smaller frames",
            )  # fmt: skip


def memory_mb(pixels: int, times_s: FloatArray) -> float:
    """About how much reading a video takes, MiB: pixels of a frame, times_s (T,) increasing.

    What is kept of every frame of a piece of PIECE_S, and the whole frames that are held back or that a decoder refers to.
    """
    in_piece = np.bincount((times_s // PIECE_S).astype(int)).max(initial=0)
    held = (np.searchsorted(times_s, times_s + HELD_S) - np.arange(len(times_s))).max(initial=0)
    return float(in_piece * FRAME_BYTES + 3 * pixels * (held + DECODER_FRAMES)) / MEBIBYTE


def _ending(name: str, head: bytes) -> str:
    """Of the container that begins so. Raises BadInput for any that is not taken."""
    kind = container_format(head)
    if kind not in ENDINGS:
        raise BadInput(name, "no video that is known by its first bytes", EXPECTED)
    return ENDINGS[kind]


def _name(given: str) -> str:
    """What a video of that path is called in answers: its last part, without the ending of a video."""
    path = Path(given)
    return (path.stem if path.suffix.lower() in CONTAINERS else path.name) or "path"


def _missing(name: str) -> BadInput:
    """The one answer for what is outside of the folder, not there, not readable, or no plain file."""
    return BadInput(name, "no such video", "a video, or a folder of PURE's images, in this service's folder of videos")


@contextmanager
def _found(name: str, root: Path, given: str) -> Iterator[int]:
    """File descriptor of what a path means, with all its links followed, where that lies below root.

    Each part of the way is opened in the one before it and must be no link, so that what is opened is what was checked.
    """
    try:
        real = Path(os.path.realpath(root / given, strict=True))
        if not real.is_relative_to(root):
            raise _missing(name)
        found = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, ValueError):
        raise _missing(name) from None
    try:
        for part in real.relative_to(root).parts:
            with _opened(name, part, found) as below:
                os.dup2(below, found, inheritable=False)
        yield found
    finally:
        os.close(found)


@contextmanager
def _opened(name: str, part: str, folder: int) -> Iterator[int]:
    """File descriptor of an entry of an open folder; of a link never."""
    try:
        found = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except (OSError, ValueError):
        raise _missing(name) from None
    try:
        yield found
    finally:
        os.close(found)


@contextmanager
def _images_of(folder: int, folder_name: str) -> Iterator[tuple[int, Iterator[str]]]:
    """An open folder, or the one of the same name in it, where PURE keeps its images; with the names in it, unread."""
    try:
        nested = os.open(folder_name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        nested = os.dup(folder)
    try:
        with os.scandir(nested) as entries:
            yield nested, (entry.name for entry in entries)
    finally:
        os.close(nested)
