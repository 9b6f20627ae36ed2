"""A line from several features to percent, its slopes held down: what the classical methods are calibrated with.

Why a ridge and no line of one ratio: RMSE in points of SpO2 on 60 planted faces after a fit on 80 others (10 s, true SD 6.6,
red's pulse .20 to .38 of green's; tests/methods/classical/planted.py), pulse by POS and by CHROM; "uneven": each channel's
strength differs by 3 % from person to person, beside noise .001 and motion .002.

| planted, in parts of the light | best line (R/B or R/G) | ridge of the three |
|---|---|---|
| noise .0005 | 1.2, 1.2 | 1.2, 1.2 |
| noise .002 | 4.0, 3.7 | 4.0, 3.6 |
| common motion .004, in the band of the pulse | 6.5, 5.1 | 2.7, 3.1 |
| common motion .015 | 6.6, 6.2 | 3.7, 3.0 |
| uneven | 4.9, 4.3 | 3.5, 3.8 |

PENALTY and TAIL from the same: with 0.1 and .02 the fourth row is 6.1, 3.5; with 0.01 and .02 the last is 4.1, 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.pulse_rate import FloatArray

PENALTY = 0.01  # of a feature's variance: a direction with a hundredth of it keeps half of its slope
TAIL = 0.05  # share of the training clips at either end of a feature that count as its quantile: ratios have long tails


@dataclass(frozen=True)
class Ridge:
    """percent = mean + slopes . (features within their bounds - centre), held within the percents it was fitted on.

    centre, lowest, highest, slopes_percent: (F,), the first three of the features. Where a feature is NaN: mean_percent.
    """

    centre: FloatArray
    lowest: FloatArray
    highest: FloatArray
    slopes_percent: FloatArray
    mean_percent: float
    lowest_percent: float
    highest_percent: float

    def percent(self, features: FloatArray) -> FloatArray:
        """Features (N, F) -> SpO2 in percent (N,)."""
        known = np.isfinite(features).all(axis=1)
        inside = np.clip(np.where(known[:, None], features, self.centre), self.lowest, self.highest)
        line = self.mean_percent + (inside - self.centre) @ self.slopes_percent
        return np.where(known, np.clip(line, self.lowest_percent, self.highest_percent), self.mean_percent)


def fit_ridge(features: FloatArray, percent: FloatArray) -> Ridge:
    """Of the training clips: features (N, F), percent (N,); those with a NaN are left out.

    Features are standardised before the penalty; one that does not vary has no slope. Where no clip has features, all that is
    left is the mean label. Raises ValueError where there is no label.
    """
    labelled = np.isfinite(percent)
    if not labelled.any():
        raise ValueError("no training clip has an SpO2 label")
    known = labelled & np.isfinite(features).all(axis=1)
    if not known.any():
        none = np.zeros(features.shape[1])
        mean = float(percent[labelled].mean())
        return Ridge(none, none, none, none, mean, mean, mean)
    y = percent[known]
    lowest, highest = np.quantile(features[known], (TAIL, 1 - TAIL), axis=0)
    inside = np.clip(features[known], lowest, highest)
    centre, deviation = inside.mean(axis=0), inside.std(axis=0)
    scale = np.where(deviation > 0, deviation, np.inf)
    standard = (inside - centre) / scale
    normal = standard.T @ standard / len(y) + PENALTY * np.eye(len(centre))
    slopes = np.linalg.solve(normal, standard.T @ (y - y.mean()) / len(y)) / scale
    return Ridge(centre, lowest, highest, slopes, float(y.mean()), float(y.min()), float(y.max()))
