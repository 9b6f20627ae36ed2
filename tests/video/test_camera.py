"""A camera, and a video file in its place: true times, an end, and a clear line where there is none."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.errors import BadInput
from tast.video.camera import WAITING_FRAMES, _put, read_camera
from tests.datasets.layouts import plain_image, write_container

RED = (230, 20, 30)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.avi"
    write_container(path, [plain_image(RED, 64, 96)] * 40, codec="mjpeg", pixel_format="yuvj420p")
    return path


def test_frames_come_as_rgb_with_the_clocks_times_since_the_first(film):
    clock = itertools.count(100.0, 0.04)
    frames = list(read_camera(film, 100, clock=lambda: next(clock)))
    assert_allclose([time_s for time_s, _ in frames], np.arange(40) * 0.04, atol=1e-9)
    assert_allclose(frames[7][1].reshape(-1, 3), np.broadcast_to(RED, (64 * 96, 3)), atol=6)


def test_it_stops_after_the_seconds(film):
    clock = itertools.count(0.0, 0.1)
    assert len(list(read_camera(film, 1.0, clock=lambda: next(clock)))) == 11  # 0.0 to 1.0


def test_times_are_those_of_taking_not_of_use(film):
    """Work of 20 ms a frame must not show in the times: a file is read in far less."""
    times_s = []
    for time_s, _ in read_camera(film, 10):
        times_s.append(time_s)
        time.sleep(0.02)
    assert len(times_s) == 40
    assert times_s[-1] < 0.4 and (np.diff(times_s) > 0).all()


def test_leaving_early_ends_the_thread(film):
    frames = read_camera(film, 10)
    next(frames)
    frames.close()
    assert next(read_camera(film, 10))[0] == 0


def test_a_camera_never_waits_and_drops_what_finds_no_room():
    import queue
    import threading

    taken: queue.Queue = queue.Queue(2)
    item = (0.0, np.zeros((2, 2, 3), np.uint8))
    kept = [_put(taken, item, threading.Event(), wait=False) for _ in range(5)]
    assert kept == [True, True, False, False, False]
    assert WAITING_FRAMES > 30


@pytest.mark.parametrize("content", [None, b"no video"])
def test_no_camera_is_one_clear_line(tmp_path, content):
    path = tmp_path / "nothing.avi"
    if content:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=r"camera .*nothing\.avi: cannot be opened; expected the number of a connected camera"):
        list(read_camera(path, 1))
