"""What decides how a model is trained, and what a training tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tast.training.augmentation import Augmentation


@dataclass(frozen=True)
class FitSettings:
    """How a model is trained.

    epochs; patience: epochs without a lower validation loss before training stops. batch_size: over all processes together.
    learning_rate: the peak. schedule: of the learning rate, a key of tast.training.optimisation.SCHEDULES. warm_up: share of all
    steps in which it rises. weight_decay: of matrices and kernels, not of biases, norms and positions. gradient_clip: largest
    norm of the gradient. ema_epochs: memory of the moving average of the weights, in epochs; the average is what is validated
    and kept (0: the weights themselves). mse_weight, pearson_weight: see spo2_loss. sampler: a key of
    tast.training.sampling.SAMPLERS. augmentation: None for none. compile: by torch.compile. channels_last_3d: memory layout of
    3D convolutions. seed: of order, augmentation, dropout.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    mse_weight: float
    pearson_weight: float
    seed: int
    schedule: str = "cosine"
    warm_up: float = 0.05
    gradient_clip: float = 1.0
    ema_epochs: float = 1.0
    sampler: str = "shuffled"
    compile: bool = False
    channels_last_3d: bool = True
    augmentation: Augmentation | None = field(default_factory=Augmentation)


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: losses in standardised units, the validation clips' RMSE in percent of SpO2, the learning rate at its end."""

    epoch: int
    train_loss: float
    val_loss: float
    val_rmse_percent: float
    learning_rate: float


def kept_epoch(val_losses: Sequence[float]) -> int:
    """Position of the epoch whose weights are kept: the first of the lowest validation loss."""
    return min(range(len(val_losses)), key=val_losses.__getitem__)


@dataclass(frozen=True)
class History:
    """All epochs of a training; `best` is the one whose weights were kept."""

    epochs: tuple[EpochRecord, ...]

    @property
    def best(self) -> EpochRecord:
        return self.epochs[kept_epoch([record.val_loss for record in self.epochs])]

    def is_stale(self, patience: int) -> bool:
        """Whether the last `patience` epochs brought nothing better."""
        return bool(self.epochs) and self.epochs[-1].epoch - self.best.epoch >= patience
