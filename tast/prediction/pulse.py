"""How clear the pulse is in a masked face, and how fast: what lies at its rate and at the first harmonic, of all that moves.

The signal-to-noise ratio of de Haan & Jeanne ("Robust pulse rate from chrominance-based rPPG", IEEE TBME 2013), given as
signal / (signal + noise), 0 to 1; noise alone gives about 0.3. It is asked of two waves, and the clearer one counts: green less
red (Huelsbusch, thesis, RWTH Aachen 2008), and POS (tast.pulse_rate.skin_wave), which a highlight that wanders moves less.

The rate is not each window's highest peak: of a living face that breathes and nods, every other window has a higher one
somewhere. It is the most likely course over all windows of a piece (Viterbi 1967), where a rate is as likely as the share of the
power that lies there, and a heart goes faster or slower by DRIFT_HZ within a second (1 SD). The power is that of the wave by
which a network finds the pulse in that window (tast.pulse_rate.face_rate_hz).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tast.pulse_rate import (
    CLARITY_BAND_HZ,
    CLEAR,
    HALF_WIDTH_HZ,
    RATE_BAND_HZ,
    SPREAD_OVER_S,
    STEP_HZ,
    FloatArray,
    clearest_rate,
    skin_wave,
    spectrum,
)

RESTING_PER_MINUTE = (45.0, 170.0)  # assumed; the search itself ends at 42 and 180, so that what lies beyond is found at its ends
DRIFT_HZ = 0.02  # chosen on 16 rendered faces: right by 4 a minute in 91 % of their windows, each one's own peak in 90
LEAST_SHARE = 1e-6  # of a window's power, at a rate: no window alone decides against one


def pulse_wave(signals: FloatArray) -> FloatArray:
    """AC over DC (T, 3) in R, G, B -> (T,): green, where blood absorbs most, less red, where it absorbs least."""
    return signals[:, 1] - signals[:, 0]


def pulse_clarity(wave: FloatArray, fps_hz: float) -> tuple[float, float]:
    """Wave (T,) at fps_hz -> share of the band's power at its own highest peak, 0 to 1, and that rate per minute; (0, NaN) if it
    is flat."""
    share, rate_hz = clearest_rate(wave, fps_hz)
    return share, 60 * rate_hz


def pulse_course(windows: Sequence[FloatArray], fps_hz: float) -> tuple[FloatArray, FloatArray]:
    """AC over DC in R, G, B of N windows (T, 3) at fps_hz, each a second after the last -> how clear the pulse is in each (N,),
    0 to 1, and its rate per minute (N,); (0, NaN) where nothing moves."""
    rates_hz = np.arange(round(RATE_BAND_HZ[0] / STEP_HZ), round(RATE_BAND_HZ[1] / STEP_HZ) + 1) * STEP_HZ
    shares = np.array([_shares(_telling(pulse, fps_hz), rates_hz, fps_hz) for pulse in windows])
    course_hz = np.where(shares.any(axis=1), rates_hz[_likeliest(shares, DRIFT_HZ / STEP_HZ)], np.nan)
    clear = [
        max(_share_at(wave, rate_hz, fps_hz) for wave in (pulse_wave(pulse), skin_wave(pulse))) if np.isfinite(rate_hz) else 0.0
        for pulse, rate_hz in zip(windows, course_hz, strict=True)
    ]
    return np.array(clear), np.asarray(60 * course_hz, dtype=np.float64)


def _telling(pulse: FloatArray, fps_hz: float) -> FloatArray:
    """(T, 3) -> (T,) or (T, 3), as tast.pulse_rate.face_rate_hz chooses: the colour where it is clear, else POS."""
    colour = pulse - pulse.mean(axis=1, keepdims=True)
    clarity, _ = clearest_rate(colour, fps_hz, HALF_WIDTH_HZ * max(1.0, SPREAD_OVER_S * fps_hz / len(pulse)))
    return colour if clarity >= CLEAR else skin_wave(pulse)


def _shares(wave: FloatArray, rates_hz: FloatArray, fps_hz: float) -> FloatArray:
    """Of the power in CLARITY_BAND_HZ, what lies at each of the rates; 0 where nothing moves."""
    frequency_hz, power = spectrum(wave, fps_hz)
    whole = power[(frequency_hz >= CLARITY_BAND_HZ[0]) & (frequency_hz <= CLARITY_BAND_HZ[1])].sum()
    return np.asarray(np.interp(rates_hz, frequency_hz, power) / whole if whole > 0 else np.zeros(len(rates_hz)))


def _likeliest(shares: FloatArray, drift_steps: float) -> npt.NDArray[np.intp]:
    """(N, R) shares of the power at R rates, one step apart -> (N,) the numbers of the likeliest course."""
    steps = np.arange(shares.shape[1])
    change = -(((steps[:, None] - steps) / drift_steps) ** 2) / 2
    likely = np.log(np.maximum(shares, LEAST_SHARE))
    best, came_from = likely[0], []
    for of_window in likely[1:]:
        with_change = best + change
        came_from.append(with_change.argmax(axis=1))
        best = with_change.max(axis=1) + of_window
    course = [int(best.argmax())]
    for before in reversed(came_from):
        course.append(int(before[course[-1]]))
    return np.array(course[::-1])


def _share_at(wave: FloatArray, rate_hz: float, fps_hz: float) -> float:
    """Of the power in CLARITY_BAND_HZ, what lies within HALF_WIDTH_HZ of a rate and of its first harmonic."""
    frequency_hz, power = spectrum(wave, fps_hz)
    band = (frequency_hz >= CLARITY_BAND_HZ[0]) & (frequency_hz <= CLARITY_BAND_HZ[1])
    frequency_hz, power = frequency_hz[band], power[band]
    near = np.minimum(abs(frequency_hz - rate_hz), abs(frequency_hz - 2 * rate_hz)) <= HALF_WIDTH_HZ
    return float(power[near].sum() / power.sum()) if power.sum() > 0 else 0.0


def hint_of_rate(pulse_per_minute: FloatArray, fps_hz: float) -> tuple[str, ...]:
    """A sentence where the pulse (S,) of a video at fps_hz is so slow or fast that its frame rate may be wrong; else nothing.

    The rate of a pulse is only as true as the times of the frames: a file that announces 25 Hz of 42 shows 72 a minute as 43.
    That is no proof: some people have such a pulse, after exercise above all.
    """
    known = pulse_per_minute[np.isfinite(pulse_per_minute)]
    low, high = RESTING_PER_MINUTE
    if not len(known) or low <= np.median(known) <= high:
        return ()
    return (
        f"a hint, no proof: at {fps_hz:.4g} frames a second its pulse is {np.median(known):.0f} per minute, at rest it is "
        f"{low:g} to {high:g}: the times of the frames may be wrong",
    )


def decibel(share: FloatArray) -> FloatArray:
    """Share of the power -> signal-to-noise ratio in dB, within +-40."""
    held = np.clip(share, 1e-4, 1 - 1e-4)
    return 10 * np.log10(held / (1 - held))
