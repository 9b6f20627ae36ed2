"""The training loop, visible from top to bottom: it receives a model and data, and knows nothing of which model it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tast.closure import PACKAGES
from tast.errors import TastError
from tast.provenance import provenance
from tast.training.augmentation import change, change_labels, change_pulse, draw_changes
from tast.training.checkpoint import load_checkpoint, save_checkpoint, weights_digest
from tast.training.compute import described, fabric_for, for_processes, from_all_processes, use_channels_last
from tast.training.dataset import ClipDataset
from tast.training.inference import standardised_predictions
from tast.training.inputs import INPUTS
from tast.training.labels import LabelScaling
from tast.training.loss import level_of_spots, spo2_loss
from tast.training.optimisation import SCHEDULES, ema_decay, parameter_groups
from tast.training.sampling import batches_of_epoch, n_batches, part_of, seed_of
from tast.training.settings import EpochRecord, FitSettings, History

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Outputs = Tensor | Mapping[str, Tensor]  # of a model: SpO2 (B, S), or in training that as "spo2" beside what its loss asks for
Loss = Callable[[Outputs, Tensor], Tensor]
PulseLoss = Callable[[Outputs, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Parts:
    """All that changes while a model is trained; `wrapped` and `wrapped_optimiser` are the same, as Fabric runs them."""

    model: nn.Module
    averaged: AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: LRScheduler
    wrapped: Any
    wrapped_optimiser: Any

    def states(self) -> dict[str, Any]:
        return {name: getattr(self, name).state_dict() for name in ("model", "averaged", "optimiser", "schedule")}

    def restore(self, content: dict[str, Any]) -> None:
        for name in ("model", "averaged", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(content[name])


def fit(
    model: nn.Module,
    train: ClipDataset,
    val: ClipDataset,
    settings: FitSettings,
    *,
    scaling: LabelScaling,
    checkpoint_folder: Path,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    fabric: Fabric | None = None,
    program: str = __name__,
    loss: Loss | None = None,
    pulse_loss: PulseLoss | None = None,
) -> History:
    """Train `model` in place; it ends in evaluation mode with the weights of the epoch of the lowest validation loss.

    Goes on from the checkpoint in `checkpoint_folder` if it belongs to this very run (facts_of_run are the same; `program` is the
    module whose code trains, with all that it imports), to the same final weights, bit for bit on a CPU. `fabric` says where and
    how precisely to compute (default: the CPU, float32); several processes of it share each batch and train as one, dropout
    aside, whose draws are each process's own. loss: of what the model gives and the standardised labels (B, S), NaN unknown;
    None: spo2_loss with the settings' weights. pulse_loss: added to it in training where a pulse was recorded, of what the model
    gives and the wave (B, T), NaN unknown. Raises TastError naming the clips when the loss or its gradient is no longer
    finite. Leaves torch's global random state as it was.
    """
    fabric = fabric or fabric_for(accelerator="cpu", precision="fp32")
    facts = facts_of_run(model, train, val, settings, scaling, fabric, program)
    parts = prepare(model, len(train), settings, fabric)
    history, best = _resume(checkpoint_folder, facts, parts, fabric)
    while len(history.epochs) < settings.epochs and not history.is_stale(settings.patience):
        epoch = len(history.epochs)
        with torch.random.fork_rng(devices=_gpus(fabric)):  # dropout draws from torch's global state, which is the caller's
            torch.manual_seed(seed_of(settings.seed, epoch, *_of_process(fabric)))
            train_loss = train_epoch(parts, train, settings, scaling, fabric, epoch, loss, pulse_loss)
        val_loss, val_rmse = validate(parts.averaged.module, val, settings, scaling, fabric, loss)
        if not math.isfinite(val_loss):
            raise TastError(f"the validation loss is not finite after epoch {epoch}: try a lower learning_rate")
        record = EpochRecord(epoch, train_loss, val_loss, val_rmse, float(parts.schedule.get_last_lr()[0]))
        history = History((*history.epochs, record))
        if history.best is record:
            best = {name: tensor.detach().cpu().clone() for name, tensor in parts.averaged.module.state_dict().items()}
        if fabric.is_global_zero:
            epochs = [asdict(one) for one in history.epochs]
            save_checkpoint(checkpoint_folder, {**parts.states(), "best": best, "epochs": epochs}, facts=facts)
            if on_epoch:
                on_epoch(record)

    model.load_state_dict(best)
    fabric.to_device(model).eval()
    return history


def prepare(model: nn.Module, n_clips: int, settings: FitSettings, fabric: Fabric) -> Parts:
    """Everything that an epoch moves, in its initial state, where `fabric` computes.

    Raises TastError where a batch has fewer clips than there are processes.
    """
    steps_per_epoch = n_batches(n_clips, settings.batch_size)
    if n_clips // steps_per_epoch < fabric.world_size:
        raise TastError(f"{fabric.world_size} processes cannot share batches of {n_clips // steps_per_epoch} clips")
    trained = for_processes(model, fabric)
    if settings.channels_last_3d:
        use_channels_last(trained)
    decay = get_ema_multi_avg_fn(ema_decay(settings.ema_epochs * steps_per_epoch))
    averaged = fabric.to_device(AveragedModel(trained, multi_avg_fn=decay, use_buffers=True))
    optimiser = torch.optim.AdamW(parameter_groups(trained, settings.weight_decay), lr=settings.learning_rate, fused=True)
    schedule = SCHEDULES[settings.schedule](optimiser, steps=settings.epochs * steps_per_epoch, warm_up=settings.warm_up)
    if settings.compile:
        torch.use_deterministic_algorithms(torch.are_deterministic_algorithms_enabled())  # of which the compiler hears only so
    wrapped, wrapped_optimiser = fabric.setup(torch.compile(trained) if settings.compile else trained, optimiser)
    return Parts(trained, averaged, optimiser, schedule, wrapped, wrapped_optimiser)


def train_epoch(
    parts: Parts,
    train: ClipDataset,
    settings: FitSettings,
    scaling: LabelScaling,
    fabric: Fabric,
    epoch: int,
    loss: Loss | None = None,
    pulse_loss: PulseLoss | None = None,
) -> float:
    """One pass over the training clips -> their mean loss."""
    loss_of = loss or partial(_spo2_loss, settings)
    parts.wrapped.train()
    generator = torch.Generator().manual_seed(seed_of(settings.seed, epoch, 1))
    total, n_clips = 0.0, 0
    for positions in batches_of_epoch(
        train.spo2_percent, settings.batch_size, sampler=settings.sampler, seed=settings.seed, epoch=epoch
    ):
        place = part_of(len(positions), fabric.global_rank, fabric.world_size)
        video, spo2_percent, pulse = training_batch(train, positions, place, settings, generator, fabric)
        outputs = _gathered(parts.wrapped(video), place, len(positions), fabric)
        value = loss_of(_levelled(outputs, train.spot[positions]), scaling.standardise_tensor(spo2_percent).to(fabric.device))
        if pulse_loss and pulse is not None:
            value = value + pulse_loss(outputs, pulse.to(fabric.device))
        fabric.backward(value)
        norm = fabric.clip_gradients(
            parts.wrapped, parts.wrapped_optimiser, max_norm=settings.gradient_clip, error_if_nonfinite=False
        )
        if not (torch.isfinite(value) and torch.isfinite(norm)):
            names = ", ".join(train.clip_ids[i] for i in positions)
            raise TastError(f"loss or gradient is not finite in epoch {epoch}, on clips {names}")
        parts.wrapped_optimiser.step()
        parts.schedule.step()
        parts.wrapped_optimiser.zero_grad()
        parts.averaged.update_parameters(parts.model)
        total += value.item() * len(positions)
        n_clips += len(positions)
    return total / n_clips


def training_batch(
    train: ClipDataset, positions: Sequence[int], place: slice, settings: FitSettings, generator: torch.Generator, fabric: Fabric
) -> tuple[Tensor, Tensor, Tensor | None]:
    """A process's own part of a batch's video, changed as its place in the whole says; labels and pulse of the whole batch."""
    video: Tensor = fabric.to_device(train[positions[place]].video)
    spo2_percent = torch.from_numpy(train.spo2_percent[positions])
    pulse = None if train.pulse is None else torch.from_numpy(train.pulse[positions])
    if settings.augmentation is None:
        return video, spo2_percent, pulse
    kind, shape = INPUTS[train.kind], (len(positions), *video.shape[1:])
    changes = draw_changes(shape, settings.augmentation, generator, holds_light=kind.holds_light)
    shown = change(video, changes.of(place), blank=kind.blank)
    return shown, change_labels(spo2_percent, changes), None if pulse is None else change_pulse(pulse, changes)


def validate(
    model: nn.Module,
    val: ClipDataset,
    settings: FitSettings,
    scaling: LabelScaling,
    fabric: Fabric,
    loss: Loss | None = None,
) -> tuple[float, float]:
    """The loss over all validation clips at once (r over them all) and the RMSE in percent of SpO2; NaN without labels."""
    place = part_of(len(val), fabric.global_rank, fabric.world_size)
    own = standardised_predictions(model, val, batch_size=settings.batch_size, device=fabric.device, place=place)
    outputs = level_of_spots(
        from_all_processes(own.to(fabric.device), place, len(val), fabric).cpu(), torch.from_numpy(val.spot)
    )  # fmt: skip
    true = torch.from_numpy(val.spo2_percent)
    error = torch.from_numpy(scaling.to_percent(outputs.numpy())) - true
    loss_of = loss or partial(_spo2_loss, settings)
    return float(loss_of(outputs, scaling.standardise_tensor(true))), math.sqrt(float(error.square().nanmean()))


def _spo2_loss(settings: FitSettings, outputs: Outputs, target: Tensor) -> Tensor:
    spo2 = outputs if isinstance(outputs, Tensor) else outputs["spo2"]
    return spo2_loss(spo2, target, mse_weight=settings.mse_weight, pearson_weight=settings.pearson_weight)


def _levelled(outputs: Outputs, spot: npt.NDArray[np.bool_]) -> Outputs:
    """What the loss compares with the labels of a batch: of clips with a spot reading the level of SpO2 alone."""
    if isinstance(outputs, Tensor):
        return level_of_spots(outputs, torch.from_numpy(spot).to(outputs.device))
    spo2 = outputs["spo2"]
    return {**outputs, "spo2": level_of_spots(spo2, torch.from_numpy(spot).to(spo2.device))}


def _gathered(own: Outputs, place: slice, n_rows: int, fabric: Fabric) -> Outputs:
    if isinstance(own, Tensor):
        return from_all_processes(own, place, n_rows, fabric)
    return {name: from_all_processes(one, place, n_rows, fabric) for name, one in own.items()}


def _resume(folder: Path, facts: Mapping[str, Any], parts: Parts, fabric: Fabric) -> tuple[History, dict[str, Tensor]]:
    found = load_checkpoint(folder, facts=facts) if fabric.is_global_zero else None
    content = fabric.broadcast(found)  # of another node's first process, whose disk may not be this one's
    if content is None:
        return History(()), {}
    parts.restore(content)
    return History(tuple(EpochRecord(**one) for one in content["epochs"])), content["best"]


def facts_of_run(
    model: nn.Module, train: ClipDataset, val: ClipDataset, settings: FitSettings, scaling: LabelScaling, fabric: Fabric,
    program: str,
) -> dict[str, Any]:  # fmt: skip
    """All that decides the final weights, by names that a reader of the log knows."""
    return {
        "initial weights": weights_digest(model), "training clips": train.digest, "validation clips": val.digest,
        "settings": asdict(settings), "label scaling": asdict(scaling), "device": described(fabric),
        **provenance(program, *_module_of(model), threads=torch.get_num_threads()),
    }  # fmt: skip


def _module_of(model: nn.Module) -> tuple[str, ...]:
    """Where the model's code is, where it is this project's."""
    module = type(model).__module__
    return (module,) if module.split(".")[0] in PACKAGES else ()


def _of_process(fabric: Fabric) -> tuple[int, ...]:
    """Keys that give every process but the first dropout draws of its own."""
    return (2, fabric.global_rank) if fabric.global_rank else ()


def _gpus(fabric: Fabric) -> list[torch.device]:
    return [fabric.device] if fabric.device.type == "cuda" else []
