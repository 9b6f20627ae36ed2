"""Frames of a camera as they come, each with the time at which it was taken.

A thread of its own takes the frames, so that work on one does not delay the time stamp of the next. Where the work falls behind,
frames are dropped, never delayed: their times tell that they are missing.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from tast.errors import BadInput
from tast.pictures import RgbImage
from tast.video.containers import HEAD_BYTES, container_format
from tast.video.images import rgb_from_bgr

log = logging.getLogger(__name__)

WAITING_FRAMES = 120  # at most, between camera and work: 110 MB of 640x480


def read_camera(
    device: int | Path, seconds: float, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[tuple[float, RgbImage]]:
    """Yield (time in seconds since the first frame, (H, W, 3) uint8 RGB) for `seconds`, or until the camera ends.

    device: the camera's number (0 is the first), or a video file in its place, read as fast as it can be. Raises BadInput where
    it cannot be opened or gives no frame.
    """
    if isinstance(device, Path):
        _require_video(device)
    capture = cv2.VideoCapture(device if isinstance(device, int) else str(device))
    taken: queue.Queue[tuple[float, RgbImage] | None] = queue.Queue(WAITING_FRAMES)
    enough = threading.Event()
    wait = not isinstance(device, int)  # a file can wait, a camera cannot
    worker = threading.Thread(target=_take, args=(capture, seconds, clock, taken, enough, wait), daemon=True)
    try:
        if not capture.isOpened():
            raise BadInput(f"camera {device}", "cannot be opened", "the number of a connected camera")
        worker.start()
        yield from _taken(device, taken)
    finally:
        enough.set()
        if worker.is_alive():
            worker.join()
        capture.release()


def _require_video(device: Path) -> None:
    """Whether OpenCV may open it: a device, or a file that begins as a container does, never an address or a playlist."""
    if device.is_char_device():
        return
    try:
        with device.open("rb") as file:
            known = container_format(file.read(HEAD_BYTES)) is not None
    except OSError:
        known = False
    if not known:
        raise BadInput(f"camera {device}", "cannot be opened", "the number of a connected camera, its device, or a video file")


def _taken(device: int | Path, taken: queue.Queue[tuple[float, RgbImage] | None]) -> Iterator[tuple[float, RgbImage]]:
    n_frames = 0
    while (frame := taken.get()) is not None:
        n_frames += 1
        yield frame
    if n_frames == 0:
        raise BadInput(f"camera {device}", "gives no frame", "a camera that no other program uses")


def _take(
    capture: cv2.VideoCapture, seconds: float, clock: Callable[[], float], taken: queue.Queue, enough: threading.Event, wait: bool
) -> None:
    """The thread: every frame into the queue with its time, a None at the end, whatever happens."""
    try:
        _take_frames(capture, seconds, clock, taken, enough, wait)
    finally:
        _put(taken, None, enough, wait=True)


def _take_frames(
    capture: cv2.VideoCapture, seconds: float, clock: Callable[[], float], taken: queue.Queue, enough: threading.Event, wait: bool
) -> None:
    first_s: float | None = None
    last_s, n_dropped = -1.0, 0
    while not enough.is_set() and capture.grab():
        now_s = clock()
        first_s = now_s if first_s is None else first_s
        if now_s - first_s > seconds:
            break
        read, bgr = capture.retrieve()
        if not read or now_s - first_s <= last_s:
            continue
        last_s = now_s - first_s
        n_dropped += not _put(taken, (last_s, rgb_from_bgr(bgr)), enough, wait)
    if n_dropped:
        log.warning("%d frames came faster than they could be used and are left out", n_dropped)


def _put(taken: queue.Queue, item: tuple[float, RgbImage] | None, enough: threading.Event, wait: bool) -> bool:
    """Whether there was room, or came to be before it was enough."""
    while not enough.is_set():
        try:
            taken.put(item, timeout=0.1 if wait else 0.0, block=wait)
            return True
        except queue.Full:
            if not wait:
                return False
    return False
