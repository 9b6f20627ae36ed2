"""The trainings of an accuracy benchmark: every fold with every seed, and what stands beside them without a network.

Each fold is another set of test people, each seed another initial network. All methods speak of the same seconds, those
of the tested recordings that have a label: what several clips say of a second is averaged before it is scored, as `tast predict`
gives it. The constant predictor, the colour ratios and mere position in the recording are calibrated on the same training clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flows.progress import progress
from flows.tables.keys import content_digest
from flows.tables.trainings import SideTraining, key_of_training, network_of, train_and_predict
from tast.clip_store import ClipStore
from tast.crew.each import do_each, workers_that_fit
from tast.datasets.splits import Split, make_split
from tast.evaluation.baselines import ratio_predictions
from tast.evaluation.metrics import Scores, score
from tast.evaluation.position import position_predictions
from tast.params import Params
from tast.people import person_of
from tast.ratio_of_ratios import RATIOS
from tast.seconds import KEY

OURS, CONSTANT = "TAST-Net", "constant predictor"
BASELINES = (*RATIOS, "time only")
METHODS = (OURS, CONSTANT, *BASELINES)


@dataclass(frozen=True)
class Run:
    """predictions: one row per labelled second of the tested recordings (dataset, subject_id, record_id, second): true_percent,
    the network's lower_percent and upper_percent, and a column for each of METHODS."""

    fold: int
    seed: int
    predictions: pd.DataFrame

    def scores(self, method: str = OURS) -> Scores:
        return score(self.predictions["true_percent"], self.predictions[method])

    def __str__(self) -> str:
        against = f"RMSE {self.scores().rmse:.2f} (constant {self.scores(CONSTANT).rmse:.2f})"
        return f"fold {self.fold}, seed {self.seed}: {against}, R {self.scores().pearson_r:.2f}"


def folds_of(params: Params, store: ClipStore, at_most: int) -> list[int]:
    """The folds to test: every person in turn where one is left out at a time, the one other data set, else the first ones."""
    in_turn = {"leave_one_subject_out": person_of(store.manifest).nunique(), "cross_dataset": 1}
    return list(range(in_turn.get(params.split.protocol, min(at_most, params.split.folds))))


def planned(params: Params, store: ClipStore, folds: Sequence[int], seeds: Sequence[int], kept: Path) -> list[SideTraining]:
    """A training for each fold and each seed of it, in that order; kept: folder of what is done."""
    content, network = content_digest(store.folder), network_of(params.train, store)
    trainings = []
    for fold in folds:
        split = make_split(store.manifest, **(params.split.model_dump() | {"fold": fold}))
        for seed in seeds:
            seeded = params.train.model_copy(update={"seed": seed})
            key = key_of_training(seeded, network, split, content)
            trainings.append(SideTraining(seeded, store.folder, split, kept, key))
    return trainings


def run_all(
    params: Params, store: ClipStore, folds: Sequence[int], seeds: Sequence[int], kept: Path, workers: int | None = None
) -> list[Run]:
    """Every fold with every seed, `workers` at a time or as many as the cores carry; what is done already costs nothing."""
    trainings = planned(params, store, folds, seeds, kept)
    places = [(fold, seed) for fold in folds for seed in seeds]
    beside = {fold: baseline_table(store, trainings[len(seeds) * place].split) for place, fold in enumerate(folds)}
    runs: dict[int, Run] = {}
    with progress("accuracy", len(trainings)) as advance:

        def show(number: int, rows: pd.DataFrame) -> None:
            fold, seed = places[number]
            runs[number] = Run(fold, seed, with_baselines(rows, beside[fold]))
            advance(1, str(runs[number]))

        do_each(
            train_and_predict, trainings, workers=workers or workers_that_fit(params.train.threads), threads=None, on_result=show
        )
    return [runs[number] for number in range(len(trainings))]


def baseline_table(store: ClipStore, split: Split) -> pd.DataFrame:
    """KEY, and a column of percents for each of BASELINES; fitted on the training clips. NaN where a method says nothing."""
    tables = ratio_predictions(store, split.train, split.test)
    tables["time only"] = position_predictions(store.manifest, split.train, split.test)
    return pd.concat([tables[name].set_index(KEY)["predicted_percent"].rename(name) for name in BASELINES], axis=1).reset_index()


def with_baselines(rows: pd.DataFrame, beside: pd.DataFrame) -> pd.DataFrame:
    """What a training says, with a column for each of METHODS; a method that says nothing of a second is given the constant."""
    named = rows.rename(columns={"predicted_percent": OURS, "constant_percent": CONSTANT})
    joined = named.merge(beside, on=KEY, validate="one_to_one")
    if len(joined) != len(rows):
        raise ValueError(f"{len(rows)} seconds are scored, and the baselines speak of {len(joined)} of them")
    return joined.assign(**{name: joined[name].fillna(joined[CONSTANT]) for name in BASELINES})
