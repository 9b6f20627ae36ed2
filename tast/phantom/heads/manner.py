"""How a person moves before the camera: the head's place and turn, the eyes, the face, breath, and the recoil of each beat.

The scenarios are those of tast.phantom.motion (PURE: Stricker et al. 2014, section III), in three dimensions: a head that turns
shows its other side, so that turns come near to PURE's size (TURN_SCALE), not the fraction that a flat photograph bears.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.phantom.heads.morphable import FACE_CM, morphable_head
from tast.phantom.motion import Setup, head_motion
from tast.phantom.randomness import wander
from tast.records import FloatArray

TURN_SCALE = 2.0  # small and medium rotation then turn by 6 and 10 degrees RMS, 15 and 25 at the most
RECOIL_CM = 0.01  # peak to peak up and down with each beat; sideways and in depth a fraction. Order of magnitude, assumed
RECOIL_AXES = np.array([0.15, 1.0, 0.3])
LEAN_CM, LEAN_HZ = 0.35, (0.02, 0.12)  # towards the camera and back
BREATH_CM = 0.22  # standard deviation of the chest's rise at rest, assumed; the head rises by a third of it
NOD_WITH_BREATH_DEG = 0.15

# Blinks: 17 per minute at rest, 26 in conversation (Bentivoglio et al. 1997, Mov. Disord. 12:1028, abstract).
BLINKS_PER_MIN, BLINKS_PER_MIN_TALKING = 17.0, 26.0
BLINK_CLOSING_S, BLINK_OPENING_S, BLINK_PAUSE_S = 0.09, 0.17, 0.8
FIXATION_S, FIXATION_DEG = (0.4, 2.2), 1.6  # how long the eyes rest on a point near the lens, and how far it lies off

GAZE_REACH_DEG = (25.0, 14.0)
LIDS_FOLLOW_DEG = 22.0  # the eyes' turn at weight 1 of eyeLookUp and eyeLookDown
LIDS_AT_REST = 0.14  # the mean head's eyes are wide open
JAW_CM = 3.5  # how far the chin drops at weight 1 of jawOpen


@dataclass(frozen=True, eq=False)
class Manner:
    """A course of movement at times_s (T,).

    turn_rad (T, 3): yaw to the right of the picture, pitch down, roll clockwise. shift_cm (T, 3): of the whole person, right, up,
    to the camera. recoil_cm (T, 3): of the head with the beat. breath_cm (T,): rise of the chest. gaze_rad (T, 2): of the eyes in
    the head, right, down. expression (T, 21): weights of the morphable head's expressions.
    """

    times_s: FloatArray
    turn_rad: FloatArray
    shift_cm: FloatArray
    recoil_cm: FloatArray
    breath_cm: FloatArray
    gaze_rad: FloatArray
    expression: FloatArray


def manner(rng: np.random.Generator, setup: Setup, times_s: FloatArray, beat: FloatArray, breath: FloatArray) -> Manner:
    """A random course; beat (T,): the pulse wave, peak to peak 1; breath (T,): respiration of unit variance."""
    motion = head_motion(rng, setup, times_s, np.zeros_like(times_s))
    lean = LEAN_CM * wander(rng, *LEAN_HZ).at(times_s)
    nod = np.radians(NOD_WITH_BREATH_DEG) * breath
    expression = _expressions(rng, setup, times_s, FACE_CM * motion.jaw / JAW_CM)
    turn = np.stack([TURN_SCALE * motion.yaw_rad, TURN_SCALE * motion.pitch_rad + nod, motion.roll_rad], axis=1)
    gaze = _in_reach(_gaze(rng, times_s) - turn[:, :2])
    return Manner(
        times_s=times_s,
        turn_rad=turn,
        shift_cm=np.stack([FACE_CM * motion.right, -FACE_CM * motion.down, lean], axis=1),
        recoil_cm=RECOIL_CM * beat[:, None] * RECOIL_AXES,
        breath_cm=BREATH_CM * breath,
        gaze_rad=gaze,
        expression=_lids_follow(expression, gaze),
    )


def posed(turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0), expression: dict[str, float] | None = None) -> Manner:
    """One still moment: yaw, pitch, roll in degrees, weights by the expressions' names, eyes on the camera."""
    weights = np.zeros(len(morphable_head().expression_names))
    for name, weight in ({"eyeBlink_L": LIDS_AT_REST, "eyeBlink_R": LIDS_AT_REST} | (expression or {})).items():
        weights[morphable_head().expression_names.index(name)] = weight
    turn = np.radians(turn_deg)[None]
    still = np.zeros((1, 3))
    gaze = _in_reach(-turn[:, :2])
    return Manner(np.zeros(1), turn, still, still, np.zeros(1), gaze, _lids_follow(weights[None], gaze))


