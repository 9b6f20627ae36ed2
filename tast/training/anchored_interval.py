"""How far a prediction may be off that is anchored: split conformal prediction on normalised errors (Papadopoulos et al. 2008).

Anchored, an error is one of a change: it grows with the change, since another camera's slope is not the training's, with the time
since the anchor, and with what the light did meanwhile. So the errors on validation people are divided by what grows so before
their quantile is taken, and how much it grows is what makes the intervals narrowest on average. What else is known of a second
was tried and does not tell (benchmarks/error_causes.py). As tast.training.interval, it holds on average over people.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.anchors import SPAN_S, Reading, light_from, offset_by, seconds_from
from tast.people import person_of, recording_of
from tast.seconds import BRIGHTNESS, SPOT, is_spot, per_second
from tast.training.change_scale import ChangeScale, scale_in, scaled
from tast.training.interval import COVERAGE, conformal_quantile

FloatArray = npt.NDArray[np.floating]

OF_CHANGE = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # tried: how much of the error without a change each point of change adds
OF_MINUTES = (0.0, 0.1, 0.2, 0.5, 1.0)  # the same of each minute since the anchor
OF_LIGHT = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # the same of light that is brighter or darker e times


@dataclass(frozen=True)
class AnchoredInterval:
    """What holds the true SpO2 in a share `coverage` of the seconds that are no anchor's.

    least_percent: half its width near the anchor. of_change: what each point of change adds to it, as a share of that.
    of_minutes: what each minute since the anchor does. of_light: what light behind the face does that is brighter or darker, by
    its logarithm (0 in models of before). They add as squares do, and so does the uncertainty of the anchor itself. n_...: of how
    many people and seconds of recordings.
    """

    coverage: float
    least_percent: float
    of_change: float
    of_minutes: float
    n_subjects: int
    n_seconds: int
    of_light: float = 0.0

    def half_width_percent(
        self, change_percent: FloatArray, since_s: FloatArray, sd_percent: float, light_change: FloatArray | float = 0.0
    ) -> FloatArray:
        """(S,) of seconds so far from the anchor in SpO2, in time and in light (tast.anchors.light_from); sd_percent: of it."""
        of_anchor = NormalDist().inv_cdf((1 + self.coverage) / 2) * sd_percent
        grown = growth(
            (self.of_change, change_percent), (self.of_minutes, since_s / 60), (self.of_light, light_change)
        )  # fmt: skip
        return np.sqrt((self.least_percent * grown) ** 2 + of_anchor**2)


def growth(*terms: tuple[float, FloatArray | float]) -> FloatArray:
    """By how much the error of a second is larger than near the anchor; each term: how much of it a unit adds, and the units."""
    return np.sqrt(1 + sum((by * np.asarray(units)) ** 2 for by, units in terms))


def fit_anchored_interval(predictions: pd.DataFrame, coverage: float = COVERAGE) -> AnchoredInterval | None:
    """From one row per clip and second of it, as tast.training.inference.predict gives them, of people whom what follows the
    change has not seen.

    A recording is anchored by its first SPAN_S, as people do: anchors amid it are nearer to its other seconds, and would promise
    more. None where no recording has seconds that are no anchor's.
    """
    errors = anchored_errors(predictions)
    if errors.empty:
        return None
    size, change, since, light = (errors[name].to_numpy(dtype=np.float64) for name in ("error", "change", "since_s", "light"))

    def quantile(of_change: float, of_minutes: float, of_light: float) -> tuple[float, float]:
        grown = growth((of_change, change), (of_minutes, since / 60), (of_light, light))
        least = conformal_quantile(size / grown, coverage)
        return float(np.mean(least * grown)), least

    tried = {one: quantile(*one) for one in product(OF_CHANGE, OF_MINUTES, OF_LIGHT)}
    best = min(tried, key=lambda one: (tried[one][0], one))
    of_change, of_minutes, of_light = best
    people, seconds = int(errors["person"].nunique()), len(errors)
    return AnchoredInterval(coverage, tried[best][1], of_change, of_minutes, people, seconds, of_light)


def anchored_errors(predictions: pd.DataFrame) -> pd.DataFrame:
    """Of every labelled second after fit_anchored_interval's anchors: `error`, `change`, `since_s` and `light` of it, and
    `person`; `read_percent`, `true_percent` and `level_percent`: the change as it was read, the true one, and since which level.

    light: see tast.anchors.light_from; 0 of predictions without the column BRIGHTNESS.
    """
    later = [name for name in (SPOT, BRIGHTNESS) if name in predictions]
    seconds = per_second(predictions, ["true_percent", "changing_percent", *later])
    seconds = seconds[seconds["true_percent"].notna() & ~is_spot(seconds)]
    scale = scale_in(predictions)
    parts = [_errors(recording, scale) for _, recording in seconds.groupby(recording_of(seconds), sort=True)]
    return pd.concat(parts) if parts else pd.DataFrame()


def _errors(recording: pd.DataFrame, scale: ChangeScale | None) -> pd.DataFrame:
    """Of every second after the anchor: how far the prediction is off, and what the interval may depend on."""
    start_s = recording["start_s"].to_numpy(dtype=np.float64)
    given, true = recording["changing_percent"].to_numpy(), recording["true_percent"].to_numpy()
    span_s = min(SPAN_S, (start_s[-1] + 1 - start_s[0]) / 2)  # of a short recording half is left to be predicted
    held = start_s + 0.5 < start_s[0] + span_s
    if not held.any():
        return pd.DataFrame()
    reading = Reading(start_s[0], start_s[0] + span_s, float(true[held].mean()), 0.0)
    level = reading.spo2_percent
    read = given - offset_by(start_s, given, [reading]).percent - level
    change = scaled(scale, read, level)
    brightness = recording[BRIGHTNESS].to_numpy(dtype=np.float64) if BRIGHTNESS in recording else np.full(len(given), np.nan)
    return pd.DataFrame({
        "error": np.abs(change + level - true), "change": change,
        "read_percent": read, "true_percent": true - level, "level_percent": level,
        "since_s": seconds_from(start_s, [reading]), "light": light_from(start_s, brightness, [reading]),
        "person": person_of(recording).to_numpy(),
    })[~held]  # fmt: skip
