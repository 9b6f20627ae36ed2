"""Stage train: a network fitted on the training clips, the best by validation loss kept, with all that a prediction needs.

python -m flows.stages.train                                       one process, or train.processes of them on this machine
torchrun --nnodes 2 --nproc-per-node 8 ... -m flows.stages.train   several machines, which see the same project folder
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from lightning.fabric import Fabric

from flows import STATE
from flows.fitting import fabric_of, fit_model
from flows.layout import CLIPS, CURVE, HISTORY, MODEL, SPLIT
from flows.progress import progress
from flows.running import run_stage
from flows.system_metrics import sampled, write_samples
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.csv_tables import read_csv, write_csv
from tast.datasets.splits import Split
from tast.errors import BadInput, TastError
from tast.files import whole_file, whole_folder
from tast.params import Train, stage_params
from tast.saved_model import ModelCard, save_model
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset
from tast.training.settings import EpochRecord, History

log = logging.getLogger("flows.stages.train")  # __name__ is __main__ where a stage runs
CHECKPOINTS = STATE / "checkpoints"


def train_and_save() -> None:
    """What every process of a training does; the first one writes."""
    sections = stage_params("train", "compute")
    instruction_set.require(sections.compute.instruction_set)
    params = sections.train
    fabric = fabric_of(params)
    compute_reproducibly(params.seed, params.threads)
    store, split = ClipStore(CLIPS), Split.from_json(SPLIT)
    parts = {
        name: ClipDataset(store, split.parts[name], kind=params.input, frame_size_px=params.frame_size_px)
        for name in ("train", "val")
    }
    with sampled() as samples:
        model, history, card = train_model(params, store, parts["train"], parts["val"], CHECKPOINTS, fabric)
    if fabric.is_global_zero:
        write_model(model, card)
        write_history(history)
        write_samples(samples, MODEL)
        shutil.rmtree(CHECKPOINTS)  # for interrupted runs only: a finished one would answer for changed code


def train_model(
    params: Train, store: ClipStore, train_clips: ClipDataset, val_clips: ClipDataset, checkpoints: Path,
    fabric: Fabric | None = None,
) -> tuple[torch.nn.Module, History, ModelCard]:  # fmt: skip
    """As `fit_model`, with a progress bar, and HISTORY written after each epoch."""
    with progress("train", params.epochs) as advance:

        def tell(record: EpochRecord) -> None:
            write_epoch(record, checkpoints / HISTORY.name)
            advance(1, f"validation RMSE {record.val_rmse_percent:.2f} %")

        return fit_model(params, store, train_clips, val_clips, checkpoints, on_epoch=tell, fabric=fabric)


def write_model(model: torch.nn.Module, card: ModelCard) -> None:
    """MODEL, whole: a process that was killed as it wrote into the folder would leave its half there, a file of the output."""
    with whole_folder(MODEL) as folder:
        save_model(folder, model, card)


def write_epoch(record: EpochRecord, kept: Path) -> None:
    """HISTORY as far as the training is: DVC's extension for VS Code draws it while it grows.

    kept: the same beside the checkpoint, for a training that is gone on with: DVC removes HISTORY before it starts a stage.
    """
    row = pd.DataFrame([asdict(record)])
    if record.epoch and kept.is_file():
        try:
            earlier = read_csv(kept, CURVE)
            row = pd.concat([earlier[earlier["epoch"] < record.epoch], row])
        except BadInput as error:
            log.warning("the curve begins with epoch %d: %s", record.epoch + 1, error)
    for file in (kept, HISTORY):
        with whole_file(file, durable=file == HISTORY) as part:
            write_csv(part, row)


def write_history(history: History) -> None:
    with whole_file(HISTORY) as part:
        write_csv(part, pd.DataFrame([asdict(record) for record in history.epochs]))
    best = history.best
    log.info("best epoch %d of %d: validation RMSE %.2f %%", best.epoch + 1, len(history.epochs), best.val_rmse_percent)


def main() -> None:
    rank = os.environ.get("RANK")  # set by torchrun
    if rank is None and (processes := processes_wanted()) > 1:
        os.execv(sys.executable, torchrun(processes))  # not a child: who ends this process ends the training
    if rank in (None, "0"):
        run_stage(train_and_save)
        return
    try:
        train_and_save()
    except TastError:
        raise SystemExit(1) from None  # the first process tells the mistake


def processes_wanted() -> int:
    try:
        return stage_params("train").train.processes
    except TastError:
        return 1  # the stage itself tells the mistake


def torchrun(processes: int) -> list[str]:
    """The command that starts this stage as several processes on this machine."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [*launcher, "-m", "flows.stages.train"]


if __name__ == "__main__":
    main()
