"""What long use leaves behind: a thousand short videos in one process, and an hour of 1080p, through the real `tast predict`.

The process is watched from outside: its own memory, what it holds open, its threads, and what lies in its folder for temporary
files. Runs only when it is named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
import psutil

from tests.chaos.bad import films
from tests.chaos.outcome import Outcome, Tries
from tests.prediction.conftest import save_untrained, write_film

VIDEOS = 1000
KINDS = 4  # a sound film, another one, nobody, and bytes that are none; the first two in turn
GROWTH_MB = 6.0  # of its own memory, in a hundred videos of the second half, by least squares; a trace that is kept has 60 kB
NOISE_MB = 30.0  # what it may vary by however few they were
MORE = 2  # open files, threads and temporary files beyond those of the first half
HOUR_S, FEW_FPS_HZ = 3600.0, 10.0  # an hour, in as few frames as carry a pulse
PIECES_S, FPS_HZ = 300.0, 30.0  # more than two of the pieces that a video is read in, at a camera's rate
WIDTH_PX, HEIGHT_PX = 1920, 1080
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
    for name, seconds, fps_hz in (("an hour", HOUR_S, FEW_FPS_HZ), (f"{PIECES_S / 60:g} minutes", PIECES_S, FPS_HZ)):
        video = write_long(tries.folder / "long.mkv", seconds, fps_hz)
        yield long_video(video, model, tries.folder / name, f"{name} of 1080p, {fps_hz:g} frames a second", seconds)
        video.unlink()
    yield from many(model, tries.folder / "many", tries.times(VIDEOS))


def many(model: Path, folder: Path, times: int) -> Iterator[Outcome]:
    """So many videos, of each of the KINDS as many; the sound ones must read alike, first or last."""
    place = folder / "in"
    write_many(place, times)
    samples, code = watched(place, folder, model)
    said = (folder / "said.txt").read_text(errors="replace")
    tables = sorted((folder / "out").glob("*.csv"))
    sound = sum(number % KINDS < 2 for number in range(times))
    refused = sum(": refused: " in line for line in said.splitlines())
    alike = sum(_same(table, tables[number % 2]) for number, table in enumerate(tables))
    note = f"{len(tables)} tables, {refused} refused, exit {code}"
    if len(tables) != sound or refused != times - sound:
        note += f"; expected {sound} tables: {said[-200:]}"
    held = alike + min(refused, times - sound)
    expected = "the same table of the same film, a line for each of the others"
    yield Outcome(f"{times} short videos, one after the other, in one process", expected, times, held, note=note)
    half = len(samples) // 2
    first, second = samples[1:half], samples[half:]
    slope = slope_mb(second)
    grown = second[-1].memory_mb - second[0].memory_mb
    flat = slope < GROWTH_MB / 100 or grown < NOISE_MB
    note = f"{slope * 100:+.1f} MiB in 100 tables; {second[0].memory_mb:.0f} at half, {second[-1].memory_mb:.0f} MiB in the end"
    yield Outcome("memory over the second half", f"grown by {GROWTH_MB:g} MiB in 100 tables at most", 1, int(flat), note=note)
    for what in ("handles", "threads", "temporary"):
        before, after = (max(getattr(one, what) for one in of) for of in (first, second))
        names = {"handles": "open files and sockets", "threads": "threads", "temporary": "temporary files"}
        yield Outcome(f"{names[what]} over the second half", f"no more than {MORE} beyond the first half's", 1,
                      int(after <= before + MORE), note=f"{before} at most, then {after}")  # fmt: skip
    left = [one.name for one in (folder / "tmp").rglob("*")]
    yield Outcome("temporary files in the end", "none", 1, int(not left), note=", ".join(left[:3]))


def write_many(folder: Path, times: int) -> None:
    """Films of 4.1 s, each as many links to one file."""
    folder.mkdir(parents=True)
    scratch = folder.parent
    kinds = (
        write_film(scratch / "one.avi", 4.1, fps_hz=12.5),
        write_film(scratch / "other.avi", 5.1, fps_hz=12.5),
        films.write(scratch / "nobody.mkv", films.at_times([k / 12.5 for k in range(15)], films.nobody(320, 240))),
        scratch / "none.mp4",
    )
    kinds[-1].write_bytes(os.urandom(20_000))
    for number, kind in enumerate(islice(cycle(kinds), times)):
        (folder / f"{number:05}{kind.suffix}").hardlink_to(kind)


def _same(table: Path, first: Path) -> bool:
    one, other = (pd.read_csv(path, dtype=str).drop(columns="video", errors="ignore") for path in (table, first))
    return one.equals(other)


def watched(videos: Path, folder: Path, model: Path) -> tuple[list[Sample], int]:
    """`tast predict` in one process, and what it held each time that a table had come."""
    process = started(videos, folder, model)
    samples: list[Sample] = []
    with suppress(psutil.NoSuchProcess):
        seen = psutil.Process(process.pid)
        while process.poll() is None:
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
    project = {"PYTHONPATH": str(Path(__file__).parents[3]), "TMPDIR": str(folder / "tmp"), "COLUMNS": "200"}
    with (folder / "said.txt").open("w") as said:
        return subprocess.Popen(
            [*command, "--workers", "1", "--memory-gb", "0"], env=os.environ | project, stdout=said, stderr=subprocess.STDOUT
        )  # fmt: skip


def slope_mb(samples: list[Sample]) -> float:
    """MiB a table, by least squares."""
    if len(samples) < 3:
        return 0.0
    return float(np.polyfit([one.done for one in samples], [one.memory_mb for one in samples], 1)[0])


def long_video(video: Path, model: Path, folder: Path, name: str, seconds: float) -> Outcome:
    process = started(video, folder, model)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_gb = used.ru_maxrss * 1024 / 1e9
    tables = list((folder / "out").glob("*.csv"))
    rows = len(pd.read_csv(tables[0])) if tables else 0
    held = process.returncode == 0 and rows >= seconds - 2 and peak_gb <= MOST_GB
    said = (folder / "said.txt").read_text(errors="replace").strip()[-200:] if process.returncode else ""
    note = f"{rows} seconds read; {peak_gb:.2f} GB at the peak, {used.ru_utime + used.ru_stime:.0f} s of CPU {said}".strip()
    return Outcome(name, f"every second read, in {MOST_GB:g} GB at most", 1, int(held), note=note)


def write_long(path: Path, seconds: float, fps_hz: float) -> Path:
    """A face that pulses, as H.264 of 1080p: FILMED_S of it, whose packets come again and again with later times."""
    scene = ((time_s, cv2.resize(rgb, (WIDTH_PX, HEIGHT_PX))) for time_s, rgb in films.face(FILMED_S, fps_hz))
    options = {"preset": "ultrafast", "crf": "12", "tune": "zerolatency"}
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
