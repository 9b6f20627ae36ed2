"""What a model predicts of clips, and the constant that it must beat."""

from __future__ import annotations

import math

import pandas as pd
from torch import nn

from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.evaluation.predictions import predictions_per_second
from tast.saved_model import ModelCard
from tast.seconds import labels_per_second
from tast.training.dataset import ClipDataset
from tast.training.inference import predict


def predictions_by(model: nn.Module, card: ModelCard, clips: ClipDataset) -> pd.DataFrame:
    """The predictions table of these clips' recordings by a model, read as `predict` does, with the interval of its card."""
    half_width_percent = math.nan if card.interval is None else card.interval.half_width_percent
    return predictions_per_second(
        predict(model, clips.every_second(), card.scaling, change=card.change), half_width_percent=half_width_percent,
        lowest_percent=card.scaling.lowest_percent, highest_percent=card.scaling.highest_percent,
    )  # fmt: skip


def train_mean_percent(store: ClipStore, split: Split) -> float:
    """Mean label of the seconds of the training recordings."""
    return float(labels_per_second(store.manifest.loc[list(split.train)])["true_percent"].mean())
