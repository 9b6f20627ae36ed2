"""The ablation table: TAST-Net with one thing changed at a time, on this workspace's clips and split, over several seeds.

    python -m flows.ablate [--seeds 0 1 2] [--only NAME ...] [--set KEY=VALUE ...] [--out FOLDER] [--dry-run]

As many trainings at a time as the cores carry at train.threads each: `--set train.threads=1` is the fastest for the small preset.

Not a stage. What is done is kept below .tast/ablation by all that decides it (parameters, clips, split, code), so that an
interrupted table goes on where it stopped, within a training too, and a repeated one costs nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from flows import PROJECT, STATE
from flows.changes import change_of
from flows.evaluate import predictions_by, train_mean_percent
from flows.layout import CLIPS, RAW, SPLIT
from flows.processes import in_processes, trainings_at_a_time
from flows.progress import progress
from flows.running import configure_logging
from flows.side_clips import make_clips
from flows.train import fit_model, new_network
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.errors import TastError
from tast.evaluation.ablation import COLUMNS, ablation_table, as_markdown, scores_of_runs
from tast.evaluation.predictions import labelled
from tast.files import whole_file
from tast.params import Params, Train, changed, load_params
from tast.people import person_of
from tast.training.augmentation import Augmentation
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset

log = logging.getLogger("flows.ablate")  # __name__ is __main__ where it runs
FOLDER = STATE / "ablation"
OUT = Path("reports/ablation")
REFERENCE = "TAST-Net"
VARIANTS: dict[str, dict[str, Any]] = {  # what differs from params.yaml: a line of it each
    REFERENCE: {},
    "3D CNN alone": {"train.branches": "cnn"},
    "ViViT alone": {"train.branches": "vivit"},
    "fusion concat": {"train.fusion": "concat"},
    "fusion gated": {"train.fusion": "gated"},
    "fusion cross_attention": {"train.fusion": "cross_attention"},
    "attention joint": {"train.attention": "joint"},
    "each second for itself": {"train.trend_order": 7},
    "loss without Pearson": {"train.pearson_weight": 0.0},
    "loss without MSE": {"train.mse_weight": 0.0, "train.pearson_weight": 1.0},
    "sampler balanced": {"train.sampler": "balanced"},
    "schedule one_cycle": {"train.schedule": "one_cycle", "train.warm_up": 0.3},
    "without augmentation": {f"train.augmentation.{one.name}": 0 for one in fields(Augmentation)},
    "colour not whitened": {"train.whiten_colour": False},
    "input normalised": {"train.input": "normalised"},
    "input magnified": {"train.input": "magnified"},
    "without EVM": {"preprocess.magnify.alpha": 0.0},
    "raw frames without EVM": {"preprocess.magnify.alpha": 0.0, "train.input": "magnified"},
}
# what a result depends on beside parameters and clips
CODE = ("tast/models", "tast/training", "tast/pulse_rate.py", "tast/seconds.py", "flows/train.py")


@dataclass(frozen=True)
class Training:
    """One run of the table; `key` names all that decides its result."""

    variant: str
    seed: int
    params: Params
    key: str

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}"

    @property
    def result(self) -> Path:
        return FOLDER / f"{self.key}.parquet"

    @property
    def is_done(self) -> bool:
        return self.result.is_file()


def planned(params: Params, variants: Sequence[str], seeds: Sequence[int]) -> list[Training]:
    """Every variant with every seed. Variants that come to the same network and parameters share one result."""
    split, code, store = Split.from_json(SPLIT), _code_digest(), ClipStore(CLIPS)
    trainings = []
    for variant in variants:
        for seed in seeds:
            own = changed(params, {**VARIANTS[variant], "train.seed": seed})
            told = [own.preprocess.model_dump(), training_facts(own.train, store), split.parts, store.digest, code]
            key = hashlib.sha256(json.dumps(told, sort_keys=True, default=list).encode()).hexdigest()[:32]
            trainings.append(Training(variant, seed, own, key))
    return trainings


def training_facts(train: Train, store: ClipStore) -> dict[str, Any]:
    """Section train with the network's sizes in place of the names that lead to them."""
    clip = store.manifest.iloc[0]
    with torch.random.fork_rng(devices=[]):
        network: Any = new_network(train, frames=int(clip["n_frames"]), seconds=len(clip["spo2_percent"]))
    return train.model_dump(exclude={"preset", "branches", "fusion", "attention", "trend_order"}) | {
        "network": asdict(network.config)
    }


def _code_digest() -> str:
    told = hashlib.sha256()
    for place in (PROJECT / one for one in CODE):
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            told.update(path.read_bytes())
    return told.hexdigest()


