"""The training loop, visible from top to bottom: it receives a model and data, and knows nothing of which model it is."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tast.errors import TastError
from tast.training.augmentation import Augmentation, augment
from tast.training.checkpoint import load_checkpoint, save_checkpoint, weights_digest
from tast.training.dataset import ClipDataset, batches_of_epoch, seed_of
from tast.training.inference import standardised_predictions
from tast.training.labels import LabelScaling
from tast.training.loss import spo2_loss


@dataclass(frozen=True)
class FitSettings:
    """How a model is trained.

    patience: epochs without a lower validation loss before training stops. learning_rate: the peak, after a linear warm-up over
    `warm_up` of all steps and before a cosine to 0. weight_decay: of matrices and kernels, not of biases, norms and positions.
    gradient_clip: largest norm of the gradient. ema_epochs: memory of the moving average of the weights, in epochs; the average
    is what is validated and kept (0: the weights themselves). augmentation: None for none. seed: of order, augmentation, dropout.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    mse_weight: float
    pearson_weight: float
    seed: int
    warm_up: float = 0.05
    gradient_clip: float = 1.0
    ema_epochs: float = 1.0
    channels_last: bool = True
    augmentation: Augmentation | None = field(default_factory=Augmentation)


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: losses in standardised units, the validation clips' RMSE in percent of SpO2, the learning rate at its end."""

    epoch: int
    train_loss: float
    val_loss: float
    val_rmse_percent: float
    learning_rate: float


@dataclass(frozen=True)
class History:
    """All epochs of a training; best_epoch is the one whose weights were kept."""

    epochs: tuple[EpochRecord, ...]

    @property
    def best(self) -> EpochRecord:
        return min(self.epochs, key=lambda record: record.val_loss)

    def is_stale(self, patience: int) -> bool:
        """Whether the last `patience` epochs brought nothing better."""
        return bool(self.epochs) and self.epochs[-1].epoch - self.best.epoch >= patience


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
) -> History:
    """Train `model` in place; it ends in evaluation mode with the weights of the epoch of the lowest validation loss.

    Goes on from the checkpoint in `checkpoint_folder` if it belongs to this very run (same data, settings and initial weights),
    to the same final weights, bit for bit on a CPU. `fabric` says where and how precisely to compute (default: the CPU,
    float32). Raises TastError naming the clips when the loss or its gradient is no longer finite. Leaves torch's global random
    state as it was.
    """
    fabric = fabric or Fabric(accelerator="cpu", devices=1)
    fingerprint = run_fingerprint(model, train, val, settings, scaling)
    steps_per_epoch = len(batches_of_epoch(len(train), settings.batch_size, seed=0, epoch=0))
    if settings.channels_last:
        use_channels_last(model)
    averaged = fabric.to_device(
        AveragedModel(
            model, multi_avg_fn=get_ema_multi_avg_fn(ema_decay(settings.ema_epochs * steps_per_epoch)), use_buffers=True
        )
    )
    optimiser = torch.optim.AdamW(parameter_groups(model, settings.weight_decay), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, WarmUpThenCosine(settings.epochs * steps_per_epoch, settings.warm_up))
    wrapped, wrapped_optimiser = fabric.setup(model, optimiser)
    parts: dict[str, Any] = {"model": model, "averaged": averaged, "optimiser": optimiser, "schedule": schedule}

    history, best = _resume(checkpoint_folder, fingerprint, parts)
    while len(history.epochs) < settings.epochs and not history.is_stale(settings.patience):
        epoch = len(history.epochs)
        with torch.random.fork_rng(devices=_gpus(fabric)):  # dropout draws from torch's global state, which is the caller's
            torch.manual_seed(seed_of(settings.seed, epoch))
            train_loss = train_epoch(wrapped, wrapped_optimiser, schedule, averaged, train, settings, scaling, fabric, epoch)
        val_loss, val_rmse = validate(averaged.module, val, settings, scaling, fabric)
        if not math.isfinite(val_loss):
            raise TastError(f"the validation loss is not finite after epoch {epoch}: try a lower learning_rate")
        record = EpochRecord(epoch, train_loss, val_loss, val_rmse, float(schedule.get_last_lr()[0]))
        history = History((*history.epochs, record))
        if history.best is record:
            best = {name: tensor.detach().cpu().clone() for name, tensor in averaged.module.state_dict().items()}
        states = {name: part.state_dict() for name, part in parts.items()}
        epochs = [asdict(one) for one in history.epochs]
        save_checkpoint(checkpoint_folder, {**states, "best": best, "epochs": epochs}, fingerprint=fingerprint)
        if on_epoch:
            on_epoch(record)

    model.load_state_dict(best)
    model.eval()
    return history


