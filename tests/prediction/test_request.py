"""What a service takes: a video of known kind and bounded size, in bounded time, one after the other."""

from __future__ import annotations

import os
import struct
import threading
import time
import zlib
from pathlib import Path

import av
import numpy as np
import pytest

from tast.errors import BadInput, TastError, VideoRejected
from tast.prediction.asked import Asked
from tast.prediction.limits import Limits
from tast.prediction.request import Busy, TookTooLong, Turns, VideoReader, memory_mb
from tast.records import VideoSource
from tast.video.camera import read_camera
from tast.video.containers import container_frame_count
from tast.video.images import read_png
from tast.video.read import read_pictures
from tests.datasets.layouts import plain_image, write_container, write_png
from tests.prediction.conftest import write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "anna.avi", 4.1)


def read(reader: VideoReader, content: bytes, **changed: float):
    return reader.read_bytes("video-0", content, Asked(), **{"deadline_s": reader.deadline_s()} | changed)


def find(reader: VideoReader, path: Path | str):
    return reader.read_path(str(path), Asked(min_quality=0.0), deadline_s=reader.deadline_s())


def status_kib(field: str) -> int:
    """A field of this process's memory, in KiB."""
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))


def test_bytes_and_path_say_the_same(saved, film):
    reader = VideoReader(saved, Limits(max_mb=10, timeout_s=600, video_root=film.parent))
    sent = read(reader, film.read_bytes())
    found = reader.read_path(str(film), Asked(), deadline_s=reader.deadline_s())
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
        read(VideoReader(saved, Limits(max_mb=10, timeout_s=600)), (tmp_path / name).read_bytes())


