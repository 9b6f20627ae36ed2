"""Eulerian magnification of bytes to bytes beside public implementations, on the same frames with the same filter and levels.

    python -m benchmarks.evm [--peer PATH ...] [--repeats 5]

A peer is a checkout of flyingzhao/PyEVM or joeljose/Eulerian-Video-Magnification, told apart by the file it holds; without one,
its rows show our own time alone. CPU seconds of one thread, median; each side in a child process of its own, where the first
timed run also gives the peak of memory that it adds, its result included. Neither side reads or writes a file. The results are
compared as floats, before they become bytes: by the largest difference over the largest change that the peer makes.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.results import Row, write_rows
from tast.crew.each import do_each_by
from tast.crew.local import local_crew
from tast.preprocessing.band_pass import Band
from tast.preprocessing.eulerian import magnify_frames
from tast.preprocessing.pyramid import Amplification

Bytes = npt.NDArray[np.uint8]
Magnify = Callable[[Bytes, bool], npt.NDArray[Any]]  # frames, whether to return bytes (else floats before rounding)

N_FRAMES, FPS_HZ, LOW_HZ, HIGH_HZ, ALPHA = 300, 30.0, 0.4, 4.0, 120.0
SIZES = {"128x128": (128, 128), "480x640": (480, 640)}
LEVELS = 4
COMPARED = 8  # every so many frames are compared
MEMORY_MUST, MEMORY_AIM = 1.3, 1.2


def ours(amplification: Amplification, band: Band) -> Magnify:
    return lambda frames, to_bytes: magnify_frames(
        frames, FPS_HZ, amplification, band, dtype=np.uint8 if to_bytes else np.float32
    )


def pyevm(module: ModuleType) -> Magnify:
    """Its magnify_motion, with arrays in place of its two files, and its collapse told of the number of levels (it assumes 3)."""
    collapse = module.reconstract_from_tensorlist

    def magnify(frames: Bytes, to_bytes: bool) -> npt.NDArray[Any]:
        saved: list[npt.NDArray[Any]] = []
        vars(module).update(
            load_video=lambda _: (frames.astype(np.float64), int(FPS_HZ)),
            save_video=lambda tensor: saved.append(
                np.stack([cv2.convertScaleAbs(frame) for frame in tensor]) if to_bytes else tensor
            ),
            reconstract_from_tensorlist=partial(collapse, levels=LEVELS),
        )
        module.magnify_motion("", LOW_HZ, HIGH_HZ, levels=LEVELS, amplification=ALPHA)
        return saved[0]

    return magnify


def joeljose(module: ModuleType) -> Magnify:
    """Its eulerian_magnification between the changes of colour space and type that its load_video and save_video make.

    lambda_c so small that its levels but the finest and the residual, which it leaves alone, all have the full factor.
    """

    def magnify(frames: Bytes, to_bytes: bool) -> npt.NDArray[Any]:
        rgb = frames.astype(np.float32) / 255
        yiq = module.rgb_to_yiq(rgb)
        del rgb
        with contextlib.redirect_stdout(io.StringIO()):
            result = module.eulerian_magnification(yiq, FPS_HZ, LOW_HZ, HIGH_HZ, ALPHA, pyramid_levels=LEVELS, lambda_c=8)
        del yiq
        if not to_bytes:
            return np.asarray(module.yiq_to_rgb(result) * 255)
        return np.stack([np.clip(module.yiq_to_rgb(frame) * 255, 0, 255).astype(np.uint8) for frame in result])

    return magnify


@dataclass(frozen=True)
class Comparison:
    """A peer, what tells its checkout, how it is run, and what makes ours the same; bars on the ratio of times by size."""

    peer: str
    file: str
    runs_it: Callable[[ModuleType], Magnify]
    amplification: Amplification
    band: Band
    bars: dict[str, tuple[float, float]]

    def loaded(self, checkout: Path) -> Magnify:
        spec = importlib.util.spec_from_file_location(f"peer_{Path(self.file).stem}", checkout / self.file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{checkout / self.file}: not a Python module")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return self.runs_it(module)


COMPARISONS = {
    "pyevm": Comparison(  # filters causally, from rest, every level but the residual
        "flyingzhao/PyEVM magnify_motion", "EVM.py", pyevm,
        Amplification(ALPHA, LEVELS, residual=False), Band(LOW_HZ, HIGH_HZ, "iir", order=5, settled=False),
        {"128x128": (28, 35), "480x640": (25, 40)},
    ),
    "joeljose": Comparison(  # counts the residual as a level; its mask without negative frequencies passes half the amplitude
        "joeljose v2.1", "evm.py", joeljose,
        Amplification(ALPHA / 2, LEVELS - 1, residual=False, skip_finest=1), Band(LOW_HZ, HIGH_HZ, "ideal"),
        {"128x128": (4, 8), "480x640": (4, 8)},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    cpu_s: float
    memory: float  # of the input's
    floats: npt.NDArray[np.float32]  # every COMPARED-th frame of the result before it becomes bytes


def scene(height: int, width: int) -> Bytes:
    """A smooth still picture with a pulse of one grey level and the camera's noise."""
    random = np.random.default_rng(0)
    still = cv2.GaussianBlur(random.normal(size=(height, width, 3)), (0, 0), 3)
    still = 128 + 30 * still / still.std()
    frames = np.empty((N_FRAMES, height, width, 3), dtype=np.uint8)
    for number, frame in enumerate(frames):
        pulse = np.sin(2 * np.pi * 1.2 * number / FPS_HZ)
        frame[:] = np.clip(np.rint(still + pulse + random.normal(size=still.shape)), 0, 255)
    return frames


