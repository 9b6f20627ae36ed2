"""The loss of TAST-Net: squared error for the level of SpO2, Pearson correlation for its trend.

Qi et al. 2026 weigh the two without publishing the weights. Our choice: r runs over all labelled seconds of a batch, so that it
also ranks clips against each other and is defined for clips whose label does not move.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tast.vector_math import square_root

VARIANCE_FLOOR = 1e-6  # of standardised labels, whose variance is 1: keeps r and its gradient finite where one side is constant


def spo2_loss(predicted: Tensor, target: Tensor, *, mse_weight: float, pearson_weight: float) -> Tensor:
    """mse_weight * MSE + pearson_weight * (1 - r) over all labelled seconds; a scalar in float32 (float64 for float64 input).

    predicted, target: (B, S) standardised SpO2; a NaN in `target` is an unknown label and counts nowhere. Without any label the
    loss is 0.
    """
    if predicted.dtype in (torch.float16, torch.bfloat16):
        predicted = predicted.float()
    known = torch.isfinite(target)
    target = torch.where(known, target, 0.0).to(predicted.dtype)
    predicted = torch.where(known, predicted, 0.0)
    count = known.sum().clamp(min=1)
    mse = ((predicted - target) ** 2).sum() / count
    return mse_weight * mse + pearson_weight * (1 - pearson(predicted, target, known)) * known.any()


def level_of_spots(spo2: Tensor, spot: Tensor) -> Tensor:
    """SpO2 (B, S), each row of `spot` (B,) with its mean in every second.

    Where one reading stands for a whole recording, a loss by the second would teach that SpO2 does not move there, which nobody
    knows: what is compared with such a label is the level alone, and the clip's course gets no gradient.
    """
    if not spot.any():
        return spo2
    return torch.where(spot[:, None], spo2.mean(dim=1, keepdim=True), spo2)


def pearson(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Pearson's r over the entries where `known` (all of one shape); 0 where one side is constant."""
    count = known.sum().clamp(min=1)
    x = torch.where(known, predicted - (predicted * known).sum() / count, 0.0)
    y = torch.where(known, target - (target * known).sum() / count, 0.0)
    variances = ((x * x).sum() / count + VARIANCE_FLOOR) * ((y * y).sum() / count + VARIANCE_FLOOR)
    return (x * y).sum() / count / square_root(variances)
