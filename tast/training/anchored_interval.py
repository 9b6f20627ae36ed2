"""How far a prediction may be off that is anchored: split conformal prediction on normalised errors (Papadopoulos et al. 2008).

Anchored, an error is one of a change: it grows with the change, since another camera's slope is not the training's, and with the
time since the anchor. So the errors on validation people are divided by what grows so before their quantile is taken, and how
much it grows is what makes the intervals narrowest on average. As tast.training.interval, it holds on average over people.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.anchors import SPAN_S, Reading, offset_by, seconds_from
from tast.people import person_of, recording_of
from tast.seconds import SPOT, is_spot, per_second
from tast.training.interval import COVERAGE, conformal_quantile

FloatArray = npt.NDArray[np.floating]

OF_CHANGE = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # tried: how much of the error without a change each point of change adds
OF_MINUTES = (0.0, 0.1, 0.2, 0.5, 1.0)  # the same of each minute since the anchor


@dataclass(frozen=True)
class AnchoredInterval:
    """What holds the true SpO2 in a share `coverage` of the seconds that are no anchor's.

    least_percent: half its width near the anchor. of_change: what each point of change adds to it, as a share of that.
    of_minutes: what each minute since the anchor does. They add as squares do, and so does the uncertainty of the anchor itself.
    n_...: of how many people and seconds of recordings.
    """

    coverage: float
    least_percent: float
    of_change: float
    of_minutes: float
    n_subjects: int
    n_seconds: int

    def half_width_percent(self, change_percent: FloatArray, since_s: FloatArray, sd_percent: float) -> FloatArray:
        """(S,) of seconds so far from the anchor in SpO2 and in time; sd_percent: of the anchor."""
        of_anchor = NormalDist().inv_cdf((1 + self.coverage) / 2) * sd_percent
        grown = growth(change_percent, since_s, self.of_change, self.of_minutes)
        return np.sqrt((self.least_percent * grown) ** 2 + of_anchor**2)


def growth(change_percent: FloatArray, since_s: FloatArray, of_change: float, of_minutes: float) -> FloatArray:
    """By how much the error of a second is larger than near the anchor."""
    return np.sqrt(1 + (of_change * change_percent) ** 2 + (of_minutes * since_s / 60) ** 2)


def fit_anchored_interval(predictions: pd.DataFrame, coverage: float = COVERAGE) -> AnchoredInterval | None:
    """From one row per clip and second of it, as tast.training.inference.predict gives them, of people whom what follows the
    change has not seen.

    A recording is anchored by its first SPAN_S, as people do: anchors amid it are nearer to its other seconds, and would promise
    more. None where no recording has seconds that are no anchor's.
    """
    errors = anchored_errors(predictions)
    if errors.empty:
        return None
    size, change, since = (errors[name].to_numpy(dtype=np.float64) for name in ("error", "change", "since_s"))

    def quantile(of_change: float, of_minutes: float) -> tuple[float, float]:
        grown = growth(change, since, of_change, of_minutes)
        least = conformal_quantile(size / grown, coverage)
        return float(np.mean(least * grown)), least

    tried = {(one, other): quantile(one, other) for one, other in product(OF_CHANGE, OF_MINUTES)}
    best = min(tried, key=lambda one: (tried[one][0], one))
    return AnchoredInterval(coverage, tried[best][1], *best, int(errors["person"].nunique()), len(errors))


def anchored_errors(predictions: pd.DataFrame) -> pd.DataFrame:
    """Of every labelled second after fit_anchored_interval's anchors: `error`, `change` and `since_s` of it, and `person`."""
    spot = [SPOT] if SPOT in predictions else []
    seconds = per_second(predictions, ["true_percent", "changing_percent", *spot])
    seconds = seconds[seconds["true_percent"].notna() & ~is_spot(seconds)]
    parts = [_errors(recording) for _, recording in seconds.groupby(recording_of(seconds), sort=True)]
    return pd.concat(parts) if parts else pd.DataFrame()


def _errors(recording: pd.DataFrame) -> pd.DataFrame:
    """Of every second after the anchor: how far the prediction is off, and what the interval may depend on."""
    start_s = recording["start_s"].to_numpy(dtype=np.float64)
    given, true = recording["changing_percent"].to_numpy(), recording["true_percent"].to_numpy()
    span_s = min(SPAN_S, (start_s[-1] + 1 - start_s[0]) / 2)  # of a short recording half is left to be predicted
    held = start_s + 0.5 < start_s[0] + span_s
    if not held.any():
        return pd.DataFrame()
    reading = Reading(start_s[0], start_s[0] + span_s, float(true[held].mean()), 0.0)
    anchored = given - offset_by(start_s, given, [reading]).percent
    return pd.DataFrame({
        "error": np.abs(anchored - true), "change": anchored - reading.spo2_percent,
        "since_s": seconds_from(start_s, [reading]), "person": person_of(recording).to_numpy(),
    })[~held]  # fmt: skip
