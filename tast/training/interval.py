"""How far a prediction may be off: split conformal prediction (Vovk et al. 2005; Lei et al. 2018) on the validation subjects.

The interval is the prediction plus and minus one number, a quantile of the absolute errors on people that the network was not
fitted to. Deviations from the textbook: seconds of one person are not exchangeable, so that the coverage holds on average over
people and not for each; and the same people chose the best epoch, which makes the interval slightly too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.floating]

COVERAGE = 0.9


@dataclass(frozen=True)
class PredictionInterval:
    """Prediction +- half_width_percent holds the true SpO2 in a share `coverage` of the seconds; n_...: of what it was taken."""

    coverage: float
    half_width_percent: float
    n_subjects: int
    n_seconds: int


def fit_interval(predictions: pd.DataFrame, coverage: float = COVERAGE) -> PredictionInterval | None:
    """From seconds of validation clips: subject_id, record_id, start_s of the clip, second in it, true_ and predicted_percent.

    A second that several clips show counts once, with the mean of what they predict, as `predict` gives it. None where no second
    has a label.
    """
    seconds = mean_per_second(predictions)
    seconds = seconds[seconds["true_percent"].notna()]
    if seconds.empty:
        return None
    errors = (seconds["predicted_percent"] - seconds["true_percent"]).abs().to_numpy()
    half_width = conformal_quantile(errors, coverage)
    return PredictionInterval(coverage, half_width, int(seconds["subject_id"].nunique()), len(seconds))


def mean_per_second(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per record and second of its face, numbered from the record's first clip; truth and prediction are means."""
    first_s = predictions.groupby("record_id")["start_s"].transform("min")
    number = (predictions["start_s"] - first_s).round().astype(int) + predictions["second"]
    seconds = predictions.assign(second=number).groupby(["subject_id", "record_id", "second"], sort=True)
    return seconds[["true_percent", "predicted_percent"]].mean().reset_index()


def conformal_quantile(errors: FloatArray, coverage: float) -> float:
    """The ceil((n + 1) * coverage)-th smallest of n errors, the largest where there are too few of them."""
    rank = int(np.ceil((len(errors) + 1) * coverage))
    return float(np.sort(errors)[min(rank, len(errors)) - 1])
