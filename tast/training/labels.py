"""Labels in percent and labels as the network meets them: standardised by the training clips, and back within physiology."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

FloatArray = npt.NDArray[np.floating]

SMALLEST_DEVIATION_PERCENT = 0.1  # a training set whose labels do not move is not divided by 0


@dataclass(frozen=True)
class LabelScaling:
    """percent = mean_percent + deviation_percent * standardised, held within lowest_percent to highest_percent on the way back.

    The bounds act outside the network, so that no gradient dies at them.
    """

    mean_percent: float
    deviation_percent: float
    lowest_percent: float = 50.0
    highest_percent: float = 100.0

    def standardise(self, percent: FloatArray) -> FloatArray:
        """Percent of any shape -> standardised; NaN stays NaN."""
        return (percent - self.mean_percent) / self.deviation_percent

    def standardise_tensor(self, percent: Tensor) -> Tensor:
        """As standardise."""
        return (percent - self.mean_percent) / self.deviation_percent

    def to_percent(self, standardised: FloatArray) -> FloatArray:
        """Standardised values of any shape -> percent within the bounds; NaN stays NaN."""
        return self.bounded(self.unbounded_percent(standardised))

    def unbounded_percent(self, standardised: FloatArray) -> FloatArray:
        """The same before the bounds, which an anchor must not meet: where it is to move a value to, they are elsewhere."""
        return self.mean_percent + self.deviation_percent * standardised.astype(np.float64)

    def bounded(self, percent: FloatArray) -> FloatArray:
        return np.clip(percent, self.lowest_percent, self.highest_percent)


PERCENT = LabelScaling(mean_percent=0.0, deviation_percent=1.0)  # of networks that give percent themselves


def fit_label_scaling(train_percent: FloatArray) -> LabelScaling:
    """Mean and deviation of the training labels (any shape, NaN unknown). Raises ValueError where none is known."""
    known = train_percent[np.isfinite(train_percent)].astype(np.float64)
    if known.size == 0:
        raise ValueError("no training clip has an SpO2 label")
    return LabelScaling(float(known.mean()), max(float(known.std()), SMALLEST_DEVIATION_PERCENT))
