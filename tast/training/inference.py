"""A trained model over a data set: one row per clip and second, with what was true and what was predicted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tast.seconds import BRIGHTNESS, CLIP_COLUMNS, SOURCE_COLUMNS, SPOT
from tast.training.change_reader import ChangeReader, brightness
from tast.training.dataset import ClipDataset
from tast.training.labels import LabelScaling
from tast.training.sampling import batches_in_order


@torch.no_grad()
def standardised_predictions(
    model: nn.Module, dataset: ClipDataset, *, batch_size: int, device: torch.device, place: slice = slice(None)
) -> Tensor:
    """The model's output for the clips at `place`, in order: (N, S) float32 on the CPU. The model is put into evaluation mode."""
    model.eval()
    chosen = range(len(dataset))[place]
    batches = batches_in_order(len(chosen), batch_size)
    if not batches:
        return torch.empty(0, dataset.seconds)
    return torch.cat([model(dataset[[chosen[i] for i in batch]].video.to(device)).float().cpu() for batch in batches])


def predict(
    model: nn.Module, dataset: ClipDataset, scaling: LabelScaling, *, change: ChangeReader | None = None, batch_size: int = 16
) -> pd.DataFrame:
    """One row per clip and second of it: CLIP_COLUMNS, `second` (0 to S - 1), true_percent (NaN unknown), predicted_percent,
    changing_percent (what `change` follows SpO2 by; without it, what is predicted before it is held within what can be), quality
    (of the clip: share of its frames in which the face was seen; NaN for a window that was no clip), SPOT, SOURCE_COLUMNS,
    BRIGHTNESS, and what a change means (tast.training.change_scale.COLUMNS) where `change` has a scale.

    Rows follow the data set's order of clips. The model runs where its weights are.
    """
    device = next(model.parameters()).device
    outputs = standardised_predictions(model, dataset, batch_size=batch_size, device=device)
    table = labelled(dataset)
    table["predicted_percent"] = scaling.to_percent(outputs.numpy()).ravel()
    unbounded = scaling.unbounded_percent(outputs.numpy())
    table["changing_percent"] = (unbounded if change is None else change.changing(unbounded, dataset.colours)).ravel()
    return table if change is None or change.scale is None else table.assign(**change.scale.columns())


def labelled(dataset: ClipDataset) -> pd.DataFrame:
    """The columns of `predict` that no model has a say in."""
    rows = dataset.clips[[*CLIP_COLUMNS, "quality", SPOT, *SOURCE_COLUMNS]].reset_index(drop=True)
    table = rows.loc[rows.index.repeat(dataset.seconds)].reset_index(drop=True)
    table["second"] = np.tile(np.arange(dataset.seconds), len(dataset))
    table[BRIGHTNESS] = np.repeat(brightness(dataset.colours), dataset.seconds)
    table["true_percent"] = dataset.spo2_percent.astype(np.float64).ravel()
    return table
