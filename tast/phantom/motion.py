"""Head motion in the six setups of PURE (Stricker et al. 2014, section III): what the head's pose is at any time.

Deviation: PURE's heads turn by 20 and 35 degrees; a face made of one frontal photograph bears a fraction of that before its
light, which is relit on a smooth surface, moves the colour more than blood does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.phantom.randomness import wander
from tast.records import FloatArray


@dataclass(frozen=True)
class Setup:
    """How much a head moves.

    shift_speed: root-mean-square speed of translation in face heights per second. turn_deg, nod_deg, tilt_deg: root-mean-square
    yaw, pitch, roll, at turn_hz (low, high). talks: the jaw moves.
    """

    shift_speed: float = 0.0
    shift_hz: tuple[float, float] = (0.1, 0.25)
    turn_deg: float = 0.0
    nod_deg: float = 0.0
    tilt_deg: float = 0.0
    turn_hz: tuple[float, float] = (0.06, 0.18)
    talks: bool = False


SETUPS = {
    "steady": Setup(),
    "talking": Setup(turn_deg=0.8, nod_deg=0.8, tilt_deg=0.5, turn_hz=(0.15, 0.6), talks=True),
    "slow_translation": Setup(shift_speed=0.06),
    "fast_translation": Setup(shift_speed=0.12, shift_hz=(0.15, 0.35)),
    "small_rotation": Setup(turn_deg=3.0, nod_deg=1.0, tilt_deg=1.0),
    "medium_rotation": Setup(turn_deg=5.0, nod_deg=1.5, tilt_deg=1.5),
}

# What nobody can hold still: sway in face heights, turning in degrees, and the recoil of each heart beat in face heights.
SWAY, SWAY_HZ = 0.003, (0.05, 0.4)
TREMOR_DEG, TREMOR_HZ = 0.06, (0.1, 0.8)
RECOIL = 0.0003

JAW_OPENING = 0.05  # of the face height, at a loud vowel
SYLLABLES_HZ, PHRASES_HZ = (2.0, 5.0), (0.2, 0.6)


@dataclass(frozen=True, eq=False)
class HeadMotion:
    """Poses over time, (N,) each: shifts in face heights (right, down), angles in radians, opening of the jaw in face heights."""

    right: FloatArray
    down: FloatArray
    yaw_rad: FloatArray
    pitch_rad: FloatArray
    roll_rad: FloatArray
    jaw: FloatArray


def head_motion(rng: np.random.Generator, setup: Setup, times_s: FloatArray, beat: FloatArray) -> HeadMotion:
    """A random motion at times_s (N,); beat (N,): the pulse wave, peak to peak 1, that jolts the head."""
    right = SWAY * wander(rng, *SWAY_HZ).at(times_s) + _travel(rng, 0.95 * setup.shift_speed, setup.shift_hz, times_s)
    down = SWAY * wander(rng, *SWAY_HZ).at(times_s) + _travel(rng, 0.31 * setup.shift_speed, setup.shift_hz, times_s)
    yaw, pitch, roll = (
        np.radians(rms_deg * wander(rng, *setup.turn_hz).at(times_s) + TREMOR_DEG * wander(rng, *TREMOR_HZ).at(times_s))
        for rms_deg in (setup.turn_deg, setup.nod_deg, setup.tilt_deg)
    )
    jaw = _speech(rng, times_s) if setup.talks else np.zeros_like(times_s)
    return HeadMotion(right, down - RECOIL * beat, yaw, pitch, roll, jaw)


def _travel(rng: np.random.Generator, rms_speed: float, band_hz: tuple[float, float], times_s: FloatArray) -> FloatArray:
    course = wander(rng, *band_hz)
    return rms_speed / course.rms_speed_hz * course.at(times_s)


def _speech(rng: np.random.Generator, times_s: FloatArray) -> FloatArray:
    """Opening of the jaw (N,): syllables, with pauses between phrases."""
    syllables = np.clip(0.5 + 0.5 * wander(rng, *SYLLABLES_HZ, waves=6).at(times_s), 0, 2)
    phrases = np.clip(0.8 + wander(rng, *PHRASES_HZ).at(times_s), 0, 1)
    return JAW_OPENING * syllables * phrases
