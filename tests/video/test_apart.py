"""Videos of strangers are decoded in a process that can do nothing else, and the frames are those that are decoded here."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tast.errors import BadInput
from tast.pictures import Picture, YuvPicture
from tast.records import VideoSource
from tast.video.apart import ONE_THREAD, PASSED_ON, Decoder, _Answers, _Shown
from tast.video.containers import extent
from tast.video.decoder import LENGTH
from tast.video.facts import SourceMeter
from tast.video.read import read_pictures
from tests.datasets.layouts import plain_image, write_container, write_png

CODECS = [
    ("a.avi", "mjpeg", "yuvj420p"), ("a.mp4", "libx264", "yuv420p"), ("b.mp4", "libx265", "yuv420p10le"),
    ("a.mkv", "ffv1", "yuv444p"), ("a.webm", "libvpx-vp9", "yuv420p"), ("b.mkv", "libsvtav1", "yuv420p"),
    ("c.mkv", "ffv1", "bgr0"),
]  # fmt: skip
ATTEMPTS = """
import json, os, socket, sys
from tast.video.confined import confine
answers = {"filtered": confine(cpu_s=60, memory_mb=300)}
for name, attempt in {
    "socket": lambda: socket.socket(), "fork": os.fork, "exec": lambda: os.execv("/bin/true", ["true"]),
    "signal": lambda: os.kill(os.getppid(), 0), "write": lambda: os.write(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), b"x"),
    "memory": lambda: bytearray(400 * 2**20), "files": lambda: [os.dup(0) for _ in range(100)],
}.items():
    try:
        answers[name] = repr(attempt())
    except (OSError, MemoryError) as error:
        answers[name] = type(error).__name__
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    found = Decoder(cpu_s=30, memory_mb=1024)
    yield found
    found.close()


def same(one: Picture, other: Picture) -> bool:
    if isinstance(one, YuvPicture) and isinstance(other, YuvPicture):
        planes = zip((one.luma, *one.chroma, one.to_rgb), (other.luma, *other.chroma, other.to_rgb), strict=True)
        kinds = [(each.neutral, each.transfer, each.primaries) for each in (one, other)]
        return kinds[0] == kinds[1] and all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in planes)
    return np.array_equal(one, other)


def both(decoder: Decoder, source: VideoSource) -> None:
    """Frames, times, defects and what is known of the source are the same."""
    meters, defects = (SourceMeter(), SourceMeter()), ([], [])
    here = list(read_pictures(source, defects[0], meter=meters[0]))
    there = list(decoder.pictures(source, defects[1], meter=meters[1]))
    assert [time_s for time_s, _ in here] == [time_s for time_s, _ in there] and len(here) > 0
    assert all(same(a, b) for (_, a), (_, b) in zip(here, there, strict=True))
    assert meters[0].facts() == meters[1].facts() and defects[0] == defects[1]
    most = {"max_frames": 100, "max_pixels": 10**6}
    one, other = extent(source, **most), decoder.extent(source, **most, watch=lambda: None)
    assert one[:2] == other[:2] and one.n_streams == other.n_streams and np.array_equal(one.times_s, other.times_s)


@pytest.mark.parametrize(("name", "codec", "pixels"), CODECS)
def test_frames_are_those_that_are_decoded_here(decoder, tmp_path, name, codec, pixels):
    images = [plain_image((90 + 10 * number, 80, 70), 64, 96) for number in range(5)]
    write_container(tmp_path / name, images, codec=codec, pixel_format=pixels)
    both(decoder, VideoSource(tmp_path / name))


def test_so_are_those_of_a_folder_and_of_a_video_that_breaks_off(decoder, tmp_path):
    names = [f"Image{number}.png" for number in range(3)]
    for name in names:
        write_png(tmp_path / name, plain_image((90, 80, 70), 64, 96))
    both(decoder, VideoSource(tmp_path, tuple(names), np.arange(3) / 25))
    write_container(tmp_path / "a.avi", [plain_image((90, 80, 70), 64, 96)] * 20)
    content = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "a.avi").write_bytes(content[: len(content) // 2])
    both(decoder, VideoSource(tmp_path / "a.avi"))


def test_a_mistake_is_told_as_it_is_here(decoder, tmp_path):
    (tmp_path / "a.avi").write_bytes(b"RIFF\x00\x00\x00\x00AVI " + bytes(200))
    for ask in (read_pictures, decoder.pictures):
        with pytest.raises(BadInput, match=r"a\.avi: cannot be opened") as caught:
            list(ask(VideoSource(tmp_path / "a.avi"), [], meter=SourceMeter()))
        assert "\n" not in str(caught.value)


def test_a_confined_process_reaches_nobody_and_starts_nothing(tmp_path):
    """As root, whom limits of the number of processes do not hold."""
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(tmp_path / "x")], capture_output=True, text=True, check=True, stdin=subprocess.PIPE
    )
    answers = json.loads(done.stdout)
    assert answers.pop("filtered") is True
    assert answers.pop("memory") == "MemoryError"
    assert answers.pop("files") == "OSError"
    assert answers.pop("write") == "OSError" and (tmp_path / "x").read_bytes() == b""
    assert answers == dict.fromkeys(("socket", "fork", "exec", "signal"), "PermissionError")


