"""Predictors that do not look at the video: the mean of the training labels, and the mean of a person's own first minute.

The first is the least that a method must beat: of VIPL-HR's people no colour ratio did (shared/facts/comparators.md, section 7).
The second is given labels of the very recording that it is scored on, as is a method that is calibrated to each person (Guazzi et
al. 2015, Biomed. Opt. Express 6:3320); it stands beside anchored methods and says nothing against one that knows no label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.pulse_rate import FloatArray

ANCHOR_S = 60.0
ANCHOR_SHARE = 1 / 3  # of a recording that is no longer than ANCHOR_S


@dataclass(frozen=True)
class Constant:
    """mean_percent for everything."""

    mean_percent: float

    def percent(self, features: FloatArray) -> FloatArray:
        """Features (N, F), which are not looked at -> (N,)."""
        return np.full(len(features), self.mean_percent)


def fit_constant(features: FloatArray, percent: FloatArray) -> Constant:
    """The mean of the training labels (N,), NaN unknown. Raises ValueError where there is none."""
    known = percent[np.isfinite(percent)]
    if not known.size:
        raise ValueError("no training clip has an SpO2 label")
    return Constant(float(known.mean()))


def no_features(trace: FloatArray, fps_hz: float) -> FloatArray:
    """(0,): nothing of the trace is looked at."""
    return np.empty(0)


def own_first_minute(times_s: FloatArray, percent: FloatArray) -> FloatArray:
    """For the labels (S,) of one recording, one per second that begins at times_s (S,), increasing -> what is predicted (S,).

    The mean of the labels of its first ANCHOR_S for every second after them, NaN for these themselves; of a recording that is no
    longer than that, its first third takes their place. NaN for all where none of the labels at the beginning is known.
    """
    since_s = times_s - times_s[0]
    length_s = since_s[-1] + 1
    anchor_s = ANCHOR_S if length_s > ANCHOR_S else length_s * ANCHOR_SHARE
    before = since_s < anchor_s
    known = percent[before & np.isfinite(percent)]
    return np.where(before, np.nan, known.mean() if known.size else np.nan)
