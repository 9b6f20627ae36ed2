"""What a frame of a world costs: a head's light and the camera, the encoder, and whether both keep twice real time together.

    python -m benchmarks.rendering [--people 12] [--seconds 1]

640x480, a face of 240 px from hairline to chin, steady and talking people by turns, each in a world of his own. CPU time of one
thread per frame; what is made once for a recording is left out. Every coding writes the same frames, of 10 bits where it holds
those. Twice real time at 30 Hz is 16.7 ms. A machine that is shared takes up to half as much again for the same frame: OpenCV's
PNG of the same frames, in the same run, shows by how much.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.results import Row, write_rows
from tast.datasets.phantom_recordings import stamped
from tast.phantom.develop import Picture
from tast.phantom.filmed import filmed
from tast.phantom.session import Session, in_worlds, phantom_sessions
from tast.video.coding import CODINGS
from tast.video.write_coded import write_coded

SEED = 15
WIDTH_PX, HEIGHT_PX, FACE_PX, FPS_HZ = 640, 480, 240, 30.0
TWICE_REAL_TIME_MS = 1e3 / FPS_HZ / 2
REPEATS = 3

Frames = Sequence[tuple[float, Picture]]


def sessions(people: int, seconds: float) -> tuple[Session, ...]:
    planned = phantom_sessions(
        seed=SEED, subjects=people, sessions=1, seconds=seconds, fps_hz=FPS_HZ, width_px=WIDTH_PX, height_px=HEIGHT_PX,
        face_height_px=FACE_PX, profile="wide", scenarios=("steady", "talking"),
    )  # fmt: skip
    return in_worlds(planned, count=people)


def filmed_ms(session: Session) -> tuple[float, Frames]:
    """CPU per frame of one recording from its second frame on, and its frames."""
    pictures = filmed(session, session.in_world)
    frames = [next(pictures)]
    start_s = time.process_time()
    frames += pictures
    return 1e3 * (time.process_time() - start_s) / (len(session.frame_times_s()) - 1), frames


def coded_ms(name: str, frames: Frames, folder: Path) -> float:
    """CPU per frame that a coding of CODINGS takes, the fastest of some."""
    coding = CODINGS[name][1](np.random.default_rng(1))
    taken_s = []
    for repeat in range(REPEATS):
        start_s = time.process_time()
        write_coded(folder / f"{name} {repeat}", frames, coding if name == "png" else stamped(coding))
        taken_s.append(time.process_time() - start_s)
    return 1e3 * min(taken_s) / len(frames)


def png_ms(frames: Frames) -> float:
    """CPU per frame of OpenCV's PNG encoder at compression 1, the fastest of some."""
    taken_s = []
    for _ in range(REPEATS):
        start_s = time.process_time()
        for _, picture in frames:
            cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        taken_s.append(time.process_time() - start_s)
    return 1e3 * min(taken_s) / len(frames)


def measure(people: int, seconds: float, folder: Path) -> list[Row]:
    made = [filmed_ms(session) for session in sessions(people, seconds)]
    of_bits = {
        bits: next(frames for _, frames in made if frames[0][1].dtype == dtype)
        for bits, dtype in ((8, np.uint8), (10, np.uint16))
    }
    film = [ms for ms, _ in made]
    coded = {name: coded_ms(name, of_bits[bits], folder) for name, (bits, _) in CODINGS.items()}
    peer = png_ms(of_bits[8])
    total = statistics.median(film) + statistics.median(coded.values())
    return [
        Row("a frame of a world: light, camera and the median coding", total, "CPU ms", "OpenCV's PNG of it alone",
            ratio=peer / total, aim=1.0),
        Row("the same, against twice real time", total, "CPU ms", better="lower", must=TWICE_REAL_TIME_MS),
        Row(f"light and camera, median of {people} people", statistics.median(film), "CPU ms", better="lower"),
        Row("light and camera, slowest person", max(film), "CPU ms", better="lower"),
        Row("OpenCV's PNG", peer, "CPU ms", better="lower"),
        *(Row(f"coding: {name}", ms, "CPU ms", better="lower") for name, ms in sorted(coded.items(), key=lambda one: one[1])),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rendering", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_rows("rendering", measure(arguments.people, arguments.seconds, Path(folder)))


if __name__ == "__main__":
    main()