@pytest.mark.parametrize(
    "content", [b"", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile x.avi\n", b"\x00" * 99]
)
def test_nothing_else_is_opened(saved, content):
    with pytest.raises(BadInput, match="no video that is known by its first bytes; expected an AVI, MP4"):
        read(VideoReader(saved, Limits(max_mb=1, timeout_s=600)), content)


def test_a_damaged_video_is_told_without_any_folder(saved, film):
    with pytest.raises(VideoRejected) as caught:
        read(VideoReader(saved, Limits(max_mb=10, timeout_s=600)), film.read_bytes()[:40])
    assert "video-0: cannot be opened" in str(caught.value)
    assert "/" not in str(caught.value)


def test_size_is_limited_for_bytes_files_and_folders(saved, film, tmp_path):
    (tmp_path / "Image1.png").write_bytes(bytes(600))
    (tmp_path / "Image2.png").write_bytes(bytes(600))
    for path in (film, tmp_path):
        reader = VideoReader(saved, Limits(max_mb=0.001, video_root=path.parent))
        with pytest.raises(VideoRejected, match=r"MiB are too large; expected at most 0\.001 MiB"):
            find(reader, path)
    with pytest.raises(BadInput, match=r"too large"):
        read(VideoReader(saved, Limits(max_mb=0.001)), film.read_bytes())


def test_length_is_limited_before_anything_is_decoded(saved, film, tmp_path):
    reader = VideoReader(saved, Limits(max_mb=10, max_s=4.0, video_root=tmp_path))
    with pytest.raises(VideoRejected, match=r"video-0: 4\.\d s are too long; expected at most 4 s"):
        read(reader, film.read_bytes(), deadline_s=time.monotonic() + 1)
    assert len(read(VideoReader(saved, Limits(max_mb=10, timeout_s=600, max_s=4.1)), film.read_bytes())) == 4
    for name in ("Image1000000000", "Image5100000000"):  # PURE's names are nanoseconds
        write_png(tmp_path / f"{name}.png", plain_image((90, 80, 70), 64, 96))
    with pytest.raises(VideoRejected, match=r"4\.1 s are too long"):
        find(reader, tmp_path)


@pytest.mark.parametrize("name", ["large.mp4", "large.avi"])
def test_pixels_are_limited_before_any_frame_is_decoded(saved, tmp_path, name):
    """A plain frame of 8192 x 8192 is 100 kB of H.264, and 300 MB once it is decoded."""
    codec, pixels = {"mp4": ("libx264", "yuv420p"), "avi": ("mjpeg", "yuvj420p")}[name[-3:]]
    write_container(
        tmp_path / name, [plain_image((90, 80, 70), 8192, 8192)], codec=codec, pixel_format=pixels,
        options={"preset": "ultrafast"} if codec == "libx264" else None,
    )  # fmt: skip
    reader = VideoReader(saved, Limits(timeout_s=600, video_root=tmp_path))
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of what was done before
    before_kib = status_kib("VmRSS")
    for ask in (lambda: read(reader, (tmp_path / name).read_bytes()), lambda: find(reader, tmp_path / name)):
        with pytest.raises(VideoRejected, match=r"pixels(; expected| are too many; expected) at most 9437184"):
            ask()
    assert status_kib("VmHWM") - before_kib < 60 * 1024  # its luma alone is 64 MiB


def test_a_frame_larger_than_its_header_says_is_not_decoded(saved, tmp_path):
    """The AVI's header is made to say 64 x 64; the JPEG in it has 4096 x 4096 pixels."""
    write_container(tmp_path / "large.avi", [plain_image((90, 80, 70), 4096, 4096)] * 3)
    content = (tmp_path / "large.avi").read_bytes()
    announced = (4096).to_bytes(4, "little") * 2
    assert content.count(announced) == 2  # of the file and of the stream
    lying = content.replace(announced, (64).to_bytes(4, "little") * 2)
    with pytest.raises(VideoRejected, match=r"(too many pixels|4096 x 4096 pixels are too many)"):
        read(VideoReader(saved, Limits(timeout_s=600)), lying)
    (tmp_path / "lying.avi").write_bytes(lying)
    defects: list[str] = []
    assert list(read_pictures(VideoSource(tmp_path / "lying.avi"), defects, max_pixels=2**20)) == [] and defects


def test_images_are_limited_before_they_are_decoded(saved, tmp_path):
    """8192 x 8192 black pixels in one PNG of 8 kB: 200 MB once it is decoded."""
    write_png(tmp_path / "Image1000000000.png", plain_image((90, 80, 70), 64, 96))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 8192, 8192, 1, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(1025 * 8192)),
        b"IEND": b"",
    }
    whole = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks.items()
    ]
    (tmp_path / "Image1040000000.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(whole))
    reader = VideoReader(saved, Limits(timeout_s=600, video_root=tmp_path))
    with pytest.raises(VideoRejected, match=r"Image1040000000\.png: 8192 x 8192 pixels are too many"):
        find(reader, tmp_path)
    with pytest.raises(BadInput, match="8192 x 8192 pixels are too many"):
        read_png(tmp_path / "Image1040000000.png")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"max_frames": 20}, "more than 20 frames; expected at most 20"),
        ({"max_memory_mb": 5}, "MiB of memory; expected at most 5 MiB"),
        ({"max_streams": 1}, "2 streams are too many; expected at most 1"),
    ],
)
def test_frames_memory_and_streams_are_limited(saved, tmp_path, limits, said):
    write_container(tmp_path / "a.mkv", [plain_image((90, 80, 70), 64, 96)] * 25, codec="ffv1", pixel_format="yuv444p")
    with av.open(str(tmp_path / "a.mkv")) as one, av.open(str(tmp_path / "b.mkv"), "w") as two:
        streams = [two.add_stream_from_template(one.streams.video[0]) for _ in range(2)]
        for packet in one.demux(video=0):
            if packet.size:
                packet.stream = streams[0]
                two.mux(packet)
    with pytest.raises(VideoRejected, match=said):
        read(VideoReader(saved, Limits(timeout_s=600, **limits)), (tmp_path / "b.mkv").read_bytes())
    with pytest.raises(VideoRejected, match="no face"):
        read(VideoReader(saved, Limits(timeout_s=600)), (tmp_path / "b.mkv").read_bytes())


def test_memory_grows_with_the_frames_of_a_piece_and_the_size_of_those_held_back():
    times_s = np.arange(3840) / 32
    needed = (3840 * 400_000 + 3 * 76_800 * (64 + 20)) / 2**20
    assert memory_mb(320 * 240, times_s) == pytest.approx(needed)
    assert memory_mb(320 * 240, np.arange(38_400) / 32) == pytest.approx(needed)  # read in pieces
    assert memory_mb(320 * 240, np.array([0.0])) == pytest.approx((400_000 + 3 * 76_800 * 21) / 2**20)


def test_without_a_root_no_path_is_read(saved, film):
    for path in (film, film.parent / "none.avi", "/"):
        with pytest.raises(TastError, match="reads no files of its machine; expected `video`"):
            find(VideoReader(saved, Limits()), path)


