"""Stage train: a network fitted on the training clips, the best by validation loss kept, with all that a prediction needs.

python -m flows.stages.train                                       one process, or train.processes of them on this machine
torchrun --nnodes 2 --nproc-per-node 8 ... -m flows.stages.train   several machines, which see the same project folder
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from lightning.fabric import Fabric

from flows import STATE
from flows.layout import CLIPS, HISTORY, MODEL, SPLIT
from flows.progress import progress
from flows.running import run
from flows.system_metrics import sampled, write_samples
from tast import __version__, instruction_set
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.errors import TastError
from tast.files import whole_file
from tast.methods.method import Method, method_named
from tast.params import Train, stage_params
from tast.people import person_of
from tast.saved_model import ModelCard, save_model
from tast.training.augmentation import Augmentation
from tast.training.colour_axes import fit_colour_axes
from tast.training.compute import compute_reproducibly, fabric_for
from tast.training.dataset import ClipDataset
from tast.training.inference import predict
from tast.training.interval import PredictionInterval, fit_interval
from tast.training.labels import PERCENT, LabelScaling, fit_label_scaling
from tast.training.loop import fit
from tast.training.settings import EpochRecord, FitSettings, History

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
        save_model(MODEL, model, card)
        write_history(history)
        write_samples(samples, MODEL)
        shutil.rmtree(CHECKPOINTS)  # for interrupted runs only: a finished one would answer for changed code


def fabric_of(params: Train) -> Fabric:
    """Where to compute: this process alone, or as one of those that torchrun started."""
    per_node, of_all = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), int(os.environ.get("WORLD_SIZE", 1))
    fabric = fabric_for(accelerator=params.accelerator, precision=params.precision, processes=per_node, nodes=of_all // per_node)
    fabric.launch()
    warnings.filterwarnings("ignore", message="Grad strides do not match")  # 1x1x1 kernels have no channels-last layout to match
    return fabric


def train_model(
    params: Train, store: ClipStore, train_clips: ClipDataset, val_clips: ClipDataset, checkpoints: Path,
    fabric: Fabric | None = None,
) -> tuple[torch.nn.Module, History, ModelCard]:  # fmt: skip
    """As `fit_model`, with a progress bar."""
    with progress("train", params.epochs) as advance:

        def tell(record: EpochRecord) -> None:
            advance(1, f"validation RMSE {record.val_rmse_percent:.2f} %")

        return fit_model(params, store, train_clips, val_clips, checkpoints, on_epoch=tell, fabric=fabric)


def fit_model(
    params: Train, store: ClipStore, train_clips: ClipDataset, val_clips: ClipDataset, checkpoints: Path, *,
    on_epoch: Callable[[EpochRecord], None] | None = None, fabric: Fabric | None = None,
) -> tuple[torch.nn.Module, History, ModelCard]:  # fmt: skip
    """Build, fit and describe one model. Call compute_reproducibly first: the initial weights come from torch's random state."""
    axes = fit_colour_axes(train_clips).tolist() if params.whiten_colour else None
    model = new_network(params, frames=train_clips.frames, seconds=train_clips.seconds, colour_axes=axes)
    method = wanted_method(params)
    scaling = fit_label_scaling(train_clips.spo2_percent) if method.unit == "standardised" else PERCENT
    history = fit(
        model, train_clips, val_clips, settings_of(params), scaling=scaling, checkpoint_folder=checkpoints, on_epoch=on_epoch,
        fabric=fabric or fabric_of(params), program="flows.stages.train", loss=method.loss,
    )  # fmt: skip
    card = ModelCard(
        model_name=params.method, config=asdict(cast(Any, model.config)), preprocessing=store.preprocessing,
        input_kind=params.input, frame_size_px=params.frame_size_px, scaling=scaling, data_digest=store.digest,
        code_version=__version__, interval=validation_interval(model, val_clips, scaling),
        people_seen=tuple(sorted({*person_of(train_clips.clips), *person_of(val_clips.clips)})),
    )  # fmt: skip
    return model, history, card


def validation_interval(model: torch.nn.Module, val_clips: ClipDataset, scaling: LabelScaling) -> PredictionInterval | None:
    return fit_interval(predict(model, val_clips.every_second(), scaling))


def new_network(
    params: Train, *, frames: int, seconds: int, colour_axes: Sequence[Sequence[float]] | None = None
) -> torch.nn.Module:
    """Of the method, with the options, that params.yaml asks for. Raises TastError where it has no such option."""
    method = wanted_method(params)
    try:
        options = method.options_of(params.options)
    except (ValueError, TypeError) as error:
        raise TastError(f"params.yaml: {error}") from None
    return method.build(options, frames=frames, size_px=params.frame_size_px, seconds=seconds, colour_axes=colour_axes)


def wanted_method(params: Train) -> Method:
    try:
        return method_named(params.method)
    except ValueError as error:
        raise TastError(f"params.yaml: train.method: {error}") from None


def settings_of(params: Train) -> FitSettings:
    """Section train as the training loop takes it: fields of the same names."""
    values = params.model_dump(include={one.name for one in fields(FitSettings)})
    return FitSettings(**values | {"augmentation": Augmentation(**values["augmentation"])})


def write_history(history: History) -> None:
    with whole_file(HISTORY) as part:
        pd.DataFrame([asdict(record) for record in history.epochs]).to_csv(part, index=False, lineterminator=os.linesep)
    best = history.best
    log.info("best epoch %d of %d: validation RMSE %.2f %%", best.epoch + 1, len(history.epochs), best.val_rmse_percent)


def main() -> None:
    rank = os.environ.get("RANK")  # set by torchrun
    if rank is None and (processes := processes_wanted()) > 1:
        os.execv(sys.executable, torchrun(processes))  # not a child: who ends this process ends the training
    if rank in (None, "0"):
        run(train_and_save)
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
