"""Stage train: a network fitted on the training clips, the best by validation loss kept, with all that a prediction needs."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch

from flows import STATE
from flows.layout import CLIPS, HISTORY, MODEL, SPLIT
from flows.progress import progress
from flows.running import run, stage
from tast import __version__
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.files import whole_file
from tast.models import MODELS
from tast.params import Train, load_params
from tast.saved_model import ModelCard, save_model
from tast.training.dataset import ClipDataset
from tast.training.labels import fit_label_scaling
from tast.training.loop import EpochRecord, FitSettings, History, fit

log = logging.getLogger("flows.train")  # __name__ is __main__ where a stage runs
CHECKPOINTS = STATE / "checkpoints"


@stage
def train() -> None:
    params = load_params().train
    compute_reproducibly(params.seed, params.threads)
    store, split = ClipStore(CLIPS), Split.from_json(SPLIT)
    parts = {
        name: ClipDataset(store, split.parts[name], kind=params.input, frame_size_px=params.frame_size_px)
        for name in ("train", "val")
    }
    model, history, card = train_model(params, store, parts["train"], parts["val"], CHECKPOINTS)
    save_model(MODEL, model, card)
    write_history(history)
    shutil.rmtree(CHECKPOINTS)  # for interrupted runs only: a finished one would answer for changed code


def compute_reproducibly(seed: int, threads: int) -> None:
    """The same weights to the last bit on the same machine: the order of sums depends on the number of threads."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def train_model(
    params: Train, store: ClipStore, train_clips: ClipDataset, val_clips: ClipDataset, checkpoints: Path
) -> tuple[torch.nn.Module, History, ModelCard]:
    """Build, fit and describe one model. Call compute_reproducibly first: the initial weights come from torch's random state."""
    model = MODELS[params.model](params.preset, frames=train_clips.frames, size=params.frame_size_px, seconds=train_clips.seconds)
    scaling = fit_label_scaling(train_clips.spo2_percent)
    settings = FitSettings(
        epochs=params.epochs, patience=params.patience, batch_size=params.batch_size, learning_rate=params.learning_rate,
        weight_decay=params.weight_decay, mse_weight=params.mse_weight, pearson_weight=params.pearson_weight, seed=params.seed,
    )  # fmt: skip
    with progress("train", params.epochs) as advance:

        def tell(record: EpochRecord) -> None:
            advance(1, f"validation RMSE {record.val_rmse_percent:.2f} %")

        history = fit(model, train_clips, val_clips, settings, scaling=scaling, checkpoint_folder=checkpoints, on_epoch=tell)
    card = ModelCard(
        model_name=params.model, config=asdict(cast(Any, model.config)), preprocessing=store.preprocessing,
        input_kind=params.input, frame_size_px=params.frame_size_px, scaling=scaling, data_digest=store.digest,
        code_version=__version__,
    )  # fmt: skip
    return model, history, card


def write_history(history: History) -> None:
    with whole_file(HISTORY) as part:
        pd.DataFrame([asdict(record) for record in history.epochs]).to_csv(part, index=False, lineterminator=os.linesep)
    best = history.best
    log.info("best epoch %d of %d: validation RMSE %.2f %%", best.epoch + 1, len(history.epochs), best.val_rmse_percent)


if __name__ == "__main__":
    run(train)
