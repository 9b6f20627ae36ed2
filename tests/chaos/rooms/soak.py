"""What long use leaves behind: a thousand short videos in one process, and an hour of 1080p, through the real `tast predict`.

The process is watched from outside: its own memory, what it holds open, its threads, and what lies in its folder for temporary
files. Runs only when it is named.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil

from tests.chaos.bad import films
from tests.chaos.outcome import Outcome, Tries
from tests.prediction.conftest import save_untrained

VIDEOS = 1000
KINDS = 4  # a sound film (two in turn), nobody, bytes that are none, and a film that was cut off
# Of the most that it holds, from the first half to the second: 30 kB that are kept of each video are so much. What it holds goes
# up and down by 60 MB with the film at hand, and a slope says nothing: of the same code it was +35, -18 and +1 MiB in 100 tables.
GROWTH_MB = 15.0
FEW, NOISE_MB = 20, 30.0  # of so few tables no more is known than by what they may vary
MORE = 2  # open files, threads and temporary files beyond those of the first half
LONG = (  # name, seconds, frames a second
    ("an hour", 3600.0, 9.0),  # as few frames as carry a pulse
    ("260 s", 260.0, 25.0),  # more than two of the pieces that a video is read in, at a camera's rate
)
WIDTH_PX, HEIGHT_PX, PERSON_PX = 1920, 1080, (640, 480)
FILMED_S = 20.0  # filmed; the rest is the same over and over
MOST_GB = 1.5  # of a worker, at its peak
EVERY_S = 0.5


@dataclass(frozen=True)
class Sample:
    """done: tables that lay there. memory_mb: the process's own. handles, threads, temporary: how many."""

    done: int
    memory_mb: float
    handles: int
    threads: int
    temporary: int


def run(tries: Tries) -> Iterator[Outcome]:
    (tries.folder / "model").mkdir()
    model = save_untrained(tries.folder / "model")
    with ThreadPoolExecutor() as beside:
        long = [
            beside.submit(long_video, tries.folder / name, model, name, seconds, fps_hz, tries.ends_s)
            for name, seconds, fps_hz in LONG
        ]
        yield from many(model, tries.folder / "many", tries.times(VIDEOS), tries.ends_s)
        for one in long:
            yield one.result()


