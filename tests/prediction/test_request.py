"""What a service takes: a video of known kind and bounded size, in bounded time, one after the other."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tast.errors import BadInput, VideoRejected
from tast.prediction.request import TookTooLong, VideoReader
from tests.datasets.layouts import plain_image, write_container, write_png
from tests.prediction.conftest import write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "anna.avi", 4.1)


def read(reader: VideoReader, content: bytes, **changed: float):
    return reader.read_bytes("video-0", content, **{"min_quality": 0.45, "deadline_s": reader.deadline_s()} | changed)


def test_bytes_and_path_say_the_same(saved, film):
    reader = VideoReader(saved, max_mb=10, timeout_s=600, video_root=film.parent)
    sent = read(reader, film.read_bytes())
    found = reader.read_path(film, min_quality=0.45, deadline_s=reader.deadline_s())
    assert (sent.name, found.name) == ("video-0", "anna")
    assert sent.table().drop(columns="video").equals(found.table().drop(columns="video"))


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "mjpeg"), ("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.mkv", "ffv1"), ("a.webm", "libvpx")]
)
def test_every_container_is_known_by_its_first_bytes(saved, tmp_path, name, codec):
    """They show a plain wall, and get as far as the search for a face."""
    pixels = {"mjpeg": "yuvj420p", "ffv1": "yuv444p"}.get(codec, "yuv420p")
    write_container(tmp_path / name, [plain_image((90, 80, 70), 64, 96)] * 3, codec=codec, pixel_format=pixels)
    with pytest.raises(VideoRejected, match="no face"):
        read(VideoReader(saved, max_mb=10, timeout_s=600), (tmp_path / name).read_bytes())


@pytest.mark.parametrize(
    "content", [b"", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile x.avi\n", b"\x00" * 99]
)
def test_nothing_else_is_opened(saved, content):
    with pytest.raises(BadInput, match="no video that is known by its first bytes; expected an AVI, MP4"):
        read(VideoReader(saved, max_mb=1, timeout_s=600), content)


def test_a_damaged_video_is_told_without_any_folder(saved, film):
    with pytest.raises(VideoRejected) as caught:
        read(VideoReader(saved, max_mb=10, timeout_s=600), film.read_bytes()[:40])
    assert "video-0.avi: cannot be opened" in str(caught.value)
    assert "/" not in str(caught.value)


def test_size_is_limited_for_bytes_files_and_folders(saved, film, tmp_path):
    reader = VideoReader(saved, max_mb=0.001, timeout_s=600)
    (tmp_path / "Image1.png").write_bytes(bytes(600))
    (tmp_path / "Image2.png").write_bytes(bytes(600))
    for path in (film, tmp_path):
        with pytest.raises(BadInput, match=r"MiB are too large; expected at most 0\.001 MiB"):
            reader.read_path(path, min_quality=0, deadline_s=reader.deadline_s())
    with pytest.raises(BadInput, match=r"too large"):
        read(reader, film.read_bytes())


def test_length_is_limited_before_anything_is_decoded(saved, film, tmp_path):
    reader = VideoReader(saved, max_mb=10, timeout_s=600, max_s=4.0)
    with pytest.raises(VideoRejected, match=r"video-0\.avi: 4\.\d s are too long; expected at most 4 s"):
        read(reader, film.read_bytes(), deadline_s=time.monotonic() + 1)
    assert len(read(VideoReader(saved, max_mb=10, timeout_s=600, max_s=4.1), film.read_bytes())) == 4
    for name in ("Image1000000000", "Image5100000000"):  # PURE's names are nanoseconds
        write_png(tmp_path / f"{name}.png", plain_image((90, 80, 70), 64, 96))
    with pytest.raises(VideoRejected, match=r"4\.1 s are too long"):
        reader.read_path(tmp_path, min_quality=0, deadline_s=reader.deadline_s())


def test_paths_stay_in_their_folder(saved, film, tmp_path):
    reader = VideoReader(saved, max_mb=10, timeout_s=600, video_root=tmp_path)
    (tmp_path / "link.avi").symlink_to(film)
    for path in (film, tmp_path / "link.avi", tmp_path / ".." / film.parent.name / film.name):
        with pytest.raises(BadInput, match="outside of the folder"):
            reader.read_path(path, min_quality=0, deadline_s=reader.deadline_s())
    with pytest.raises(BadInput, match=r"none\.avi: no such file"):
        reader.read_path(tmp_path / "none.avi", min_quality=0, deadline_s=reader.deadline_s())


def test_time_is_limited_and_the_next_request_is_served(saved, film):
    reader = VideoReader(saved, max_mb=10, timeout_s=0.3)
    with pytest.raises(TookTooLong, match=r"not done within 0\.3 s"):
        read(reader, film.read_bytes())
    assert len(read(reader, film.read_bytes(), deadline_s=time.monotonic() + 600)) == 4


def test_requests_wait_for_each_other_no_longer_than_their_time(saved, film):
    reader = VideoReader(saved, max_mb=10, timeout_s=600)
    traces = []
    first = threading.Thread(target=lambda: traces.append(read(reader, film.read_bytes())))
    first.start()
    while not reader._free.locked():
        time.sleep(0.001)
    with pytest.raises(TookTooLong, match="try again later"):
        read(reader, film.read_bytes(), deadline_s=time.monotonic() + 0.05)
    traces.append(read(reader, film.read_bytes()))
    first.join()
    assert traces[0].table().equals(traces[1].table())
