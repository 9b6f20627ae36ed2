"""What moves the weights: which of them decay, how the learning rate goes, and the moving average that is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for the weights of linear layers and of convolutions, transposed ones too, of any number of dimensions.

    Decayed biases, norms and positions would lose what they are for.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | _ConvNd)]
    decayed = {id(layer.weight): layer.weight for layer in layers}  # once each: layers may share a weight
    others = [parameter for parameter in model.parameters() if id(parameter) not in decayed]
    return [{"params": list(decayed.values()), "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


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


def cosine(optimiser: Optimizer, *, steps: int, warm_up: float) -> LRScheduler:
    """Up linearly, then down to 0 along half a cosine."""
    return LambdaLR(optimiser, WarmUpThenCosine(steps, warm_up))


def one_cycle(optimiser: Optimizer, *, steps: int, warm_up: float) -> LRScheduler:
    """Up and down along half cosines, momentum down and up against it (Smith & Topin, "Super-convergence", 2019).

    The peak is the optimiser's own rate.
    """
    return OneCycleLR(optimiser, max_lr=[group["lr"] for group in optimiser.param_groups], total_steps=steps, pct_start=warm_up)


SCHEDULES: dict[str, Callable[..., LRScheduler]] = {"cosine": cosine, "one_cycle": one_cycle}


def ema_decay(steps: float) -> float:
    """Decay per step of a moving average whose memory fades over `steps` steps; 0, no memory, below one step."""
    return max(0.0, 1.0 - 1.0 / steps) if steps > 0 else 0.0
