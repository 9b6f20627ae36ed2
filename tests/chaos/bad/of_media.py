"""Pictures, containers and archives."""

from __future__ import annotations

import io
import math
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import py7zr

from tast.datasets.archives import extract
from tast.records import VideoSource
from tast.video.containers import container_times_s, extent
from tast.video.images import read_png
from tast.video.read import read_frames, source_facts
from tests.chaos.bad.mutators import OF_BYTES
from tests.chaos.bad.trial import Parser
from tests.datasets.layouts import write_container, write_png

CONTENT = {"PURE/01-01/01-01.json": b'{"a": 1}' * 200, "PURE/01-01/Image1.png": bytes(range(256)) * 8, "PURE/empty.txt": b""}
N_FRAMES = 12


def _picture(number: int) -> np.ndarray:
    """(24, 32, 3) uint8, another for each number."""
    rows, columns = np.mgrid[:24, :32]
    return np.stack([200 - rows, 40 + 5 * columns % 90, np.full_like(rows, 10 * number % 250)], axis=-1).astype(np.uint8)


def _video(name: str, **kind: Any) -> Callable[[Path], None]:
    return lambda folder: write_container(folder / name, [_picture(number) for number in range(N_FRAMES)], **kind)


def _decode(name: str, folder: Path) -> tuple[list[float], list[str]]:
    """All that is asked of a container: its times, how much it will take, what it is made of, every frame."""
    path = folder / name
    video = VideoSource(path)
    extent(video, max_frames=1000, max_pixels=10_000_000)
    times_s = container_times_s(path)
    if not np.isfinite(times_s).all() or np.any(np.diff(times_s) <= 0):
        raise AssertionError(f"times {times_s}")
    source_facts(video, most_frames=5)
    defects: list[str] = []
    return [time_s for time_s, _ in read_frames(video, defects)], defects


def _frames_wrong(result: Any, valid: Any, how: str) -> str:
    (times_s, defects), (sound, _) = result, valid
    if not all(map(math.isfinite, times_s)) or any(np.diff(times_s) <= 0):
        return f"times {times_s}"
    if how == "cut" and len(times_s) < len(sound) and not defects:
        return f"{len(times_s)} of {len(sound)} frames, without a word"
    return "" if all(one.isprintable() and len(one) < 300 for one in defects) else f"defects {defects}"


def _png(folder: Path) -> None:
    write_png(folder / "a.png", _picture(1))


def _same_picture(result: Any, valid: Any, how: str) -> str:
    return "" if np.array_equal(result, valid) else "another picture"


def _zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in CONTENT.items():
            archive.writestr(name, data)


def _tar(kind: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with tarfile.open(folder / f"a.tar{kind and '.'}{kind}", f"w:{kind}") as archive:  # type: ignore[call-overload]
            for name, data in CONTENT.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))

    return make


def _7z(folder: Path) -> None:
    with py7zr.SevenZipFile(folder / "a.7z", "w") as archive:
        for name, data in CONTENT.items():
            archive.writestr(data, name)


def _extracted(name: str, folder: Path) -> dict[str, bytes]:
    path = folder / name
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        out.mkdir()
        extract(path, out, lambda n_bytes: None)
        beside = [one.name for one in Path(scratch).iterdir() if one != out]
        if beside:
            raise AssertionError(f"{beside} beside the folder")
        return {one.relative_to(out).as_posix(): one.read_bytes() for one in out.rglob("*") if one.is_file()}


def _content_wrong(result: Any, valid: Any, how: str) -> str:
    """What a check sum vouches for is as it was; nothing is missing but in formats that say nothing of what they hold."""
    if changed := [name for name, data in result.items() if data not in CONTENT.values()]:
        return f"other content in {changed[0]!r}"
    return f"{len(result)} of {len(CONTENT)} files" if how == "cut" and len(result) < len(CONTENT) else ""


def _missing_wrong(result: Any, valid: Any, how: str) -> str:
    """A plain tar vouches for the names alone."""
    return f"{len(result)} of {len(CONTENT)} files" if how == "cut" and len(result) < len(CONTENT) else ""


H264 = {"codec": "libx264", "pixel_format": "yuv420p", "options": {"crf": "20"}}
PARSERS = (
    Parser("picture: PNG", _png, ("a.png",), lambda folder: read_png(folder / "a.png"), OF_BYTES, _same_picture, 300),
    Parser("container: AVI, Motion JPEG", _video("a.avi"), ("a.avi",), partial(_decode, "a.avi"), OF_BYTES, _frames_wrong, 300),
    Parser("container: AVI, H.264", _video("a.avi", **H264), ("a.avi",), partial(_decode, "a.avi"), OF_BYTES, _frames_wrong, 300),
    Parser("container: MP4, H.264", _video("a.mp4", **H264), ("a.mp4",), partial(_decode, "a.mp4"), OF_BYTES, _frames_wrong, 300),
    Parser(
        "container: Matroska, VP9",
        _video("a.mkv", codec="libvpx-vp9", pixel_format="yuv420p"),
        ("a.mkv",),
        partial(_decode, "a.mkv"),
        OF_BYTES,
        _frames_wrong,
        300,
    ),
    Parser(
        "container: MP4, HEVC",
        _video("a.mp4", codec="libx265", pixel_format="yuv420p", options={"x265-params": "log-level=none"}),
        ("a.mp4",),
        partial(_decode, "a.mp4"),
        OF_BYTES,
        _frames_wrong,
        200,
    ),
    Parser("archive: zip", _zip, ("a.zip",), partial(_extracted, "a.zip"), OF_BYTES, _content_wrong, 300),
    Parser("archive: tar", _tar(""), ("a.tar",), partial(_extracted, "a.tar"), OF_BYTES, _missing_wrong, 200),
    Parser("archive: tar.gz", _tar("gz"), ("a.tar.gz",), partial(_extracted, "a.tar.gz"), OF_BYTES, _content_wrong, 300),
    Parser("archive: tar.xz", _tar("xz"), ("a.tar.xz",), partial(_extracted, "a.tar.xz"), OF_BYTES, _content_wrong, 200),
    Parser("archive: 7z", _7z, ("a.7z",), partial(_extracted, "a.7z"), OF_BYTES, _content_wrong, 250),
)
