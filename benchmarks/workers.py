"""Preprocessing of a phantom's videos by two workers against one: wall time from the first video to the last.

    python -m benchmarks.workers [--videos 8] [--seconds 10] [--repeats 5]

Each round runs once with one worker and once with two, on an empty cache; the ratio is that of the medians. A small video is done
by each worker first, so that nobody pays for starting processes and loading models. It needs two idle cores: anything else that
runs counts against the two.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.results import Row, write_rows
from tast.crew.each import Crew, do_each_by
from tast.crew.local import local_crew
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.readers import read_dataset
from tast.params import load_params
from tast.preprocessing.pipeline import preprocess_records, settings_of
from tast.preprocessing.steps import Settings
from tast.records import VideoRecord

MUST, AIM = 1.8, 1.95
WARM_UP_S = 3.0


def write_phantom(folder: Path, videos: int, seconds: float) -> list[VideoRecord]:
    """The photograph, in PURE's layout -> their records."""
    chosen = load_params().download.phantom.model_dump() | {
        "layout": "pure", "worlds": None, "subjects": videos, "sessions": 1, "seconds": seconds,
    }  # fmt: skip
    plan = plan_phantom(**chosen)
    plan.write_sessions(plan.sessions, folder)
    plan.write_lists(folder)
    records, _ = read_dataset("pure", folder)
    return records


def run(crew: Crew, records: list[VideoRecord], settings: Settings, folder: Path) -> float:
    """Seconds until the last of the records is done; folder: of an empty cache and of the clips."""
    work = partial(preprocess_records, settings=settings, cache_root=folder / "cache", clips_folder=folder / "clips")
    start = time.perf_counter()
    shards = do_each_by(crew, work, [[record] for record in records])
    elapsed_s = time.perf_counter() - start
    if any(shard.rejects for shard in shards) or sum(shard.n_computed for shard in shards) != len(records):
        raise RuntimeError("a video was rejected or came from the cache")
    return elapsed_s


def measure(root: Path, videos: int, seconds: float, repeats: int) -> list[Row]:
    settings = settings_of(load_params().preprocess.model_dump())
    short = {**settings, "cut": {**settings["cut"], "length_s": int(WARM_UP_S) - 1}}
    warm_up = write_phantom(root / "warm_up", 2, WARM_UP_S)
    records = write_phantom(root / "videos", videos, seconds)
    taken_s: dict[int, list[float]] = {1: [], 2: []}
    with local_crew(workers=1, memory_gb=4) as one, local_crew(workers=2, memory_gb=4) as two:
        for crew in (one, two):
            run(crew, warm_up[: crew.size], short, root / f"warm_up_{crew.size}")
        for number in range(repeats):
            for crew in (one, two):
                taken_s[crew.size].append(run(crew, records, settings, root / f"{crew.size}_{number}"))
    one_s, two_s = statistics.median(taken_s[1]), statistics.median(taken_s[2])
    name = f"preprocessing of {videos} videos of {seconds:g} s"
    return [
        Row(f"{name}, two workers", two_s, "s", peer="one worker", ratio=one_s / two_s, must=MUST, aim=AIM),
        Row(f"{name}, one worker", one_s, "s", better="lower"),
        Row("load of the machine at the end (1 minute)", os.getloadavg()[0], "processes", better="lower"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.workers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        rows = measure(Path(root), arguments.videos, arguments.seconds, arguments.repeats)
    write_rows("workers", rows)


if __name__ == "__main__":
    main()
