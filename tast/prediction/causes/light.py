"""Whether the light, the exposure and the white of a video are those of a person who sits still under a steady lamp.

What lamp and camera do shows in the background as well, what blood does in the face alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import uniform_filter1d

from tast.prediction.causes.evidence import Evidence
from tast.prediction.causes.pulse import alternating, at
from tast.pulse_rate import CLARITY_BAND_HZ, HALF_WIDTH_HZ, FloatArray, face_rate_hz, spectrum

LEAST_LEVEL = 12.0  # of 255: a background darker than this shows steps of a byte
SMOOTHED_S, STEP_S, BEYOND_S = 0.5, 1.0, 1.0


def flicker(evidence: Evidence) -> FloatArray:
    """(S,) how strongly the background moves with the face at the pulse's rate: 1 is a lamp, noise gives less than .3.

    In parts of the face's own motion, times the share of the background's power that lies there. The rate is the one
    at which a network reads the face (tast.pulse_rate.face_rate_hz): what moves all colours alike at another rate does no harm.
    0 where the background is too dark, NaN where there is none.
    """

    def gain(skin: FloatArray, background: FloatArray) -> float:
        if not background.mean() >= LEAST_LEVEL:
            return 0.0 if np.isfinite(background).all() else float("nan")
        face, around = alternating(skin), alternating(background)[:, 1]
        frequency_hz, power = spectrum(around, evidence.fps_hz)
        in_band = (frequency_hz >= CLARITY_BAND_HZ[0]) & (frequency_hz <= CLARITY_BAND_HZ[1])
        rate_hz = face_rate_hz(face, evidence.fps_hz)
        if not (np.isfinite(rate_hz) and power[in_band].sum() > 0):
            return 0.0
        in_face, beside = at(np.column_stack([face[:, 1], around]), rate_hz, evidence.fps_hz).T
        moved = abs(np.vdot(in_face, beside)) / max(np.vdot(in_face, in_face).real, 1e-12)
        near = in_band & (abs(frequency_hz - rate_hz) <= HALF_WIDTH_HZ)
        return float(min(moved, 1.0) * power[near].sum() / power[in_band].sum())

    return evidence.over_windows(gain)


def exposure_steps(evidence: Evidence) -> FloatArray:
    """(S,) largest change of light in a second that face and background share, as a logarithm; NaN without a background.

    Half a second is averaged, so that no pulse is left.
    """
    return _largest_shared(evidence, lambda logs: logs.mean(axis=1, keepdims=True))


def white_steps(evidence: Evidence) -> FloatArray:
    """(S,) the same of the colours: of red over green or blue over green, whichever changes more; within any of the windows that
    show a second, as all of a window is read by one white."""
    return _largest_shared(evidence, lambda logs: logs[:, [0, 2]] - logs[:, [1]], beyond_s=evidence.length_s - 1.0)


def _largest_shared(evidence: Evidence, part: Callable[[FloatArray], FloatArray], beyond_s: float = BEYOND_S) -> FloatArray:
    """part: logarithms of light (T, 3) -> what of them is watched (T, N)."""
    if not evidence.background.mean() >= LEAST_LEVEL:
        return np.full(evidence.n_seconds, 0.0 if np.isfinite(evidence.background).all() else np.nan)
    box = max(round(SMOOTHED_S * evidence.fps_hz), 1)
    lights = (evidence.skin, evidence.background)
    face, around = (uniform_filter1d(part(np.log(np.maximum(light, 1.0))), box, axis=0, mode="nearest") for light in lights)
    step = round(STEP_S * evidence.fps_hz)
    face, around = (smooth[step:] - smooth[:-step] for smooth in (face, around))
    shared = np.where(face * around > 0, np.minimum(abs(face), abs(around)), 0.0).max(axis=1)
    before = step // 2
    return evidence.per_second(np.pad(shared, (before, step - before)), lambda change: float(change.max()), beyond_s=beyond_s)


def darkness(evidence: Evidence) -> FloatArray:
    """(S,) mean level of the face's green, 0 to 255."""
    return evidence.per_second(evidence.skin[:, 1], lambda level: float(level.mean()))


def overexposed(evidence: Evidence) -> FloatArray:
    """(S,) share of the face that the sensor cuts off."""
    return evidence.per_second(evidence.overexposed, lambda share: float(share.mean()))


def red_over_blue(evidence: Evidence) -> FloatArray:
    """(S,) red over blue of the face, in doublings. Skin is redder than blue under any lamp that people sit under: at least .24
    in 1,500 random worlds of the phantom, of all skins, lamps and cameras; exchanged, at most -.24."""
    red, blue = (np.maximum(evidence.skin[:, channel], 1.0) for channel in (0, 2))
    return evidence.per_second(np.log2(red / blue), lambda doublings: float(np.median(doublings)))
