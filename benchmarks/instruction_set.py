"""What one instruction set for all machines costs: preprocessing and training with compute.instruction_set avx2 against native.

    python -m benchmarks.instruction_set [--repeats 5] [--videos 3] [--epochs 4]

CPU seconds (all threads) of the default phantom's first videos, 16 s each, and of trainings of the default network on their
clips, without imports; each round runs once with either, in a process of its own; medians. `native` is what this machine offers:
on one without wider vectors than AVX2's both are alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.results import Row, write_rows
from tast import instruction_set

SECONDS, WHAT = 16.0, ("preprocessing", "training")


def write_videos(folder: Path, videos: int) -> None:
    """The photograph, in PURE's layout."""
    from tast.datasets.phantom_set import plan_phantom
    from tast.params import load_params

    chosen = {"layout": "pure", "worlds": None, "subjects": videos, "seconds": SECONDS}
    plan = plan_phantom(**load_params().download.phantom.model_dump() | chosen)
    plan.write_sessions(plan.sessions, folder)


def measure(name: str, videos: Path, work: Path, epochs: int) -> dict[str, float]:
    """CPU seconds of each of WHAT in this process, which must not have imported numpy yet."""
    instruction_set.choose(name)
    instruction_set.require(name)
    from tast.clip_store import ClipStore, write_tables
    from tast.datasets.readers import read_dataset
    from tast.methods.method import method_named
    from tast.params import load_params
    from tast.preprocessing.pipeline import preprocess_records, settings_of
    from tast.training.augmentation import Augmentation
    from tast.training.compute import compute_reproducibly
    from tast.training.dataset import ClipDataset
    from tast.training.labels import fit_label_scaling
    from tast.training.loop import fit
    from tast.training.settings import FitSettings

    params = load_params()
    records, _ = read_dataset("pure", videos)
    preprocess = partial(
        preprocess_records, settings=settings_of(params.preprocess.model_dump()), clips_folder=work / "clips"
    )  # fmt: skip
    preprocess(records[:1], cache_root=work / "warm_up")  # loads models, compiles
    start_s = time.process_time()
    shard = preprocess(records, cache_root=work / "cache")
    taken_s = {"preprocessing": time.process_time() - start_s}
    write_tables(work / "clips", list(shard.rows), [], [], params.preprocess.model_dump())

    store, train = ClipStore(work / "clips"), params.train
    compute_reproducibly(train.seed, train.threads)
    clips = ClipDataset(store, store.clip_ids, kind=train.input, frame_size_px=train.frame_size_px)
    method = method_named(train.method)
    network = method.build(
        method.options_of(train.options), frames=clips.frames, size_px=train.frame_size_px, seconds=clips.seconds,
        colour_axes=None,
    )  # fmt: skip
    values = train.model_dump(include=set(FitSettings.__dataclass_fields__)) | {"epochs": epochs, "patience": epochs}
    settings = FitSettings(**values | {"augmentation": Augmentation(**values["augmentation"])})
    start_s = time.process_time()
    fit(network, clips, clips, settings, scaling=fit_label_scaling(clips.spo2_percent), checkpoint_folder=work / "run")
    return taken_s | {"training": time.process_time() - start_s}


def in_process(name: str, videos: Path, work: Path, epochs: int) -> dict[str, float]:
    work.mkdir()
    command = [sys.executable, "-m", "benchmarks.instruction_set", "--child", name, str(videos), str(work), str(epochs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(root: Path, videos: int, epochs: int, repeats: int) -> list[Row]:
    write_videos(root / "videos", videos)
    names = (instruction_set.AVX2, instruction_set.NATIVE)
    taken_s: dict[tuple[str, str], list[float]] = {(what, name): [] for what in WHAT for name in names}
    for number in range(repeats):
        for name in names:
            for what, seconds in in_process(name, root / "videos", root / f"{name}_{number}", epochs).items():
                taken_s[what, name].append(seconds)
    rows = []
    for what in WHAT:
        avx2_s, native_s = (statistics.median(taken_s[what, name]) for name in names)
        rows.append(Row(f"{what}, avx2", avx2_s, "CPU s", peer="native", ratio=native_s / avx2_s, better="lower"))
        rows.append(Row(f"{what}, native", native_s, "CPU s", better="lower"))
    return rows


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        name, videos, work, epochs = sys.argv[2:]
        print(json.dumps(measure(name, Path(videos), Path(work), int(epochs))))
        return
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instruction_set", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--videos", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        rows = compare(Path(root), arguments.videos, arguments.epochs, arguments.repeats)
    write_rows("instruction_set", rows)


if __name__ == "__main__":
    main()
