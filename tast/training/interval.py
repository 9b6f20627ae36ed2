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

from tast.people import person_of
from tast.seconds import per_second

FloatArray = npt.NDArray[np.floating]

COVERAGE = 0.9


@dataclass(frozen=True)
class PredictionInterval:
    """Prediction +- half_width_percent holds the true SpO2 in a share `coverage` of the seconds; n_...: of how
    many people (dataset/subject_id) and seconds of recordings it was taken."""

    coverage: float
    half_width_percent: float
    n_subjects: int
    n_seconds: int


def fit_interval(predictions: pd.DataFrame, coverage: float = COVERAGE) -> PredictionInterval | None:
    """From one row per validation clip and second of it, as tast.training.inference.predict gives them.

    A second that several clips show counts once, with the mean of what they predict, as `predict` gives it. None where no second
    has a label.
    """
    seconds = per_second(predictions, ["true_percent", "predicted_percent"])
    seconds = seconds[seconds["true_percent"].notna()]
    if seconds.empty:
        return None
    errors = (seconds["predicted_percent"] - seconds["true_percent"]).abs().to_numpy()
    half_width = conformal_quantile(errors, coverage)
    return PredictionInterval(coverage, half_width, int(person_of(seconds).nunique()), len(seconds))


def around(
    percent: FloatArray, half_width_percent: float | FloatArray, lowest_percent: float, highest_percent: float
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper end, each (N,), of the interval around predictions (N,), within what the model can give.

    half_width_percent: one for all, or (N,); NaN where there is none.
    """
    return np.maximum(percent - half_width_percent, lowest_percent), np.minimum(percent + half_width_percent, highest_percent)


def conformal_quantile(errors: FloatArray, coverage: float) -> float:
    """The ceil((n + 1) * coverage)-th smallest of n errors, the largest where there are too few of them."""
    rank = int(np.ceil((len(errors) + 1) * coverage))
    return float(np.sort(errors)[min(rank, len(errors)) - 1])