def _in_reach(gaze_rad: FloatArray) -> FloatArray:
    """Eyes do not follow a head that turns further than they can (T, 2)."""
    reach = np.radians(GAZE_REACH_DEG)
    return np.clip(gaze_rad, -reach, reach)


def _lids_follow(weights: FloatArray, gaze_rad: FloatArray) -> FloatArray:
    """The lids go up and down with the eyes (T, 21)."""
    names = morphable_head().expression_names
    down = gaze_rad[:, 1] / np.radians(LIDS_FOLLOW_DEG)
    for side in ("L", "R"):
        weights[:, names.index(f"eyeLookDown_{side}")] = np.clip(down, 0, 1)
        weights[:, names.index(f"eyeLookUp_{side}")] = np.clip(-down, 0, 1)
    return weights


def _gaze(rng: np.random.Generator, times_s: FloatArray) -> FloatArray:
    """(T, 2) where the eyes look beside the lens, in radians: rests and jumps."""
    span_s = times_s[-1] - times_s[0] + FIXATION_S[1]
    rests = rng.uniform(*FIXATION_S, size=int(span_s / FIXATION_S[0]) + 2)
    points = np.radians(FIXATION_DEG) * rng.standard_normal((len(rests), 2)) * [1.0, 0.6]
    return points[np.searchsorted(times_s[0] + np.cumsum(rests), times_s, side="right") % len(rests)]


def _expressions(rng: np.random.Generator, setup: Setup, times_s: FloatArray, jaw: FloatArray) -> FloatArray:
    """(T, 21): blinks, a mood that changes slowly, and the mouth's shapes where one talks; jaw (T,): its opening as a weight."""
    names = morphable_head().expression_names
    weights = np.zeros((len(times_s), len(names)))
    mood = np.clip(0.10 + 0.12 * rng.standard_normal() + 0.10 * wander(rng, 0.01, 0.15).at(times_s), 0, 0.7)
    brows = np.clip(0.05 + 0.10 * wander(rng, 0.02, 0.3).at(times_s), 0, 0.5)
    frown = np.clip(rng.uniform(-0.1, 0.25) + 0.05 * wander(rng, 0.02, 0.2).at(times_s), 0, 0.5)
    blink = _blinks(rng, times_s, BLINKS_PER_MIN_TALKING if setup.talks else BLINKS_PER_MIN)
    for side, uneven in (("L", rng.uniform(0.85, 1.1)), ("R", rng.uniform(0.85, 1.1))):
        weights[:, names.index(f"mouthSmile_{side}")] = uneven * mood
        weights[:, names.index(f"browInnerUp_{side}")] = brows
        weights[:, names.index(f"browDown_{side}")] = frown
        weights[:, names.index(f"eyeBlink_{side}")] = np.maximum(blink, LIDS_AT_REST + 0.10 * mood)
    if setup.talks:
        loud = np.clip(jaw * 4, 0, 1)
        weights[:, names.index("jawOpen")] = jaw
        weights[:, names.index("mouthFunnel")] = 0.5 * loud * np.clip(wander(rng, 0.8, 3.0, waves=6).at(times_s), 0, 1)
        weights[:, names.index("mouthPucker")] = 0.4 * loud * np.clip(wander(rng, 0.8, 3.0, waves=6).at(times_s), 0, 1)
    return weights


def _blinks(rng: np.random.Generator, times_s: FloatArray, per_min: float) -> FloatArray:
    """(T,) closing of the lids in 0..1."""
    closed = np.zeros_like(times_s)
    at_s = float(times_s[0]) + rng.exponential(60 / per_min)
    while at_s < times_s[-1]:
        since = times_s - at_s
        rise, fall = np.clip(since / BLINK_CLOSING_S, 0, 1), np.clip(1 - (since - BLINK_CLOSING_S) / BLINK_OPENING_S, 0, 1)
        shape = np.minimum(rise, fall)
        closed = np.maximum(closed, shape * shape * (3 - 2 * shape))
        at_s += BLINK_PAUSE_S + rng.exponential(max(60 / per_min - BLINK_PAUSE_S, 0.1))
    return closed
