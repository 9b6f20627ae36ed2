"""Random 64-frame clips of 128x128 faces from the clip store, against zarr with LZ4 on the same frames.

    python -m benchmarks.store [--clips 200] [--repeats 7]

CPU seconds of this process (all its threads; one for Blosc and for zarr), medians, warm page cache. On both sides every byte of
a clip ends in the same buffer, as in a batch. The bar is for zarr as it chunks by itself, on aligned faces of a phantom; chunks
of whole frames in three lengths and masked faces, whose black surroundings LZ4 hardly has to touch, stand beside it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import zarr
from numcodecs import blosc
from zarr.codecs import BloscCodec

from benchmarks.results import Row, write_rows
from tast.clip_store import ClipRow, ClipStore, write_tables
from tast.params import load_params
from tast.phantom.render import render
from tast.phantom.session import phantom_sessions
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import after_each_step

N_FRAMES, N_VIDEOS, SECONDS = 64, 6, 10.0
OURS, ITS_OWN = "the store", "its own chunks"
CHUNK_FRAMES: dict[str, int | None] = {ITS_OWN: None, "chunks of 8": 8, "chunks of 16": 16, "chunks of 64": 64}
MUST, AIM = 20.0, 40.0

Frames = npt.NDArray[np.uint8]
Read = Callable[[int, int], npt.NDArray[np.generic]]  # video, first frame -> (N_FRAMES, 128, 128, 3)


def faces() -> dict[str, Frames]:
    """(T, 128, 128, 3) uint8 of a phantom's face that turns, after the steps align and mask."""
    session = phantom_sessions(
        seed=7, subjects=1, sessions=1, seconds=SECONDS, fps_hz=30, width_px=320, height_px=240, face_height_px=120,
        profile="wide", scenarios=("medium_rotation",),
    )[0]  # fmt: skip
    settings = settings_of(load_params().preprocess.model_dump())
    steps = islice(after_each_step("store", render(session), settings), 2)
    return {name: np.asarray(face.frames, dtype=np.uint8) for name, face in steps}


def write_store(folder: Path, frames: Frames) -> ClipStore:
    """A clip at every frame of every video; all videos hold the same frames, in files of their own."""
    rows = []
    for video in range(N_VIDEOS):
        np.save(folder / f"{video}.npy", frames)
        for first in range(len(frames) - N_FRAMES + 1):
            rows.append(
                ClipRow(
                    clip_id=clip_id(video, first), dataset="phantom", subject_id=str(video), record_id=str(video),
                    scenario="steady",
                    file=f"{video}.npy", first_frame=first, n_frames=N_FRAMES, start_s=first / 30, fps_hz=30.0, quality=1.0,
                    spo2_percent=(97.0, 96.0),
                )
            )  # fmt: skip
    write_tables(folder, rows, [], [], {})
    return ClipStore(folder)


def clip_id(video: int, first: int) -> str:
    return f"{video}-{first:04d}"


def from_store(store: ClipStore) -> Read:
    return lambda video, first: store.clip(clip_id(video, first)).frames


def write_zarr(folder: Path, frames: Frames, chunk_frames: int | None) -> Read:
    """chunk_frames: of whole frames; None leaves chunking to zarr."""
    chunks: tuple[int, ...] | Literal["auto"] = "auto" if chunk_frames is None else (chunk_frames, *frames.shape[1:])
    codec = BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")
    arrays = []
    for video in range(N_VIDEOS):
        array = zarr.create_array(
            store=str(folder / f"{video}.zarr"), shape=frames.shape, dtype=frames.dtype, chunks=chunks, compressors=codec
        )  # fmt: skip
        array[:] = frames
        arrays.append(array)
    return lambda video, first: np.asarray(arrays[video][first : first + N_FRAMES])


def clips_per_cpu_second(readers: dict[str, Read], chosen: list[tuple[int, int]], repeats: int) -> dict[str, float]:
    """Median rate of each reader; they take turns, so that a busy spell of the machine falls on all."""
    rates: dict[str, list[float]] = {name: [] for name in readers}
    buffer = np.empty_like(readers[OURS](*chosen[0]))
    for _ in range(repeats + 1):
        for name, read in readers.items():
            start = time.process_time()
            for place in chosen:
                np.copyto(buffer, read(*place))
            rates[name].append(len(chosen) / (time.process_time() - start))
    return {name: statistics.median(measured[1:]) for name, measured in rates.items()}  # the first round fills the page cache


def measure(root: Path, step: str, frames: Frames, n_clips: int, repeats: int) -> list[Row]:
    """Both stores on the same frames; the bar stands for the aligned ones."""
    random = np.random.default_rng(0)
    chosen = [(int(random.integers(N_VIDEOS)), int(random.integers(len(frames) - N_FRAMES + 1))) for _ in range(n_clips)]
    (root / "npy").mkdir(parents=True)
    readers = {OURS: from_store(write_store(root / "npy", frames))}
    readers |= {name: write_zarr(root / name, frames, length) for name, length in CHUNK_FRAMES.items()}
    for place in chosen[:5]:
        if not all(np.array_equal(read(*place), readers[OURS](*place)) for read in readers.values()):
            raise RuntimeError("the two stores give different frames")
    rates = clips_per_cpu_second(readers, chosen, repeats)
    size = disk_bytes(root / ITS_OWN) / disk_bytes(root / "npy")
    barred = step == "align"
    return [
        Row(
            f"{step}: random 64-frame clips, 128x128 uint8", rates[OURS], "clips/CPU s", peer=f"zarr lz4, {ITS_OWN}",
            ratio=rates[OURS] / rates[ITS_OWN], must=MUST if barred else None, aim=AIM if barred else None,
        ),
        *(
            Row(f"{step}: the same against zarr lz4, {name}", rates[OURS], "clips/CPU s", peer=f"{rates[name]:.0f} clips/CPU s",
                ratio=rates[OURS] / rates[name])
            for name in CHUNK_FRAMES if name != ITS_OWN
        ),
        Row(f"{step}: zarr's bytes on disk over the store's", size, "1", better="lower"),
    ]  # fmt: skip


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".parquet")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    blosc.set_nthreads(1)
    zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
    with tempfile.TemporaryDirectory() as root:
        rows = []
        for step, frames in faces().items():
            rows += measure(Path(root) / step, step, frames, arguments.clips, arguments.repeats)
    write_rows("store", rows)


if __name__ == "__main__":
    main()