def many(model: Path, folder: Path, times: int, ends_s: float) -> Iterator[Outcome]:
    """So many videos, of each of the KINDS as many; the sound ones must read alike, first or last. Where the time is over before
    they are done, those that are count."""
    place = folder / "in"
    write_many(place, times)
    samples, code = watched(place, folder, model, ends_s)
    said = (folder / "said.txt").read_text(errors="replace")
    tables = sorted((folder / "out").glob("*.csv"))
    refused = sum(": refused: " in line for line in said.splitlines())
    alike = sum(_same(table, tables[number % 2]) for number, table in enumerate(tables))
    done = times if code >= 0 else len(tables)
    note = (
        f"{len(tables)} tables, {refused} refused" if code >= 0 else f"of {times} where the time was over: {alike} tables alike"
    )
    if code >= 0 and len(tables) != -(-times // KINDS):
        note += f"; expected {-(-times // KINDS)} tables: {said[-200:]}"
    expected = "the same table of the same film, a line for each of the others"
    yield Outcome(f"{done} short videos, one after the other, in one process", expected, done, alike + refused, note=note)
    half = len(samples) // 2
    first, second = samples[:half] or samples[:1], samples[half:]
    most = GROWTH_MB if len(tables) >= FEW else NOISE_MB
    before_mb, after_mb = most_mb(first), most_mb(second)
    note = f"{before_mb:.0f} MiB at most in the first half, {after_mb:.0f} in the second"
    yield Outcome("memory over the second half", f"no more than {most:g} MiB beyond the first half's", 1,
                  int(after_mb - before_mb <= most), note=note)  # fmt: skip
    for what in ("handles", "threads", "temporary"):
        before, after = (max(getattr(one, what) for one in of) for of in (first, second))
        names = {"handles": "open files and sockets", "threads": "threads", "temporary": "temporary files"}
        yield Outcome(f"{names[what]} over the second half", f"no more than {MORE} beyond the first half's", 1,
                      int(after <= before + MORE), note=f"{before} at most, then {after}")  # fmt: skip
    if code >= 0:
        left = [one.name for one in (folder / "tmp").rglob("*")]
        yield Outcome("temporary files in the end", "none", 1, int(not left), note=", ".join(left[:3]))


def write_many(folder: Path, times: int) -> None:
    """Films of 5 s, each as many links to one file."""
    folder.mkdir(parents=True)
    scratch = folder.parent
    one = films.write_stream(scratch / "one.mkv", films.face(4.5, 12.5), "libx264", crf="1")
    other = films.write_stream(scratch / "other.mkv", films.face(5.5, 12.5), "libx264", crf="1")
    nobody = films.write(scratch / "nobody.mkv", films.at_times([k / 12.5 for k in range(15)], films.nobody(320, 240)))
    none, cut = scratch / "none.mp4", scratch / "cut.mkv"
    none.write_bytes(os.urandom(20_000))
    cut.write_bytes(one.read_bytes()[: one.stat().st_size // 3])
    others = nobody, none, cut
    for number, kind in enumerate(islice(cycle((one, *others, other, *others)), times)):
        (folder / f"{number:05}{kind.suffix}").hardlink_to(kind)


def _same(table: Path, first: Path) -> bool:
    one, other = (pd.read_csv(path, dtype=str).drop(columns="video", errors="ignore") for path in (table, first))
    return one.equals(other)


def watched(videos: Path, folder: Path, model: Path, ends_s: float) -> tuple[list[Sample], int]:
    """`tast predict` in one process, and what it held each time that a table had come; its exit code, below 0 where it was ended
    because the time was over."""
    process = started(videos, folder, model)
    samples: list[Sample] = []
    with suppress(psutil.NoSuchProcess):
        seen = psutil.Process(process.pid)
        while process.poll() is None:
            if time.monotonic() > ends_s:
                process.kill()
            done = len(list((folder / "out").glob("*.csv")))
            if done and (not samples or done > samples[-1].done):
                temporary = len(list((folder / "tmp").rglob("*")))
                memory_mb = seen.memory_full_info().uss / 2**20
                samples.append(Sample(done, memory_mb, seen.num_fds(), seen.num_threads(), temporary))
            time.sleep(EVERY_S)
    return samples, process.wait()


def started(videos: Path, folder: Path, model: Path) -> subprocess.Popen[bytes]:
    (folder / "tmp").mkdir(parents=True)
    command = [sys.executable, "-m", "tast", "predict", str(videos), "--model", str(model), "--out", str(folder / "out")]
    command += ["--uncalibrated", "--min-quality", "0", "--workers", "1", "--memory-gb", "0"]
    project = {"PYTHONPATH": str(Path(__file__).parents[3]), "TMPDIR": str(folder / "tmp"), "COLUMNS": "200"}
    with (folder / "said.txt").open("w") as said:
        return subprocess.Popen(command, env=os.environ | project, stdout=said, stderr=subprocess.STDOUT)


def most_mb(samples: list[Sample]) -> float:
    """What all but a twentieth of the samples stay below."""
    return float(np.quantile([one.memory_mb for one in samples], 0.95))


def long_video(folder: Path, model: Path, name: str, seconds: float, fps_hz: float, ends_s: float) -> Outcome:
    folder.mkdir()
    video = write_long(folder / "long.mkv", seconds, fps_hz)
    process = started(video, folder, model)
    peak_gb, cpu_s = 0.0, 0.0
    with suppress(psutil.NoSuchProcess):
        seen = psutil.Process(process.pid)
        while process.poll() is None:
            if time.monotonic() > ends_s:
                process.kill()
            peak_gb, cpu_s = max(peak_gb, _peak_gb(process.pid)), sum(seen.cpu_times()[:2])
            time.sleep(EVERY_S)
    tables = list((folder / "out").glob("*.csv"))
    rows = len(pd.read_csv(tables[0])) if tables else 0
    held = process.returncode == 0 and rows >= seconds - 2 and peak_gb <= MOST_GB
    said = (folder / "said.txt").read_text(errors="replace").strip()[-200:] if process.returncode > 0 else ""
    said = "ended, since the time was over" if process.returncode < 0 else said
    note = f"{rows} seconds read; {peak_gb:.2f} GB at the peak, {cpu_s:.0f} s of CPU {said}".strip()
    fault = f"{name} of 1080p, {fps_hz:g} frames a second"
    return Outcome(fault, f"every second read, in {MOST_GB:g} GB at most", 1, int(held), note=note)


def _peak_gb(process: int) -> float:
    """The most that a process has held so far (wait4 says of a child what its parent held as well); 0 of one that ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 / 1e9 if found else 0.0


def _in_a_room(person: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A person before a wall that stands still, (1080, 1920, 3)."""
    wall = np.full((HEIGHT_PX, WIDTH_PX, 3), 90, np.uint8)
    left, top = (WIDTH_PX - PERSON_PX[0]) // 2, (HEIGHT_PX - PERSON_PX[1]) // 2
    wall[top : top + PERSON_PX[1], left : left + PERSON_PX[0]] = cv2.resize(person, PERSON_PX)
    return wall


def write_long(path: Path, seconds: float, fps_hz: float) -> Path:
    """A face that pulses, as H.264 of 1080p: FILMED_S of it, whose packets come again and again with later times."""
    scene = ((time_s, _in_a_room(rgb)) for time_s, rgb in films.face(FILMED_S, fps_hz))
    options = {"preset": "ultrafast", "crf": "23", "tune": "zerolatency"}
    once = films.write_stream(path.with_name("once.mkv"), scene, "libx264", **options)
    with av.open(str(once)) as source, av.open(str(path), "w") as target:
        stream: Any = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        tick = packets[0].time_base
        assert tick is not None
        step = round(Fraction(round(FILMED_S * fps_hz), round(fps_hz)) / tick)
        contents = [(bytes(packet), packet.pts, packet.is_keyframe) for packet in packets]
        for again in range(round(seconds / FILMED_S)):
            for content, pts, is_key in contents:
                packet = av.Packet(content)
                packet.stream, packet.time_base = stream, tick
                packet.pts = packet.dts = pts + again * step
                packet.is_keyframe = is_key
                target.mux(packet)
    once.unlink()
    return path
