"""The arterial pulse: a beat train with heart-rate variability, a dicrotic notch, and respiration that sways all three."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.phantom.randomness import Wander, wander
from tast.records import FloatArray

GRID_HZ = 250.0
PHASES = 1024

# Sinus arrhythmia and the Mayer waves of blood pressure: share of the mean rate, as in resting adults (SDNN about 40 ms).
RESPIRATORY_ARRHYTHMIA = 0.025
MAYER_WAVE_HZ, MAYER_ARRHYTHMIA = 0.1, 0.015
SLOW_ARRHYTHMIA = 0.015

# Respiration sways the amplitude of the pulse and the venous baseline: shares of the pulse's peak-to-peak amplitude.
RESPIRATORY_AMPLITUDE = 0.1
RESPIRATORY_BASELINE = 0.12


@dataclass(frozen=True, eq=False)
class PulseTrain:
    """A pulse over time.

    times_s (N,): grid; phase (N,): in beats, growing by 1 from beat to beat; rate_hz (N,) = d phase / d t;
    beat (PHASES,): one beat over its phase, zero mean, peak to peak 1; respiration: unit variance over time.
    """

    times_s: FloatArray
    phase: FloatArray
    rate_hz: FloatArray
    beat: FloatArray
    respiration: Wander

    def rate_at(self, times_s: FloatArray) -> FloatArray:
        """Instantaneous pulse rate in Hz (M,)."""
        return np.interp(times_s, self.times_s, self.rate_hz)

    def beat_at(self, times_s: FloatArray) -> FloatArray:
        """The beat itself (M,), peak to peak 1: what a contact probe shows."""
        phase = np.interp(times_s, self.times_s, self.phase)
        return np.interp(phase % 1.0, np.arange(PHASES) / PHASES, self.beat, period=1.0)

    def volume_at(self, times_s: FloatArray) -> FloatArray:
        """Blood volume in the skin (M,): the beat, its amplitude and its baseline swayed by respiration."""
        breath = self.respiration.at(times_s)
        return self.beat_at(times_s) * (1 + RESPIRATORY_AMPLITUDE * breath) + RESPIRATORY_BASELINE * breath


def beat_shape(dicrotic: float) -> FloatArray:
    """One beat (PHASES,): a systolic wave, its reflection and a dicrotic wave of relative height `dicrotic` after a notch.

    Sum of Gaussians over the phase, as in McSharry et al. 2003 (IEEE Trans. Biomed. Eng. 50(3), eq. 1) for the ECG.
    """
    phase = np.arange(PHASES) / PHASES
    waves = ((0.20, 0.090, 1.0), (0.36, 0.110, 0.55), (0.62, 0.080, dicrotic))
    beat = np.zeros(PHASES)
    for centre, width, height in waves:
        distance = (phase - centre + 0.5) % 1.0 - 0.5
        beat += height * np.exp(-0.5 * (distance / width) ** 2)
    return (beat - beat.mean()) / (beat.max() - beat.min())


def pulse_train(
    rng: np.random.Generator, mean_rate_hz: float, respiration_hz: float, dicrotic: float, start_s: float, end_s: float
) -> PulseTrain:
    """A random train from start_s to end_s around mean_rate_hz (beats per second), breathing at about respiration_hz."""
    respiration = wander(rng, 0.97 * respiration_hz, 1.03 * respiration_hz, waves=2)
    mayer = wander(rng, 0.9 * MAYER_WAVE_HZ, 1.1 * MAYER_WAVE_HZ, waves=2)
    slow = wander(rng, 0.005, 0.05)
    times_s = np.arange(start_s, end_s + 1 / GRID_HZ, 1 / GRID_HZ)
    arrhythmia = (
        RESPIRATORY_ARRHYTHMIA * respiration.at(times_s)
        + MAYER_ARRHYTHMIA * mayer.at(times_s)
        + SLOW_ARRHYTHMIA * slow.at(times_s)
    )
    rate_hz = mean_rate_hz * (1 + arrhythmia)
    steps = (rate_hz[1:] + rate_hz[:-1]) / (2 * GRID_HZ)
    phase = rng.random() + np.concatenate([[0.0], np.cumsum(steps)])
    return PulseTrain(times_s, phase, rate_hz, beat_shape(dicrotic), respiration)
