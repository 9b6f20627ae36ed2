"""Whether what moves in a face is a pulse at all: nothing but noise, no colour, one wave in all colours."""

from __future__ import annotations

import numpy as np

from tast.prediction.causes.evidence import Evidence
from tast.prediction.pulse import pulse_clarity, pulse_wave
from tast.pulse_rate import CLARITY_BAND_HZ, HALF_WIDTH_HZ, STEP_HZ, FloatArray, spectrum

BIN_HZ = 0.12  # about what a window of 8 s can tell apart
CLEAR_SHARE = 0.6  # of green's power in the band: one wave, not noise or motion


def pulse_share(evidence: Evidence) -> FloatArray:
    """(S,) share of the pulse in what moves; see tast.prediction.pulse."""
    return evidence.pulse_share


def noise_flatness(evidence: Evidence) -> FloatArray:
    """(S,) how even the spectrum of the face is over the pulse's band, 0 to 1: its geometric mean over its mean.

    Of all colours together and of green less red, whichever is less even. White noise gives about .56 (exponentially distributed
    power: exp(-0.577)), a pulse or a motion far less; a face whose light never changes counts as 1.
    """

    def flatness(skin: FloatArray, background: FloatArray) -> float:
        signals = alternating(skin)
        return min(_flatness(wave, evidence.fps_hz) for wave in (signals.mean(axis=1), pulse_wave(signals)))

    return evidence.over_windows(flatness)


def _flatness(wave: FloatArray, fps_hz: float) -> float:
    frequency_hz, power = spectrum(wave, fps_hz)
    in_band = power[(frequency_hz >= CLARITY_BAND_HZ[0]) & (frequency_hz <= CLARITY_BAND_HZ[1])][:: round(BIN_HZ / STEP_HZ)]
    return float(np.exp(np.log(in_band).mean()) / in_band.mean()) if in_band.min() > 0 else 1.0


def colour(evidence: Evidence) -> FloatArray:
    """(S,) how far the face's weakest channel is below its strongest, 0 to 1: 0 is grey."""
    strongest, weakest = evidence.skin.max(axis=1), evidence.skin.min(axis=1)
    return evidence.per_second((strongest - weakest) / np.maximum(strongest, 1e-9), lambda share: float(np.median(share)))


def one_wave(evidence: Evidence) -> FloatArray:
    """(S,) how alike red and blue are to green at green's own rate, 1: the same; 0 where green has no clear rate.

    Blood moves green most, by half as much again as blue and more than twice red (de Haan and van Leest 2014; from memory).
    """

    def alike(skin: FloatArray, background: FloatArray) -> float:
        signals = alternating(skin)
        share, per_minute = pulse_clarity(signals[:, 1], evidence.fps_hz)
        if share < CLEAR_SHARE:
            return 0.0
        red, green, blue = at(signals, per_minute / 60, evidence.fps_hz).T
        strength = np.vdot(green, green).real
        return 1 - max(abs(1 - np.vdot(green, other) / strength) for other in (red, blue))

    return evidence.over_windows(alike)


def alternating(light: FloatArray) -> FloatArray:
    """Light (T, 3) -> AC over DC, (T, 3); 0 where there is no light."""
    steady = light.mean(axis=0)
    return np.asarray(light / np.where(steady > 0, steady, 1.0) - (steady > 0))


def at(signals: FloatArray, rate_hz: float, fps_hz: float) -> FloatArray:
    """Signals (T, N) -> complex spectra (F, N) within HALF_WIDTH_HZ of a rate, by a Hann window."""
    n_points = max(len(signals), round(fps_hz / STEP_HZ))
    spectra = np.fft.rfft((signals - signals.mean(axis=0)) * np.hanning(len(signals) + 1)[:-1, None], n_points, axis=0)
    return np.asarray(spectra[abs(np.fft.rfftfreq(n_points, 1 / fps_hz) - rate_hz) <= HALF_WIDTH_HZ])
