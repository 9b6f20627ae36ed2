"""The ablation table: TAST-Net with one thing changed at a time, on this workspace's people but those of the test.

    python -m flows.tables.ablate [--seeds 0 1 2] [--only NAME ...] [--set KEY=VALUE ...] [--out FOLDER] [--dry-run]

A choice that is made by looking at the test people makes their score flatter it, so the people of the split's test part never
enter. The others are dealt into folds: each run scores one fold, stops on some of the people that are left, as a training always
does, and learns from the rest. So those who are scored stopped nothing, and each seed scores other people, by which the table is
as sure as it can be for its number of trainings. (Scoring the people that a training stops on would flatter whatever stops best.)

As many trainings at a time as the cores carry at train.threads each: `--set train.threads=1` is the fastest for the small preset.

Not a stage. What is done is kept below .tast/ablation by all that decides it (trainings.py, clips.py), so that an interrupted
table goes on where it stopped, within a training too, and a repeated one costs nothing.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from flows import STATE, running
from flows.changes import change_of
from flows.clips import make_clips
from flows.layout import CLIPS, RAW, SPLIT
from flows.progress import progress
from flows.tables.clips import folder_beside
from flows.tables.keys import content_digest
from flows.tables.trainings import SideTraining, key_of_training, network_of, train_and_predict
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.crew.each import do_each, workers_that_fit
from tast.datasets.splits import Split, make_split
from tast.errors import TastError
from tast.evaluation.ablation import ablation_table, as_markdown, scores_of_runs
from tast.files import whole_file
from tast.params import Params, changed, load_params
from tast.people import person_of
from tast.training.augmentation import Augmentation

log = logging.getLogger("flows.tables.ablate")  # __name__ is __main__ where it runs
FOLDER = STATE / "ablation"
OUT = Path("reports/ablation")
REFERENCE = "TAST-Net"
VARIANTS: dict[str, dict[str, Any]] = {  # what differs from params.yaml: a line of it each
    REFERENCE: {},
    "3D CNN alone": {"train.options.branches": "cnn"},
    "ViViT alone": {"train.options.branches": "vivit"},
    "fusion concat": {"train.options.fusion": "concat"},
    "fusion gated": {"train.options.fusion": "gated"},
    "fusion cross_attention": {"train.options.fusion": "cross_attention"},
    "attention joint": {"train.options.attention": "joint"},
    "each second for itself": {"train.options.trend_order": 7},
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


@dataclass(frozen=True)
class Run:
    """One run of the table; fold: which of the development people's folds it scores."""

    variant: str
    seed: int
    fold: int
    params: Params
    training: SideTraining

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}"


def development_splits(store: ClipStore, split: Split, params: Params) -> list[Split]:
    """The people that the split does not test, dealt into folds: one split for each, whose part `test` is the fold.

    The tested clips stand in no part, and nothing of them is looked at, their labels included. Raises TastError
    where fewer than three people are left.
    """
    clips = store.manifest.loc[[*split.train, *split.val]]
    people = person_of(clips).nunique()
    if people < 3:
        raise TastError(f"{people} people beside those of the test; expected 3 at least, to train, to stop and to score")
    settings = params.split.model_dump() | {"protocol": "subject_independent", "folds": min(params.split.folds, people)}
    return [make_split(clips, **settings | {"fold": fold}) for fold in range(settings["folds"])]


def planned(params: Params, variants: Sequence[str], seeds: Sequence[int]) -> list[Run]:
    """Every variant with every seed, each seed on the next fold. Equal networks and parameters share one training."""
    store = ClipStore(CLIPS)
    splits, content = development_splits(store, Split.from_json(SPLIT), params), content_digest(CLIPS)
    runs = []
    for variant in variants:
        for place, seed in enumerate(seeds):
            varied = changed(params, {**VARIANTS[variant], "train.seed": seed})
            folder, clips = clips_of(varied, content)
            fold, network = place % len(splits), network_of(varied.train, store)
            key = key_of_training(varied.train, network, splits[fold], clips)
            runs.append(Run(variant, seed, fold, varied, SideTraining(varied.train, folder, splits[fold], FOLDER, key)))
    return runs


