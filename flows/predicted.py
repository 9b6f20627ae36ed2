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
from tast.training.interval import fit_interval

COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of which calibration is looked at


def predictions_by(model: nn.Module, card: ModelCard, clips: ClipDataset) -> pd.DataFrame:
    """The predictions table of these clips' recordings by a model, read as `predict` does, with the interval of its card."""
    half_width_percent = math.nan if card.interval is None else card.interval.half_width_percent
    return predictions_per_second(
        predict(model, clips.every_second(), card.scaling, change=card.change), half_width_percent=half_width_percent,
        lowest_percent=card.scaling.lowest_percent, highest_percent=card.scaling.highest_percent,
    )  # fmt: skip


def half_widths_percent(model: nn.Module, card: ModelCard, validation: ClipDataset) -> dict[float, float]:
    """Coverage -> half width of the interval that would promise it, from the people that the card's interval is of as well.

    Empty where the card has none.
    """
    if card.interval is None:
        return {}
    validated = predict(model, validation.every_second(), card.scaling)
    fitted = {coverage: fit_interval(validated, coverage) for coverage in COVERAGES}
    return {coverage: one.half_width_percent for coverage, one in fitted.items() if one is not None}


def train_mean_percent(store: ClipStore, split: Split) -> float:
    """Mean label of the seconds of the training recordings."""
    return float(labels_per_second(store.manifest.loc[list(split.train)])["true_percent"].mean())