def test_paths_stay_in_their_folder_and_tell_nothing_of_what_is_outside(saved, film, tmp_path):
    """Whatever a path names outside of the root, the answer is that of a file that does not exist."""
    root = tmp_path / "videos"
    beside = tmp_path / "videos-private"
    for folder in (root, beside):
        folder.mkdir()
    (beside / "anna.avi").write_bytes(film.read_bytes())
    (root / "link.avi").symlink_to(film)
    (root / "way").symlink_to(film.parent)
    (root / "loop").symlink_to("loop")
    (root / "here.avi").symlink_to("sound.avi")
    (root / "sound.avi").write_bytes(film.read_bytes())
    os.mkfifo(root / "pipe.avi")
    reader = VideoReader(saved, Limits(timeout_s=600, video_root=root))
    outside = [
        film,
        film.parent,
        beside / "anna.avi",
        "../videos-private/anna.avi",
        "/etc/passwd",
        "/root/x",
        "/",
        "/dev/zero",
        "..",
    ]
    inside = ["none.avi", "link.avi", "way/anna.avi", "loop", "pipe.avi", "sound.avi/x", "a\0b", "\ud800", "x" * 5000]
    for path in [*outside, *inside]:
        with pytest.raises(VideoRejected) as caught:
            find(reader, path)
        assert caught.value.reason == (
            "no such video; expected a video, or a folder of PURE's images, in this service's folder of videos"
        ), path
        assert str(tmp_path) not in str(caught.value)
    assert [find(reader, path).name for path in ("here.avi", root / "sound.avi")] == ["here", "sound"]


def test_a_link_put_in_the_place_of_what_was_checked_is_not_followed(saved, film, tmp_path, monkeypatch):
    """Between the check of a path and its opening, its folder becomes a link that leads outside."""
    root = tmp_path / "videos"
    (root / "day").mkdir(parents=True)
    (root / "day" / "anna.avi").write_bytes(b"harmless")
    resolve = os.path.realpath

    def swapped(path, **options):
        real = resolve(path, **options)
        if str(path).endswith("anna.avi") and not (root / "day").is_symlink():
            (root / "day").rename(root / "before")
            (root / "day").symlink_to(film.parent)
        return real

    reader = VideoReader(saved, Limits(timeout_s=600, video_root=root))
    monkeypatch.setattr(os.path, "realpath", swapped)
    with pytest.raises(VideoRejected, match="no such video"):
        find(reader, "day/anna.avi")
    assert (root / "day").is_symlink()


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {target}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        '<?xml version="1.0"?><playlist><trackList><track><location>{target}</location></track></trackList></playlist>',
    ],
    ids=["m3u8", "ffconcat", "sdp", "xspf"],
)
def test_a_playlist_named_as_a_video_leads_nowhere(saved, film, tmp_path, playlist):
    """By bytes, by path, and on the command line; the video that it names, outside of the root, is sound."""
    root = tmp_path / "videos"
    root.mkdir()
    (root / "list.mp4").write_text(playlist.format(target=film))
    reader = VideoReader(saved, Limits(timeout_s=600, video_root=root))
    with pytest.raises(VideoRejected, match="list: no video that is known by its first bytes"):
        find(reader, "list.mp4")
    for name in ("list.mp4", "list.m3u8", "list.avi"):
        (root / name).write_text(playlist.format(target=film))
        with pytest.raises(BadInput, match="no video that is known by its first bytes"):
            list(read_pictures(VideoSource(root / name)))
        with pytest.raises(BadInput, match="cannot be opened"):
            list(read_camera(root / name, 1))


def test_a_folder_is_read_only_where_it_holds_images_and_is_never_walked(saved, tmp_path):
    root = tmp_path / "videos"
    deep = root / "deep"
    for number in range(3):
        (deep / str(number)).mkdir(parents=True)
        write_png(deep / str(number) / "Image1000000000.png", plain_image((90, 80, 70), 64, 96))
    wide = root / "wide"
    wide.mkdir()
    for number in range(130):
        (wide / f"{number}.txt").touch()
    linked = root / "linked"
    linked.mkdir()
    (linked / "Image1000000000.png").symlink_to("/etc/passwd")
    session = root / "01-01"
    (session / "01-01").mkdir(parents=True)
    for number in range(5):
        write_png(session / "01-01" / f"Image{1_000_000_000 + number * 40_000_000}.png", plain_image((90, 80, 70), 64, 96))
    reader = VideoReader(saved, Limits(timeout_s=600, video_root=root, max_frames=20))
    answers = {"deep": "no image", ".": "no image", "wide": "too many files", "linked": "no such video", "01-01": "no face"}
    for path, said in answers.items():
        with pytest.raises(VideoRejected, match=said) as caught:
            find(reader, path)
        assert str(tmp_path) not in str(caught.value)
    with pytest.raises(TookTooLong, match="not done within"):
        reader.read_path("wide", Asked(min_quality=0), deadline_s=time.monotonic() + 0.0001)


