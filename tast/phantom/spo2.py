"""Courses of arterial oxygen saturation (SpO2): slow drift, desaturation events and recovery, within a profile's range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.phantom.randomness import wander
from tast.records import FloatArray

GRID_HZ = 20.0


@dataclass(frozen=True)
class Profile:
    """What saturation does in a session; pairs are the bounds of a uniform draw.

    low_percent, high_percent: never left. swing_percent: from the top to the bottom of the session's events.
    fall_percent_per_s, recovery_percent_per_s: mean rate of an event's two flanks. hold_s: time spent at top and bottom.
    drift_percent: amplitude of the slow drift that runs through it all. tops_percent: what the events fall from; None: from
    anywhere that leaves room for the swing. rest_s: how long after the start the first event begins; None: it may begin amid one.
    """

    low_percent: float
    high_percent: float
    swing_percent: tuple[float, float]
    fall_percent_per_s: tuple[float, float]
    recovery_percent_per_s: tuple[float, float]
    hold_s: tuple[float, float]
    drift_percent: float
    tops_percent: tuple[float, float] | None = None
    rest_s: tuple[float, float] | None = None


PROFILES = {
    # Wide: events of apnoea on a level that differs from session to session; fast, so that half a minute shows one whole.
    "wide": Profile(75, 100, (6, 14), (0.5, 0.9), (0.7, 1.2), (2, 5), 0.4),
    # Narrow: what people at rest show, PURE's and VIPL-HR's range.
    "narrow": Profile(94, 99, (1, 3), (0.1, 0.3), (0.15, 0.4), (3, 8), 0.2),
    # From rest: what a breath held, or air with less oxygen, does to people who begin as healthy people are.
    "from_rest": Profile(78, 99, (8, 16), (0.5, 0.9), (0.7, 1.2), (2, 5), 0.3, tops_percent=(95.7, 98.7), rest_s=(17, 20)),
}


@dataclass(frozen=True, eq=False)
class Spo2Course:
    """The true saturation: times_s (N,) on a uniform grid, percent (N,)."""

    times_s: FloatArray
    percent: FloatArray

    def at(self, times_s: FloatArray) -> FloatArray:
        """Percent (M,) at times_s (M,); the first and last value beyond the grid."""
        return np.interp(times_s, self.times_s, self.percent)


def spo2_course(rng: np.random.Generator, level: float, profile: Profile, start_s: float, end_s: float) -> Spo2Course:
    """A random course from start_s to end_s.

    level: 0..1, where the session lies between the lowest and the highest course that fits the profile's range.
    The phase of the events is uniform, so that the time within a session tells nothing of the saturation, but where a profile
    begins at rest.
    """
    swing = rng.uniform(*profile.swing_percent)
    lowest_top, highest_top = profile.tops_percent or (
        profile.low_percent + profile.drift_percent + swing, profile.high_percent - profile.drift_percent
    )  # fmt: skip
    top = lowest_top + level * (highest_top - lowest_top)
    knot_times_s, knot_percent = _events(rng, profile, top, swing, end_s - start_s)
    times_s = np.arange(start_s, end_s + 1 / GRID_HZ, 1 / GRID_HZ)
    events = _eased(times_s - start_s, knot_times_s, knot_percent)
    drift = profile.drift_percent * np.clip(wander(rng, 0.01, 0.05).at(times_s) / 2, -1, 1)
    return Spo2Course(times_s, events + drift)


def _events(
    rng: np.random.Generator, profile: Profile, top: float, swing: float, duration_s: float
) -> tuple[FloatArray, FloatArray]:
    """Knots (times from before 0 to after duration_s, percent) of falls, holds and recoveries."""
    times_s, percent = [0.0], [top]
    if profile.rest_s is not None:
        times_s.append(rng.uniform(*profile.rest_s))
        percent.append(top)
    head_s = 0.0
    while times_s[-1] < duration_s + head_s:
        nadir = top - swing * rng.uniform(0.7, 1.0)
        steps_s = (
            rng.uniform(*profile.hold_s),
            (top - nadir) / rng.uniform(*profile.fall_percent_per_s),
            rng.uniform(*profile.hold_s),
            (top - nadir) / rng.uniform(*profile.recovery_percent_per_s),
        )
        times_s.extend(times_s[-1] + np.cumsum(steps_s))
        percent.extend((top, nadir, nadir, top))
        if head_s == 0.0 and profile.rest_s is None:  # begin anywhere in the first event
            head_s = rng.uniform(0, times_s[-1])
    return np.asarray(times_s) - head_s, np.asarray(percent)


def _eased(times_s: FloatArray, knot_times_s: FloatArray, knot_percent: FloatArray) -> FloatArray:
    """Knots joined by half cosines."""
    after = np.clip(np.searchsorted(knot_times_s, times_s, side="right"), 1, len(knot_times_s) - 1)
    fraction = (times_s - knot_times_s[after - 1]) / np.diff(knot_times_s)[after - 1]
    ease = (1 - np.cos(np.pi * np.clip(fraction, 0, 1))) / 2
    return knot_percent[after - 1] + ease * np.diff(knot_percent)[after - 1]
