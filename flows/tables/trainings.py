"""Trainings beside the pipeline's own, for tables of variants and benchmarks: fitted, and asked about people they never saw.

What a training says is kept by all that decides it, so that an interrupted table goes on where it stopped, within a training
too, and one whose parameters, clips, people, code, libraries or way of computing are others never finds it.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from flows.fitting import fit_model, new_network
from flows.predicted import predictions_by, train_mean_percent
from flows.tables.keys import key_of
from tast.clip_store import ClipStore
from tast.closure import code_digest
from tast.datasets.splits import Split
from tast.errors import TastError
from tast.evaluation.predictions import labelled
from tast.evaluation.run_interval import interval_columns
from tast.files import whole_file
from tast.methods import code_of_method
from tast.params import Train
from tast.parquet import read_table, write_table
from tast.provenance import computed_with
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset


@dataclass(frozen=True)
class SideTraining:
    """One training; picklable, since it may run in a process of its own.

    params: its seed included. clips: folder of a clip store. split: its part `test` is what is asked about in the end. kept:
    folder of what is done and of checkpoints. key: names all that decides the result, see key_of_training.
    """

    params: Train
    clips: Path
    split: Split
    kept: Path
    key: str

    @property
    def result(self) -> Path:
        return self.kept / f"{self.key}.parquet"

    @property
    def is_done(self) -> bool:
        return self.result.is_file()

    def kept_rows(self) -> pd.DataFrame:
        """What is done. Raises BadInput where the file does not hold what was written."""
        return read_table(self.result, "what a training said (remove the file, and it is trained anew)")


def key_of_training(params: Train, network: dict[str, Any], split: Split, clips: Any) -> str:
    """network: its sizes (network_of). clips: facts that name the clips, their pixels included."""
    facts = params.model_dump(mode="json", exclude={"options"})
    code = [code_digest("flows.tables.trainings"), code_of_method(params.method)]
    return key_of([facts, network, split.parts, clips, code, computed_with()])


def network_of(params: Train, store: ClipStore) -> dict[str, Any]:
    """The network's sizes, in place of the names in params.yaml that lead to them: equal ones are one training."""
    clip = store.manifest.iloc[0]
    with torch.random.fork_rng(devices=[]):
        network: Any = new_network(params, frames=int(clip["n_frames"]), seconds=len(clip["spo2_percent"]))
    return asdict(network.config)


def train_and_predict(training: SideTraining) -> pd.DataFrame:
    """Train, unless that is done: one row per labelled second of the tested recordings.

    The predictions table (tast/evaluation/predictions.py), and constant_percent: the mean label of the training people, and the
    model's anchored interval (tast/evaluation/run_interval.py). Raises TastError where the clips lack some of the split's.
    """
    if training.is_done:
        return training.kept_rows()
    params, split, store = training.params, training.split, ClipStore(training.clips)
    absent = [clip for part in split.parts.values() for clip in part if clip not in store.manifest.index]
    if absent:
        raise TastError(f"{training.clips}: the clips lack {len(absent)} of the split's, the first {absent[0]}")
    parts = {
        name: ClipDataset(store, ids, kind=params.input, frame_size_px=params.frame_size_px) for name, ids in split.parts.items()
    }
    compute_reproducibly(params.seed, params.threads)
    checkpoints = training.kept / "checkpoints" / training.key
    model, _, card = fit_model(params, store, parts["train"], parts["val"], checkpoints)
    rows = labelled(predictions_by(model, card, parts["test"])).assign(
        constant_percent=train_mean_percent(store, split), **interval_columns(card.anchored_interval)
    )
    with whole_file(training.result) as part:
        write_table(part, rows)
    shutil.rmtree(checkpoints)
    return rows
