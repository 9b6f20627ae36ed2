"""A step of a training as params.yaml has it: how quick its loader is beside it, and what would make it quicker.

    python -m benchmarks.training_step [--repeats 7]

Whole epochs of the training's own loop (tast/training/loop.py), and the same batches loaded without it; a step is what is left:
forward, backward, clipping, optimiser, moving average. CPU seconds of one thread, medians, in processes of their own; variants
take turns, so that a busy spell of the machine falls on all. The clips are a phantom's; where dlib or mediapipe are not there to
preprocess it, noise, which takes as long. On a GPU, where torch sees one, seconds by the clock, and TAST-Net `paper` as well.

bf16 is measured where the machine has it, on a processor with the instruction set `native`, since avx2 leaves it alone;
torch.compile where there is a compiler for it. Processes share each batch; theirs are seconds by the clock, one thread each.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.children import answer, ask, asked
from benchmarks.results import Row, write_rows
from tast import instruction_set

MODULE = "benchmarks.training_step"
VIDEOS, SECONDS = 4, 16.0  # of the phantom: 9 clips of 8 s each
CLIPS = 32
ANEW = 8  # clips whose inputs are made on each access
PAPER_CLIP, PAPER_CLIPS = (64, 128), 8  # frames and px of the comparison with PhysFormer (benchmarks.models)
CONTIGUOUS, LAST, COMPILED, BF16 = "contiguous", "channels last", "torch.compile", "bf16"
VARIANTS: dict[str, dict[str, Any]] = {  # what each has in the place of float32 with channels last, eager
    CONTIGUOUS: {"channels_last_3d": False}, LAST: {}, COMPILED: {"compile": True}, BF16: {"precision": "bf16"},
    "torch.compile, bf16": {"compile": True, "precision": "bf16"},
}  # fmt: skip
MUST = 20.0  # clips loaded for one that is learnt from


def train_params(network: str, accelerator: str, processes: int = 1, **changed: Any) -> Any:
    """Section train as params.yaml has it, or with the preset `paper`; one thread, float32, eager, unless changed."""
    from tast.methods.method import method_named
    from tast.params import load_params

    plain = {"threads": 1, "precision": "fp32", "compile": False, "channels_last_3d": True}
    values = load_params().train.model_dump() | plain | {"accelerator": accelerator, "processes": processes}
    if network == "paper":
        preset = method_named("tast_net").presets["paper"]
        values |= {name.removeprefix("train."): value for name, value in preset.items() if name.startswith("train.")}
        values |= {"method": "tast_net", "batch_size": PAPER_CLIPS // 2}
    return type(load_params().train)(**values | changed)


def write_clips(folder: Path, network: str) -> None:
    """A store of clips, of the phantom as params.yaml preprocesses it; of noise for `paper`, and where nothing can preprocess."""
    from tast.params import load_params

    clips = load_params().preprocess.clips
    if network == "paper":
        frames, px = PAPER_CLIP
        write_noise(folder, PAPER_CLIPS, frames=frames, px=px, seconds=round(frames / clips.fps_hz))
    elif missing := [name for name in ("dlib", "mediapipe", "av") if find_spec(name) is None]:
        print(f"clips of noise, not of the phantom: {', '.join(missing)} is not installed", file=sys.stderr)
        write_noise(folder, CLIPS, frames=round(clips.fps_hz * clips.length_s), px=clips.size_px, seconds=round(clips.length_s))
    else:
        write_phantom(folder)


def write_noise(folder: Path, clips: int, *, frames: int, px: int, seconds: int) -> None:
    import numpy as np

    from tast.clip_store import ClipRow, write_tables

    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    rows = []
    for number in range(clips):
        name = f"noise-{number:02d}"
        np.save(folder / f"{name}.npy", rng.uniform(40, 200, (frames, px, px, 3)).astype(np.float16))
        rows.append(
            ClipRow(
                clip_id=name, dataset="noise", subject_id=name, record_id=name, scenario="steady", file=f"{name}.npy",
                first_frame=0, n_frames=frames, start_s=0.0, fps_hz=frames / seconds, quality=1.0,
                spo2_percent=tuple(rng.uniform(80, 100, seconds).tolist()),
            )
        )  # fmt: skip
    write_tables(folder, rows, [], [], {})


def write_phantom(folder: Path) -> None:
    from benchmarks.instruction_set import write_videos
    from tast.clip_store import write_tables
    from tast.datasets.readers import read_dataset
    from tast.params import load_params
    from tast.preprocessing.pipeline import preprocess_records, settings_of

    settings = load_params().preprocess.model_dump()
    with tempfile.TemporaryDirectory() as work:
        write_videos(Path(work) / "videos", VIDEOS)
        records, _ = read_dataset("pure", Path(work) / "videos")
        shard = preprocess_records(
            records, settings=settings_of(settings), clips_folder=folder, cache_root=Path(work) / "cache"
        )  # fmt: skip
    write_tables(folder, list(shard.rows), [], [], settings)


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """clips: how many are trained on; clip: their shape; epoch_s: variant -> seconds, its loading included; load_s: of all clips,
    anew_s: of ANEW clips whose inputs are not kept. In this process, or by all that torchrun started."""
    import torch

    from flows.fitting import fabric_of, new_network, settings_of
    from tast.clip_store import ClipStore
    from tast.training.compute import compute_reproducibly
    from tast.training.dataset import ClipDataset
    from tast.training.labels import fit_label_scaling
    from tast.training.loop import prepare, train_epoch, training_batch
    from tast.training.sampling import batches_of_epoch

    network, accelerator = request["network"], request["accelerator"]
    by_clock = accelerator == "cuda" or int(os.environ.get("WORLD_SIZE", 1)) > 1 or request["by_clock"]
    store = ClipStore(Path(request["folder"]))
    params = train_params(network, accelerator, request["processes"])
    kept, anew = (
        ClipDataset(store, store.clip_ids[:number], kind=params.input, frame_size_px=params.frame_size_px, memory_bytes=memory)
        for number, memory in ((CLIPS, 2**32), (ANEW, 0))
    )
    scaling = fit_label_scaling(kept.spo2_percent)

    def seconds_of(work: Any) -> float:
        if accelerator == "cuda":
            torch.cuda.synchronize()
        clock = time.perf_counter if by_clock else time.process_time
        started = clock()
        work()
        if accelerator == "cuda":
            torch.cuda.synchronize()
        return clock() - started

    trainings = {}
    for name in request["variants"]:
        params = train_params(network, accelerator, request["processes"], **VARIANTS[name])
        fabric, settings = fabric_of(params), settings_of(params)
        compute_reproducibly(params.seed, params.threads)
        model = new_network(params, frames=kept.frames, seconds=kept.seconds)
        trainings[name] = prepare(model, len(kept), settings, fabric), settings, fabric

    def load(clips: ClipDataset, epoch: int) -> None:
        _, settings, fabric = trainings[LAST]
        generator = torch.Generator().manual_seed(epoch)
        for positions in batches_of_epoch(
            clips.spo2_percent, settings.batch_size, sampler=settings.sampler, seed=settings.seed, epoch=epoch
        ):
            training_batch(clips, positions, slice(None), settings, generator, fabric)

    taken: dict[str, list[float]] = {name: [] for name in (*trainings, "load", "anew")}
    for epoch in range(request["repeats"] + 1):
        for name, (parts, settings, fabric) in trainings.items():
            taken[name].append(seconds_of(lambda: train_epoch(parts, kept, settings, scaling, fabric, epoch)))  # noqa: B023 called at once
        taken["load"].append(seconds_of(lambda: load(kept, epoch)))  # noqa: B023
        taken["anew"].append(seconds_of(lambda: load(anew, epoch)))  # noqa: B023
    median = {
        name: statistics.median(seconds[1:]) for name, seconds in taken.items()
    }  # the first round compiles and fills caches
    shape = f"{kept.frames}x{params.frame_size_px}x{params.frame_size_px}, batch {params.batch_size}"
    return {
        "clips": len(kept), "clip": shape, "load_s": median.pop("load"), "anew_s": median.pop("anew"), "epoch_s": median,
    }  # fmt: skip


def loader_rows(network: str, measured: dict[str, Any], unit: str) -> list[Row]:
    """How many clips are learnt from, and loaded, in a second."""
    step = measured["clips"] / (measured["epoch_s"][LAST] - measured["load_s"])
    load, anew = measured["clips"] / measured["load_s"], ANEW / measured["anew_s"]
    peer = f"a step: {step:.3g}"
    return [
        Row(f"{network}: a training step, {measured['clip']}", step, unit),
        Row(f"{network}: the loader against a step", load, unit, peer, load / step, must=MUST),
        Row(f"{network}: a loader whose inputs do not fit in memory", anew, unit, peer, anew / step),
    ]


def variant_rows(network: str, where: str, measured: dict[str, Any], unit: str) -> list[Row]:
    """Each variant's steps in a second over those of what it is held against: channels last, eager, float32."""
    rates = {name: measured["clips"] / (seconds - measured["load_s"]) for name, seconds in measured["epoch_s"].items()}
    plain = rates.pop(LAST)
    rows = []
    for name, rate in rates.items():
        ours, theirs, against = (plain, rate, LAST) if name == CONTIGUOUS else (rate, plain, name)
        peer = f"{CONTIGUOUS if name == CONTIGUOUS else 'eager, fp32'}: {theirs:.3g}"
        rows.append(Row(f"{network}, {where}: a step, {against}", ours, unit, peer, ours / theirs))
    return rows