@pytest.fixture
def long(tmp_path: Path) -> VideoSource:
    """Some 200 MB of frames, more than the socket holds."""
    images = [plain_image((90, 80, 70), 1024, 1024)] * 40
    write_container(tmp_path / "long.mkv", images, codec="ffv1", pixel_format="yuv444p")
    return VideoSource(tmp_path / "long.mkv")


def test_beyond_its_memory_or_time_it_is_refused_in_one_line(long):
    few = Decoder(cpu_s=30, memory_mb=1)
    with pytest.raises(BadInput, match=r"takes more than 1 MiB of memory|took more than 30 s of computing or 1 MiB"):
        list(few.pictures(long, [], meter=SourceMeter()))
    few.close()


def test_watch_ends_a_decoder_that_answers_nothing(decoder, long):
    """A deadline that passes while the decoder's process is stopped."""

    def stop_it() -> None:
        raise TimeoutError("out of time")

    frames = decoder.pictures(long, [], meter=SourceMeter(), watch=stop_it)
    next(frames)
    (child,) = children_of(decoder)
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(TimeoutError, match="out of time"):
        for _ in frames:
            pass
    eventually(lambda: not alive(child))


def test_a_process_that_is_killed_is_one_line_and_the_next_video_is_read(decoder, long):
    frames = decoder.pictures(long, [], meter=SourceMeter())
    next(frames)
    os.kill(children_of(decoder)[-1], signal.SIGKILL)
    with pytest.raises(BadInput, match=r"its decoder broke down, or took more than 30 s of computing or 1024 MiB"):
        for _ in frames:
            pass
    decoder._process.kill()  # the program itself too
    decoder._process.wait()
    assert len(list(decoder.pictures(long, [], meter=SourceMeter()))) == 40


def test_it_is_told_no_secret(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    decoder = Decoder(cpu_s=30, memory_mb=1024)
    eventually(lambda: children_of(decoder) == [] and Path(f"/proc/{decoder._process.pid}/environ").read_bytes() != b"")
    environment = Path(f"/proc/{decoder._process.pid}/environ").read_text().split("\0")
    assert {one.partition("=")[0] for one in environment} - {""} <= {*PASSED_ON, *ONE_THREAD}
    decoder.close()


def test_nothing_of_it_is_left_when_its_user_is_killed(long, tmp_path):
    program = (
        "import sys; from pathlib import Path; from tast.records import VideoSource; from tast.video.apart import Decoder\n"
        "from tast.video.facts import SourceMeter\ndecoder = Decoder(cpu_s=30, memory_mb=1024)\n"
        "frames = decoder.pictures(VideoSource(Path(sys.argv[1])), [], meter=SourceMeter()); next(frames)\n"
        "print(decoder._process.pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(long.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        helper = int(user.stdout.readline())
        child = children(helper)[-1]
        user.kill()
    eventually(lambda: not (alive(helper) or alive(child)))


@pytest.mark.parametrize(
    "said",
    [
        LENGTH.pack(2**31),
        LENGTH.pack(3) + b"[1]",
        LENGTH.pack(4) + b"\xff\xfe{}",
        LENGTH.pack(20) + b'{"time_s":1,"a":"b"}',
        b"\x00",
        b"",
    ],
)
def test_an_answer_that_is_none_is_not_taken(said):
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(said)
        with pytest.raises(BadInput, match="its decoder broke down"):
            _Answers(Path("a.avi"), ours, lambda: None, "1 s").take(_Shown)


@pytest.mark.parametrize(
    "changed",
    [
        {"planes": [["|u1", [10_000, 10_000, 3]]]},
        {"planes": [["|u1", [4, 4]]]},
        {"planes": []},
        {"planes": [["|u1", [4, 4]], ["|u1", [2, 2]], ["|u1", [1, 2]]], "yuv": True},
        {"planes": [["|u1", [4, 4]], ["|u1", [2, 2]], ["|u1", [2, 2]]], "yuv": True, "transfer": "../sdr"},
    ],
)
def test_a_picture_that_cannot_be_is_not_taken(changed):
    yuv = {"to_rgb": [[1, 0, 0, 0]] * 3, "neutral": 128, "transfer": changed.pop("transfer", "sdr"), "primaries": "bt709"}
    content = {"time_s": 0.0, "planes": [], "n_bytes": 0, "stream": None} | changed
    content["yuv"] = yuv if content.get("yuv") else None
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(BadInput, match="its decoder broke down"):
        _Answers(Path("a.avi"), ours, lambda: None, "1 s").picture(_Shown.model_validate_json(json.dumps(content)), 1000)


def children_of(decoder: Decoder) -> list[int]:
    return [child for child in children(decoder._process.pid) if alive(child)]


def children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def eventually(holds: Callable[[], bool], patience_s: float = 10) -> None:
    ends_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < ends_s
        time.sleep(0.05)
