"""The trials of the table of methods: a row trained with one seed, on one fold, under one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows import STATE, original
from flows.layout import RAW
from flows.tables.rows import Row
from flows.tables.trainings import SideTraining, key_of_training, network_of
from tast.clip_store import ClipStore
from tast.datasets.description import described
from tast.datasets.readers import downloaded_folds
from tast.datasets.splits import Split, make_split

KEPT = original() / STATE.name / "table"  # clips and trainings of this project's own videos, and of DVC's copies of it
PREDICTIONS = "predictions.parquet"  # in a trial's folder


@dataclass(frozen=True)
class Trial:
    row: Row
    fold: int
    seed: int
    training: SideTraining

    @property
    def run(self) -> str:
        return run_of(self.seed, self.fold)

    def __str__(self) -> str:
        return f"{self.row.name}, fold {self.fold}, seed {self.seed}"


def run_of(seed: int, fold: int) -> str:
    """What trials of different rows have in common that are compared second by second."""
    return f"{fold}/{seed}"


def trials_of(
    row: Row, store: ClipStore, clips: str, *, protocol: str, folds: Sequence[int], seeds: Sequence[int], kept: Path
) -> list[Trial]:
    """One for each fold and seed. clips: content digest of the store. kept: folder of what is done."""
    trials = []
    for fold in folds:
        split = split_of(row, store, protocol, fold)
        for seed in seeds:
            train = row.train.model_copy(update={"seed": seed})
            key = key_of_training(train, network_of(train, store), split, clips)
            trials.append(Trial(row, fold, seed, SideTraining(train, store.folder, split, kept, key)))
    return trials


def split_of(row: Row, store: ClipStore, protocol: str, fold: int) -> Split:
    """Who trains, stops and is tested; by the official folds of this project's own videos where the protocol asks for them."""
    official = downloaded_folds(RAW, described(RAW)) if protocol == "official" else None
    return make_split(store.manifest, **row.split, protocol=protocol, fold=fold, official_folds=official)