def measure(name: str, checkout: Path | None, size: str, repeats: int) -> Measured:
    """One side of a comparison, ours where there is no checkout; runs in a child process."""
    cv2.setNumThreads(1)
    threadpool_limits(1)
    comparison = COMPARISONS[name]
    magnify = ours(comparison.amplification, comparison.band) if checkout is None else comparison.loaded(checkout)
    frames = scene(*SIZES[size])
    magnify(frames[:16, :64, :64].copy(), True)  # compiles, loads, warms
    before, seconds = _status_kib("VmRSS"), []
    for _ in range(repeats):
        started = time.process_time()
        result = magnify(frames, True)
        seconds.append(time.process_time() - started)
        if len(seconds) == 1:
            memory = (_status_kib("VmHWM") - before) * 1024 / frames.nbytes
        del result
    return Measured(statistics.median(seconds), memory, magnify(frames, False)[::COMPARED].astype(np.float32))


def _status_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def compare(name: str, checkout: Path | None, size: str, repeats: int) -> list[Row]:
    comparison = COMPARISONS[name]
    our_side = _in_child(name, None, size, repeats)
    time_row = Row(f"{N_FRAMES}x{size} as {comparison.peer}, median of {repeats}", our_side.cpu_s, "CPU s", better="lower")
    memory_row = Row(f"{N_FRAMES}x{size} as {comparison.peer}: added memory, result included", our_side.memory, "of the input's",
                     better="lower", must=MEMORY_MUST, aim=MEMORY_AIM)  # fmt: skip
    if checkout is None:
        return [time_row, memory_row]
    theirs = _in_child(name, checkout, size, repeats)
    change = np.max(np.abs(theirs.floats - scene(*SIZES[size])[::COMPARED]))
    error = float(np.max(np.abs(our_side.floats - theirs.floats)) / change)
    must, aim = comparison.bars[size]
    peer = f"{comparison.peer}: {theirs.cpu_s:.4g} CPU s; floats differ by {error:.1e} of the largest change"
    return [
        Row(time_row.name, our_side.cpu_s, "CPU s", peer, theirs.cpu_s / our_side.cpu_s, "higher", must, aim),
        Row(memory_row.name, our_side.memory, memory_row.unit, f"{comparison.peer}: {theirs.memory:.1f}",
            theirs.memory / our_side.memory, "lower"),
        Row(f"{memory_row.name}, itself", our_side.memory, memory_row.unit, better="lower", must=MEMORY_MUST, aim=MEMORY_AIM),
    ]  # fmt: skip


def _in_child(*arguments: Any) -> Measured:
    with local_crew(workers=1) as child:
        return do_each_by(child, partial(measure, *arguments[:-1]), arguments[-1:])[0]


def checkout_of(name: str, peers: list[Path]) -> Path | None:
    """The peer's checkout among those given; None, and said so, where it is not there."""
    file = COMPARISONS[name].file
    found = next((peer for peer in peers if file in {path.name for path in peer.iterdir()}), None)
    if found is None:
        print(f"no checkout of {COMPARISONS[name].peer} given (--peer PATH, a folder with {file}): ours alone")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evm", description=__doc__)
    parser.add_argument("--peer", type=Path, action="append", default=[])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    arguments = parser.parse_args()
    rows = []
    for name in COMPARISONS:
        checkout = checkout_of(name, arguments.peer)
        for size in arguments.sizes:
            rows += compare(name, checkout, size, arguments.repeats)
    write_rows("evm", rows)


if __name__ == "__main__":
    main()
