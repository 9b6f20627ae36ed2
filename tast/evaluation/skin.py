"""Does one skin read otherwise than another: the bias of each skin type in two bands of SpO2, and what the FDA asks of it.

FDA, "Pulse Oximeters for Medical Purposes - Non-Clinical and Clinical Performance Testing, Labeling, and Premarket Submission
Recommendations", draft guidance, announced in the Federal Register of 7 January 2025 (document 2024-31540): a study of at least
150 people and 3,000 pairs, and between groups of skin tone a difference in bias of at most 3.5 points where SaO2 is 70 to 85 %
and 1.5 points above. The draft groups people by the Monk scale (1-4, 5-7, 8-10) and measures the skin's colour by a colorimeter,
against arterial blood; a data set's own skin types and oximeter are neither, so that even a set that is large enough is only held
against the limits, and proves nothing to the FDA. The figures of the draft were taken from reports and analysis plans that cite
it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.evaluation.metrics import Interval, percentile_interval, resampled_sums
from tast.people import person_of

FEWEST_PAIRS, FEWEST_PEOPLE = 3000, 150
BANDS_PERCENT = ((70.0, 85.0, 3.5), (85.0, 100.0, 1.5))  # from, to and with, largest difference in bias


@dataclass(frozen=True)
class SkinGroup:
    """Bias of one skin type in a band, in points of SpO2, with a 95 % interval over its people; NaN where it has no second."""

    skin_type: str
    bias: float
    interval: Interval
    n_seconds: int
    n_people: int


@dataclass(frozen=True)
class SkinBand:
    """A band of true SpO2. difference: of the largest from the lowest bias of its groups; NaN with fewer than two.

    within_limit: whether the upper end of the difference's interval is at most the limit; None where the set cannot be held
    against it.
    """

    low_percent: float
    high_percent: float
    limit_percent: float
    difference: float
    interval: Interval
    within_limit: bool | None
    groups: tuple[SkinGroup, ...]


@dataclass(frozen=True)
class SkinBias:
    """lacking: what the set has too few of for the FDA's draft, in words; empty where it can be held against it."""

    lacking: tuple[str, ...]
    n_pairs: int
    n_people: int
    bands: tuple[SkinBand, ...]


def bias_by_skin(rows: pd.DataFrame, *, draws: int, seed: int) -> SkinBias:
    """Of labelled rows of the predictions table with a column `skin_type`, NaN or absent where it is not known.

    Each person has one skin type. Raises ValueError where one has two.
    """
    if "skin_type" not in rows:
        rows = rows.assign(skin_type=None)
    known = rows[rows["skin_type"].notna() & rows["true_percent"].between(BANDS_PERCENT[0][0], BANDS_PERCENT[-1][1])]
    people = person_of(known)
    types = known.groupby(people)["skin_type"].nunique()
    if (types > 1).any():
        raise ValueError(f"{types.idxmax()} has {types.max()} skin types; expected one")
    lacking = _lacking(len(known), people.nunique(), known["skin_type"].nunique())
    bands: list[SkinBand] = []
    for low, high, limit in BANDS_PERCENT:
        above = known["true_percent"] > low if bands else known["true_percent"] >= low
        bands.append(_band(known[above & (known["true_percent"] <= high)], low, high, limit, lacking, draws, seed))
    return SkinBias(lacking, len(known), people.nunique(), tuple(bands))


def _lacking(n_pairs: int, n_people: int, n_types: int) -> tuple[str, ...]:
    if not n_types:
        return ("nobody's skin type is known",)
    counts = {"pairs": (n_pairs, FEWEST_PAIRS), "people": (n_people, FEWEST_PEOPLE)}
    few = tuple(f"{count:,} of at least {least:,} {what}" for what, (count, least) in counts.items() if count < least)
    return few if n_types > 1 else (*few, "one skin type alone")


def _band(rows: pd.DataFrame, low: float, high: float, limit: float, lacking: tuple[str, ...], draws: int, seed: int) -> SkinBand:
    error = (rows["predicted_percent"] - rows["true_percent"]).to_numpy(dtype=np.float64)
    who, owner = np.unique(person_of(rows).to_numpy(dtype=str), return_inverse=True)
    names, kind = np.unique(rows["skin_type"].to_numpy(dtype=str), return_inverse=True)
    sums = np.zeros((len(who), len(names), 2))  # of each person in each skin type: seconds, errors
    np.add.at(sums, (owner, kind), np.stack([np.ones_like(error), error], axis=-1))
    if not len(who):
        nothing = Interval(float("nan"), float("nan"))
        return SkinBand(low, high, limit, float("nan"), nothing, None, ())
    bias, drawn = _means(sums.sum(axis=0)), _means(resampled_sums(sums, draws, seed))
    n_people = (sums[..., 0] > 0).sum(axis=0)
    ends = [percentile_interval(one, int(n)) for one, n in zip(drawn.T, n_people, strict=True)]
    counts = [names.tolist(), bias.tolist(), ends, np.bincount(kind).tolist(), n_people.tolist()]
    groups = tuple(SkinGroup(*one) for one in zip(*counts, strict=True))
    several = len(names) > 1
    difference = float(np.ptp(bias)) if several else float("nan")
    interval = percentile_interval(np.ptp(drawn, axis=1) if several else np.full(draws, np.nan), len(who))
    within = None if lacking or not np.isfinite(interval.high) else interval.high <= limit
    return SkinBand(low, high, limit, difference, interval, within, groups)


def _means(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(..., 2) seconds and errors -> (...) mean error; NaN where there is no second."""
    return sums[..., 1] / np.where(sums[..., 0] > 0, sums[..., 0], np.nan)