def clips_of(params: Params, content: str) -> tuple[Path, Any]:
    """Folder of the clips that a variant is trained on, which may have to be made yet, and the facts that name their pixels.

    This workspace's own, whose content_digest is `content`, where params.yaml's preprocessing is asked for; else others from the
    same videos.
    """
    if params.preprocess == load_params().preprocess:
        return CLIPS, content
    place = folder_beside(params.preprocess, FOLDER)
    return place, place.name


def run_all(runs: Sequence[Run], workers: int) -> None:
    """Those that are not done yet, `workers` at a time."""
    todo = list({run.training.key: run for run in runs if not run.training.is_done}.values())
    for run in todo:  # before the bar of the trainings; made once, not by each worker
        if not run.training.clips.is_dir():
            log.info("clips with other preprocessing are made: %s", run.training.clips.name)
            make_clips(RAW, run.training.clips, run.params.preprocess, workers=run.params.runner.workers)
    with progress("ablation", len(todo)) as advance:
        trainings = [run.training for run in todo]
        do_each(
            train_and_predict, trainings, workers=workers, threads=None, on_result=lambda number, _: advance(1, str(todo[number]))
        )


def write_tables_of(runs: Sequence[Run], params: Params, out: Path) -> str:
    """ablation.parquet (one row per variant), runs.parquet (one per run), ablation.md; returns the last."""
    predictions = {(run.variant, run.seed): run.training.kept_rows() for run in runs}
    table = ablation_table(predictions, reference=REFERENCE, draws=params.evaluate.bootstrap, seed=params.evaluate.seed)
    for name, content in {"ablation": table, "runs": scores_of_runs(predictions)}.items():
        with whole_file(out / f"{name}.parquet") as part:
            content.to_parquet(part, index=False)
    text = "\n".join([as_markdown(table), *_notes(runs, predictions)]) + "\n"
    with whole_file(out / "ablation.md") as part:
        part.write_text(text, encoding="utf-8")
    return text


def _notes(runs: Sequence[Run], predictions: dict[tuple[str, int], pd.DataFrame]) -> Iterator[str]:
    scored = pd.concat([rows for (variant, _), rows in predictions.items() if variant == REFERENCE])
    seeds, folds = (", ".join(map(str, dict.fromkeys(getattr(run, name) for run in runs))) for name in ("seed", "fold"))
    yield (
        f"Errors in % SpO2, of the recordings' seconds, all runs together: {person_of(scored).nunique()} validation people "
        f"(folds {folds} of those whom the split does not test), seeds {seeds}. Nobody who is scored was trained or stopped on; "
        "the test people never entered."
    )
    yield f"[95 %]: of the same error, over resampled people; difference: from {REFERENCE}, the same people drawn for both."
    yield "SD over runs: of their RMSE, each with another seed and other people. skill: 1 - RMSE over that of the training mean."


def show_plan(runs: Sequence[Run]) -> None:
    table = Table("variant", "differs in", "seeds to train", "done", title="ablation")
    for variant in dict.fromkeys(run.variant for run in runs):
        of_variant = [run for run in runs if run.variant == variant]
        todo = [str(run.seed) for run in of_variant if not run.training.is_done]
        change = ", ".join(f"{key}: {value}" for key, value in VARIANTS[variant].items())
        table.add_row(variant, change, " ".join(todo), str(len(of_variant) - len(todo)))
    Console().print(table)
    count = len({run.training.key for run in runs if not run.training.is_done})
    Console().print(f"{count} trainings of up to {runs[0].params.train.epochs} epochs", highlight=False)


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
    params = changed(load_params(), dict(asked.set))
    instruction_set.require(params.compute.instruction_set)
    runs = planned(params, list(dict.fromkeys([REFERENCE, *asked.only])), asked.seeds)
    if asked.dry_run:
        show_plan(runs)
        return
    run_all(runs, workers_that_fit(params.train.threads))
    print(write_tables_of(runs, params, asked.out))


if __name__ == "__main__":
    running.run(main)