def test_a_path_waits_for_its_turn_before_anything_is_looked_at(saved, tmp_path):
    reader = VideoReader(saved, Limits(video_root=tmp_path))
    with reader._turns.turn("other", time.monotonic() + 1), pytest.raises(TookTooLong, match="try again later"):
        reader.read_path("/", Asked(min_quality=0), deadline_s=time.monotonic() + 0.05)


def test_the_true_times_beside_a_vipl_hr_video_are_read_and_never_from_outside(saved, film, tmp_path):
    root = tmp_path / "videos"
    root.mkdir()
    (root / "video.avi").write_bytes(film.read_bytes())
    n_frames = container_frame_count(film)
    stamps = "".join(f"{20 * number}\n" for number in range(n_frames))  # twice as fast as the container says
    (root / "time.txt").write_text(stamps)
    reader = VideoReader(saved, Limits(timeout_s=600, max_s=1.0, video_root=root))
    with pytest.raises(VideoRejected, match=r"video: 4\.\d s are too long"):  # the container's own length is looked at too
        find(reader, "video.avi")
    reader = VideoReader(saved, Limits(timeout_s=600, video_root=root))
    with pytest.raises(VideoRejected, match="shorter than one period"):
        find(reader, "video.avi")
    (root / "time.txt").unlink()
    (tmp_path / "secret.txt").write_text("a secret\n")
    (root / "time.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(VideoRejected, match="no such video"):
        find(reader, "video.avi")


def test_limits_are_checked_as_parameters_are(tmp_path):
    with pytest.raises(BadInput, match="unknown key 'max_pixel'; expected one of max_mb, max_s"):
        Limits.from_config({"max_pixel": 5})
    with pytest.raises(BadInput, match=r"max_mb = -1; expected Input should be greater than 0"):
        Limits.from_config({"max_mb": -1})
    with pytest.raises(BadInput, match=r"video_root = .*nowhere'; expected a folder that is there"):
        Limits.from_config({"video_root": str(tmp_path / "nowhere")})


def test_time_is_limited_and_the_next_request_is_served(saved, film):
    reader = VideoReader(saved, Limits(max_mb=10, timeout_s=0.3))
    with pytest.raises(TookTooLong, match=r"not done within 0\.3 s"):
        read(reader, film.read_bytes())
    assert len(read(reader, film.read_bytes(), deadline_s=time.monotonic() + 600)) == 4


def test_requests_wait_for_each_other_no_longer_than_their_time(saved, film):
    reader = VideoReader(saved, Limits(max_mb=10, timeout_s=600))
    traces = []
    first = threading.Thread(target=lambda: traces.append(read(reader, film.read_bytes())))
    first.start()
    while not reader._turns._line:
        time.sleep(0.001)
    with pytest.raises(TookTooLong, match="try again later"):
        read(reader, film.read_bytes(), deadline_s=time.monotonic() + 0.05)
    traces.append(read(reader, film.read_bytes()))
    first.join()
    assert traces[0].table().equals(traces[1].table())


def test_one_too_many_is_refused_at_once_and_turns_come_in_order():
    turns, came = Turns(max_waiting=3), []
    in_a_minute_s = time.monotonic() + 60

    def wait(number: int) -> None:
        with turns.turn(f"video-{number}", in_a_minute_s):
            came.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(3)]
    with turns.turn("first", in_a_minute_s):
        for number, thread in enumerate(threads):
            thread.start()
            while len(turns._line) < number + 2:
                time.sleep(0.001)
        with pytest.raises(Busy, match="late: 4 requests are at work or wait already; try again later"), turns.turn("late", 0):
            pass
        assert not came
    for thread in threads:
        thread.join()
    assert came == [0, 1, 2]
    with turns.turn("after all of them", in_a_minute_s):
        pass
    late = turns.turn("late", time.monotonic())
    with turns.turn("first", in_a_minute_s), pytest.raises(TookTooLong, match="other videos took all of its time"), late:
        pass
    assert not turns._line
