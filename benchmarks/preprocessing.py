"""Whole preprocessing of a rendered 640x480 face of 160 px, decoding to stored clip, against the naive per-frame pipeline.

    python -m benchmarks.preprocessing [--seconds 10] [--repeats 5] [--naive-repeats 3]

CPU seconds of this process (all its threads), medians, after a warm-up of each side on the first second, so that no side pays
for loading models. Memory is what a clip of 8 s adds at its peak to a process that has done one of 4 s before. Ours is as in
params.yaml; the naive side, with the same settings, predicts landmarks and draws Face Mesh in each frame, and stores what it
made at the ROI's size, as it has no shrinking step.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import psutil
from threadpoolctl import threadpool_limits

from benchmarks.naive import NaivePipeline
from benchmarks.results import Row, write_rows
from tast.crew.each import do_each
from tast.params import load_params
from tast.phantom.render import render
from tast.phantom.session import Session, phantom_sessions
from tast.pictures import Picture
from tast.preprocessing.align import align
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import STEPS, Settings, preprocess_video
from tast.records import VideoSource
from tast.video.coding import Coding
from tast.video.read import read_frames, read_pictures
from tast.video.write_coded import write_coded

log = logging.getLogger(__name__)

FPS_HZ = 30.0
CLIP_S = 8.0
FACE_HEIGHT_PX = 160
BARS = {  # format -> (must, aim) on frames per CPU second over 30, (must, aim) against the naive side
    "h264": ((8.0, 12.0), (8.0, 12.0)),
    "png": ((3.0, 4.0), (None, None)),
}


def session(seconds: float) -> Session:
    return phantom_sessions(
        seed=7, subjects=1, sessions=1, seconds=seconds, fps_hz=FPS_HZ, width_px=640, height_px=480,
        face_height_px=FACE_HEIGHT_PX, profile="wide", scenarios=("slow_translation",),
    )[0]  # fmt: skip


def write_h264(folder: Path, filmed: Session) -> VideoSource:
    path = write_coded(folder / "video", render(filmed), Coding("h264", ".avi", quality=18))
    return VideoSource(path, None, filmed.frame_times_s())


def write_png(folder: Path, filmed: Session) -> VideoSource:
    names = []
    for number, (_, rgb) in enumerate(render(filmed)):
        names.append(f"{number:05d}.png")
        if not cv2.imwrite(str(folder / names[-1]), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)):
            raise OSError(f"{folder / names[-1]}: cannot write")
    return VideoSource(folder, tuple(names), filmed.frame_times_s())


FORMATS: dict[str, Callable[[Path, Session], VideoSource]] = {"h264": write_h264, "png": write_png}


class StepClock:
    """CPU seconds of each step of one run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.process_time()

    def done(self, step: str) -> None:
        now = time.process_time()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._started
        self._started = now

    def decoded(self, frames: Iterator[tuple[float, Picture]]) -> Iterator[tuple[float, Picture]]:
        """The frames, the time until each handed out being decoding, and the time until the next is asked for aligning."""
        for frame in frames:
            self.done("decode")
            yield frame
            self.done("align")


def run_ours(source: VideoSource, settings: Settings, target: Path, n_frames: int | None = None) -> dict[str, float]:
    """CPU seconds per step, from the file on disk to the clips' array on disk."""
    clock = StepClock()
    face = align(clock.decoded(islice(read_pictures(source, []), n_frames)), "r", **settings["align"])
    clock.done("align")
    for name, step in STEPS.items():
        face = step(face, **settings[name])
        clock.done(name)
    np.save(target, face.frames)
    clock.done("store")
    return clock.seconds


def run_naive(naive: NaivePipeline, source: VideoSource, settings: Settings, target: Path, n_frames: int | None = None) -> float:
    started = time.process_time()
    magnification = dict(settings["magnify"])
    kept = {name: magnification[name] for name in ("levels", "residual", "low_hz", "high_hz", "alpha")}
    frames = islice(read_frames(source, []), n_frames)
    clips = naive.run(frames, size_px=settings["align"]["roi_size_px"], fps_hz=FPS_HZ, **kept)
    np.save(target, clips)
    return time.process_time() - started


def measure(source: VideoSource, name: str, settings: Settings, naive: NaivePipeline, repeats: tuple[int, int]) -> list[Row]:
    """Rows of one video format: frames per CPU second over real time, against the naive side, and ms per frame of each step."""
    n_frames = len(source.frame_times_s if source.frame_times_s is not None else ())
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "clips.npy"
        warm_up = int(4 * FPS_HZ)
        run_ours(source, settings, target, warm_up)
        run_naive(naive, source, settings, target, warm_up)
        runs = [run_ours(source, settings, target) for _ in range(repeats[0])]
        naive_s = statistics.median(run_naive(naive, source, settings, target) for _ in range(repeats[1]))
    ours_s = statistics.median(sum(run.values()) for run in runs)
    real_time, against = BARS[name]
    ours_hz, naive_hz = n_frames / ours_s, n_frames / naive_s
    peer = f"naive per-frame pipeline, median of {repeats[1]}: {naive_hz:.1f} frames per CPU s"
    rows = [
        Row(f"{name}: whole preprocessing, median of {repeats[0]}", ours_hz, "frames per CPU s", peer, ours_hz / naive_hz,
            must=against[0], aim=against[1]),
        Row(f"{name}: the same per core", ours_hz, "frames per CPU s", f"real time, {FPS_HZ:g} per s", ours_hz / FPS_HZ,
            must=real_time[0], aim=real_time[1]),
    ]  # fmt: skip
    steps = {step: statistics.median(run[step] for run in runs) / n_frames for step in runs[0]}
    return rows + [Row(f"{name}: {step}", 1e3 * seconds, "ms per frame", better="lower") for step, seconds in steps.items()]


def memory_mib(source: VideoSource, settings: Settings) -> float:
    """What this process holds at its peak beyond what it held before, while it makes the frames of one video."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of before
    before = psutil.Process().memory_info().rss
    for face in preprocess_video("r", source, settings).faces:
        log.debug("%s", face)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    return int(peak[1]) / 1024 - before / 2**20


def memory_of_a_clip(folder: Path, settings: Settings) -> Row:
    """In a process of its own, which does nothing else."""
    sources = []
    for seconds in (4.0, CLIP_S):
        (folder / f"{seconds:g}").mkdir()
        sources.append(write_h264(folder / f"{seconds:g}", session(seconds)))
    *_, clip = do_each(partial(memory_mib, settings=settings), sources, workers=1, memory_gb=8.0)
    return Row(f"h264: memory of a clip of {CLIP_S:g} s", clip, "MiB", better="lower", must=60.0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preprocessing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--naive-repeats", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows: list[Row] = []
    with threadpool_limits(1):
        naive, settings = NaivePipeline(), settings_of(load_params().preprocess.model_dump())
        for name, write in FORMATS.items():
            with tempfile.TemporaryDirectory() as folder:
                source = write(Path(folder), session(options.seconds))
                rows += measure(source, name, settings, naive, (options.repeats, options.naive_repeats))
        with tempfile.TemporaryDirectory() as folder:
            rows.append(memory_of_a_clip(Path(folder), settings))
    write_rows("preprocessing", rows)


if __name__ == "__main__":
    main()