def clips_for(params: Params) -> ClipStore:
    """This workspace's clips where params.yaml's preprocessing is asked for, else others from the same videos, made once."""
    store = ClipStore(CLIPS)
    if params.preprocess == load_params().preprocess:
        return store
    told = json.dumps([params.preprocess.model_dump(), store.digest], sort_keys=True, default=list)
    folder = FOLDER / f"clips-{hashlib.sha256(told.encode()).hexdigest()[:32]}"
    if folder.is_dir():
        return ClipStore(folder)
    log.info("clips with other preprocessing are made: %s", folder.name)
    return make_clips(RAW, folder, params.preprocess, params.runner.workers)


def run(training: Training) -> str:
    """Train, predict the test clips, keep the labelled seconds; says what was done."""
    split, params, store = Split.from_json(SPLIT), training.params.train, clips_for(training.params)
    absent = [clip for part in split.parts.values() for clip in part if clip not in store.manifest.index]
    if absent:
        raise TastError(f"{training.variant}: its clips lack {len(absent)} of the split's, the first {absent[0]}")
    parts = {
        name: ClipDataset(store, ids, kind=params.input, frame_size_px=params.frame_size_px) for name, ids in split.parts.items()
    }
    compute_reproducibly(params.seed, params.threads)
    checkpoints = FOLDER / "checkpoints" / training.key
    model, _, card = fit_model(params, store, parts["train"], parts["val"], checkpoints)
    rows = labelled(predictions_by(model, card, parts["test"]))
    with whole_file(training.result) as part:
        rows[list(COLUMNS)].to_parquet(part, index=False)
    shutil.rmtree(checkpoints)
    return str(training)


def run_all(trainings: Sequence[Training], workers: int) -> None:
    """Those that are not done yet, `workers` at a time."""
    todo = list({one.key: one for one in trainings if not one.is_done}.values())
    for training in todo:
        clips_for(training.params)  # before the bar of the trainings; made once, not by each worker
    with progress("ablation", len(todo)) as advance:
        for done in in_processes(run, todo, workers):
            advance(1, done)


def write_tables_of(trainings: Sequence[Training], params: Params, out: Path) -> str:
    """ablation.parquet (one row per variant), runs.parquet (one per training), ablation.md; returns the last."""
    runs = {(one.variant, one.seed): pd.read_parquet(one.result) for one in trainings}
    mean = train_mean_percent(ClipStore(CLIPS), Split.from_json(SPLIT))
    table = ablation_table(
        runs, reference=REFERENCE, constant_percent=mean, draws=params.evaluate.bootstrap, seed=params.evaluate.seed
    )
    for name, content in {"ablation": table, "runs": scores_of_runs(runs)}.items():
        with whole_file(out / f"{name}.parquet") as part:
            content.to_parquet(part, index=False)
    told = "\n".join([as_markdown(table), *_notes(trainings)]) + "\n"
    with whole_file(out / "ablation.md") as part:
        part.write_text(told, encoding="utf-8")
    return told


def _notes(trainings: Sequence[Training]) -> Iterator[str]:
    seeds = sorted({one.seed for one in trainings})
    split = Split.from_json(SPLIT)
    people = person_of(ClipStore(CLIPS).manifest.loc[list(split.test)]).nunique()
    yield f"Errors in % SpO2; means over seeds {', '.join(map(str, seeds))}; tested on {people} people ({split.protocol})."
    yield f"[95 %]: over resampled people, all seeds together; difference: from {REFERENCE}, the same people drawn for both."
    yield "skill: 1 - RMSE over that of the training mean said for all."


def show_plan(trainings: Sequence[Training]) -> None:
    table = Table("variant", "differs in", "seeds to train", "done", title="ablation")
    for variant in dict.fromkeys(one.variant for one in trainings):
        own = [one for one in trainings if one.variant == variant]
        todo = [str(one.seed) for one in own if not one.is_done]
        change = ", ".join(f"{key}: {value}" for key, value in VARIANTS[variant].items())
        table.add_row(variant, change, " ".join(todo), str(len(own) - len(todo)))
    Console().print(table)
    count = len({one.key for one in trainings if not one.is_done})
    Console().print(f"{count} trainings of up to {trainings[0].params.train.epochs} epochs", highlight=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tast ablate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME",
                        help=f"these variants beside {REFERENCE}: {', '.join(VARIANTS)}")  # fmt: skip
    parser.add_argument("--set", type=change_of, nargs="+", default=[], metavar="KEY=VALUE", help="for all: train.epochs=2")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    configure_logging()
    try:
        params = changed(load_params(), dict(asked.set))
        trainings = planned(params, list(dict.fromkeys([REFERENCE, *asked.only])), asked.seeds)
        if asked.dry_run:
            show_plan(trainings)
            return
        run_all(trainings, trainings_at_a_time(params.train.threads))
        print(write_tables_of(trainings, params, asked.out))
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