def variants_here(accelerator: str) -> dict[str, list[str]]:
    """Instruction set -> what can be measured with it on this machine; says what cannot."""
    from tast.training.compute import BF16_OF_CPUS, gpu_has_bf16

    own = instruction_set.wanted()
    able = compiler_is_there(accelerator)
    found = {own: [LAST, CONTIGUOUS, *([COMPILED] if able else [])]}
    if accelerator == "cuda":
        has_bf16 = gpu_has_bf16()
        found[own] += [BF16, *(["torch.compile, bf16"] if able else [])] if has_bf16 else []
    else:
        import torch

        has_bf16 = any(torch.cpu.get_capabilities().get(name) for name in BF16_OF_CPUS)
        if has_bf16:
            found[instruction_set.NATIVE] = [*found.get(instruction_set.NATIVE, [LAST]), BF16]
    if not has_bf16:
        print("without bf16: this machine would compute it by emulation")
    return found


def compiler_is_there(accelerator: str) -> bool:
    """What torch.compile generates its code with; says so where there is none."""
    if accelerator == "cuda":
        able, needs = find_spec("triton") is not None, "the package triton"
    else:
        able, needs = shutil.which(os.environ.get("CXX", "g++")) is not None, "a C++ compiler (g++, or CXX in the environment)"
    if not able:
        print(f"without torch.compile: it needs {needs}, which is not here")
    return able


