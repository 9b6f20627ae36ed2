"""An anchor: seconds of a recording whose SpO2 somebody knows, from which the camera goes on alone.

How much SpO2 changes shows in the colour of the pulse under any camera and light; what it is does not (docs/phantom.md, What can
be known at all). So what a model gives is moved, for one person under one camera and light, by what it is off where SpO2 is
known: delivered(t) = given(t) - offset, offset = mean(given - known) over the anchor's seconds. Every method that gives a number
can be anchored so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.errors import TastError

FloatArray = npt.NDArray[np.floating]

SPAN_S = 10.0  # of a recording, that a reading is taken to hold for: half of it before, half after
READING_SD_PERCENT = 1.0  # assumed: what an oximeter shows is rounded to a percent and late, beside what it would show on average
REST_PERCENT, REST_SD_PERCENT = 97.0, 1.5  # assumed of a healthy person at rest near sea level
LEAST_PERCENT, MOST_PERCENT = 50.0, 100.0

READING = re.compile(r"(?:(?P<at>\d+(?:\.\d+)?)=)?(?P<spo2>rest|\d+(?:\.\d+)?)(?:(?:\+-|±)(?P<sd>\d+(?:\.\d+)?))?")
EXPECTED = "97, 97+-2, rest, or with the second that it was read at 12=96"


@dataclass(frozen=True)
class Reading:
    """SpO2 that is known of the seconds from begin_s to end_s of a recording, off by sd_percent (1 SD)."""

    begin_s: float
    end_s: float
    spo2_percent: float
    sd_percent: float

    def __post_init__(self) -> None:
        if not LEAST_PERCENT <= self.spo2_percent <= MOST_PERCENT:
            raise TastError(f"an anchor of {self.spo2_percent:g} %; expected SpO2 from {LEAST_PERCENT:g} to {MOST_PERCENT:g} %")
        if not 0 <= self.sd_percent < MOST_PERCENT - LEAST_PERCENT or not self.begin_s < self.end_s:
            raise TastError(f"{self}; expected an uncertainty that is none or above, and an end after the begin")


@dataclass(frozen=True)
class Offset:
    """What a model gives too much for one person under one camera and light, off by sd_percent (1 SD).

    level_percent: the SpO2 at which that is known; NaN where it is not. readings: that it is known by; none where it is known of
    another recording.
    """

    percent: float
    sd_percent: float
    level_percent: float
    readings: tuple[Reading, ...] = ()


def reading_at(second: float, spo2_percent: float, sd_percent: float = READING_SD_PERCENT) -> Reading:
    """What was read at a second holds for SPAN_S around it; at the very begin of a recording for its first SPAN_S."""
    if not (math.isfinite(second) and second >= 0):  # a cell left empty is not the begin
        raise TastError(f"an anchor at second {second:g}; expected one from 0 on")
    begin_s = max(0.0, second - SPAN_S / 2)
    return Reading(begin_s, begin_s + SPAN_S, spo2_percent, sd_percent)


def reading_of(text: str) -> Reading:
    """`97` (the first SPAN_S), `12=96` (around second 12), `rest`, each with `+-SD`. Raises TastError for anything else."""
    found = READING.fullmatch(text.strip())
    if found is None:
        raise TastError(f"an anchor of {text!r}; expected {EXPECTED}")
    at_rest = found["spo2"] == "rest"
    sd = float(found["sd"]) if found["sd"] else REST_SD_PERCENT if at_rest else READING_SD_PERCENT
    return reading_at(float(found["at"] or 0.0), REST_PERCENT if at_rest else float(found["spo2"]), sd)


def is_reading(text: str) -> bool:
    return READING.fullmatch(text.strip()) is not None


def offset_by(start_s: FloatArray, given_percent: FloatArray, readings: Sequence[Reading]) -> Offset:
    """What given_percent (S,), of seconds that begin at start_s (S,), is off where SpO2 is known.

    Of several readings the mean, each weighing by 1 / sd**2 and none more than one that is off by a tenth of a percent; their
    errors are taken to be independent. Raises TastError where a reading holds for no second, and where there is none.
    """
    if not readings:
        raise TastError("no reading; expected at least one to anchor by")
    offsets = [float(given_percent[_within(start_s, one)].mean()) - one.spo2_percent for one in readings]
    weights = _weights(readings)
    sd_percent = math.sqrt(float(np.sum((weights * [one.sd_percent for one in readings]) ** 2))) / float(weights.sum())
    return Offset(float(np.average(offsets, weights=weights)), sd_percent, level_of(readings), tuple(readings))


def level_of(readings: Sequence[Reading]) -> float:
    """The SpO2 that readings say, each weighing as in offset_by; NaN of none."""
    if not readings:
        return math.nan
    return float(np.average([one.spo2_percent for one in readings], weights=_weights(readings)))


def _weights(readings: Sequence[Reading]) -> FloatArray:
    return np.array([1 / max(one.sd_percent, 0.1) ** 2 for one in readings])


def seconds_from(start_s: FloatArray, readings: Sequence[Reading]) -> FloatArray:
    """(S,) how far each second is from the nearest one that SpO2 is known of; 0 within an anchor, and where there is none."""
    if not readings:
        return np.zeros(len(start_s))
    apart = [np.maximum(0.0, np.maximum(one.begin_s - start_s, start_s + 1 - one.end_s)) for one in readings]
    return np.asarray(np.min(apart, axis=0), dtype=np.float64)


def light_from(start_s: FloatArray, brightness: FloatArray, readings: Sequence[Reading]) -> FloatArray:
    """(S,) by how much brighter or darker (0 or more, of the logarithm) the light of each second is than at that known moment
    which is most like it; brightness (S,): the logarithm, NaN where unknown. 0 where nothing is known, or there is no reading."""
    if not readings:
        return np.zeros(len(start_s))
    apart = [np.abs(brightness - float(brightness[_within(start_s, one)].mean())) for one in readings]
    return np.nan_to_num(np.min(apart, axis=0))


def _within(start_s: FloatArray, reading: Reading) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (start_s + 0.5 >= reading.begin_s) & (start_s + 0.5 < reading.end_s)
    if not inside.any():
        raise TastError(
            f"an anchor of {reading.begin_s:g} to {reading.end_s:g} s; expected it within the seconds that are read, "
            f"{start_s[0]:.1f} to {start_s[-1] + 1:.1f} s"
        )  # fmt: skip
    return inside