def train_epoch(
    model: nn.Module, optimiser: Any, schedule: Any, averaged: AveragedModel, train: ClipDataset, settings: FitSettings,
    scaling: LabelScaling, fabric: Fabric, epoch: int,
) -> float:  # fmt: skip
    """One pass over the training clips -> their mean loss."""
    model.train()
    generator = torch.Generator().manual_seed(seed_of(settings.seed, epoch, 1))
    total = 0.0
    for positions in batches_of_epoch(len(train), settings.batch_size, seed=settings.seed, epoch=epoch):
        batch = train[positions]
        video = augment(batch.video, settings.augmentation, generator) if settings.augmentation else batch.video
        loss = _loss(model(fabric.to_device(video)), batch.spo2_percent, settings, scaling)
        fabric.backward(loss)
        norm = fabric.clip_gradients(model, optimiser, max_norm=settings.gradient_clip, error_if_nonfinite=False)
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise TastError(f"loss or gradient is not finite in epoch {epoch}, on clips {', '.join(batch.clip_ids)}")
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        averaged.update_parameters(model)
        total += loss.item() * len(batch)
    return total / len(train)


def validate(
    model: nn.Module, val: ClipDataset, settings: FitSettings, scaling: LabelScaling, fabric: Fabric
) -> tuple[float, float]:
    """The loss over all validation clips at once (r over them all) and the RMSE in percent of SpO2; NaN without labels."""
    outputs = standardised_predictions(model, val, batch_size=settings.batch_size, device=fabric.device)
    true = torch.from_numpy(val.spo2_percent)
    error = torch.from_numpy(scaling.to_percent(outputs.numpy())) - true
    return float(_loss(outputs, true, settings, scaling)), float(error.square().nanmean().sqrt())


def _loss(outputs: Tensor, spo2_percent: Tensor, settings: FitSettings, scaling: LabelScaling) -> Tensor:
    target = (spo2_percent.to(outputs.device) - scaling.mean_percent) / scaling.deviation_percent
    return spo2_loss(outputs, target, mse_weight=settings.mse_weight, pearson_weight=settings.pearson_weight)


def _resume(folder: Path, fingerprint: str, parts: dict[str, Any]) -> tuple[History, dict[str, Tensor]]:
    content = load_checkpoint(folder, fingerprint=fingerprint)
    if content is None:
        return History(()), {}
    for name, part in parts.items():
        part.load_state_dict(content[name])
    return History(tuple(EpochRecord(**one) for one in content["epochs"])), content["best"]


def run_fingerprint(model: nn.Module, train: ClipDataset, val: ClipDataset, settings: FitSettings, scaling: LabelScaling) -> str:
    """sha256 of all that decides the final weights: initial weights, data, settings, label scaling."""
    parts = {
        "weights": weights_digest(model), "train": train.digest, "val": val.digest,
        "settings": asdict(settings), "scaling": asdict(scaling),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and convolution kernels only: decayed biases, norms and positions lose what they are for."""
    decayed = [module.weight for module in model.modules() if isinstance(module, nn.Linear | nn.Conv3d)]
    chosen = {id(parameter) for parameter in decayed}
    others = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


@dataclass(frozen=True)
class WarmUpThenCosine:
    """Factor on the learning rate at each step: up linearly over `warm_up` of the steps, then down to 0 along half a cosine."""

    steps: int
    warm_up: float

    def __call__(self, step: int) -> float:
        rise = max(1, round(self.steps * self.warm_up))
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, self.steps - rise))))


def ema_decay(steps: float) -> float:
    """Decay per step of a moving average whose memory fades over `steps` steps; 0, no memory, below one step."""
    return max(0.0, 1.0 - 1.0 / steps) if steps > 0 else 0.0


def use_channels_last(model: nn.Module) -> None:
    """Lay out 3D convolutions with channels innermost, which is faster on CPUs and on a GPU's tensor cores; no value changes."""
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)


def _gpus(fabric: Fabric) -> list[torch.device]:
    return [fabric.device] if fabric.device.type == "cuda" else []