def compare(repeats: int) -> list[Row]:
    import torch

    accelerator, unit = ("cuda", "clips per s") if torch.cuda.is_available() else ("cpu", "clips per CPU s")
    own, rows = instruction_set.wanted(), []
    for network in ("default", "paper") if accelerator == "cuda" else ("default",):
        with tempfile.TemporaryDirectory() as root:
            folder = Path(root) / "clips"
            write_clips(folder, network)
            request = {
                "network": network, "accelerator": accelerator, "folder": str(folder), "repeats": repeats, "processes": 1,
                "by_clock": False,
            }  # fmt: skip
            for chosen, variants in variants_here(accelerator).items():
                measured = ask(MODULE, chosen, request | {"variants": variants})
                rows += loader_rows(network, measured, unit) if chosen == own else []
                rows += variant_rows(network, "GPU" if accelerator == "cuda" else chosen, measured, unit)
            rows += process_rows(
                network, request, torch.cuda.device_count() if accelerator == "cuda" else min(2, os.cpu_count() or 1)
            )
    return rows


def process_rows(network: str, request: dict[str, Any], most: int) -> list[Row]:
    """Clips per second by the clock over 2, 4, ... processes that share each batch, over so many times one's."""
    counts = [number for number in (2, 4, 8) if number <= most]
    if not counts:
        print("without several processes: there is one device")
        return []
    own, rates = instruction_set.wanted(), {}
    for number in (1, *counts):
        asked_for = request | {"variants": [LAST], "by_clock": True, "processes": number}
        measured = ask(MODULE, own, asked_for, processes=number)
        rates[number] = measured["clips"] / measured["epoch_s"][LAST]
    return [
        Row(f"{network}: an epoch over {number} processes", rates[number], "clips per s", f"one: {rates[1]:.3g}",
            rates[number] / rates[1] / number)
        for number in counts
    ]  # fmt: skip


def main() -> None:
    if asked():
        answer(measure)
        return
    parser = argparse.ArgumentParser(
        prog=f"python -m {MODULE}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    write_rows("training_step", compare(parser.parse_args().repeats))


if __name__ == "__main__":
    main()
