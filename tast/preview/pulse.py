"""The pulse that a masked face shows: the mean of its green, band-passed, and its spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import periodogram

from tast.preprocessing.band_pass import filter_forth_and_back
from tast.preprocessing.resample import mean_rate_hz
from tast.records import FaceVideo

FloatArray = npt.NDArray[np.float64]
GREEN = 1
SPECTRUM_STEP_PER_MINUTE = 0.5


@dataclass(frozen=True, eq=False)
class Pulse:
    """times_s (T,), wave_percent (T,): change of the light, in percent of its mean; rate_per_minute, power (F,): its spectrum."""

    times_s: FloatArray
    wave_percent: FloatArray
    rate_per_minute: FloatArray
    power: FloatArray

    @property
    def peak_per_minute(self) -> float:
        return float(self.rate_per_minute[np.argmax(self.power)])


def pulse_of(masked: FaceVideo, *, low_hz: float, high_hz: float, amplification: float = 1.0) -> Pulse:
    """The pulse between low_hz and high_hz of a face on a uniform grid of time, exactly 0 outside of its mask.

    amplification: by how much what lies in the band has been magnified already; the wave is told without it.
    """
    inside = (masked.frames != 0).any(axis=(0, 3))
    green = masked.frames[:, inside, GREEN].mean(axis=1, dtype=np.float64)
    fps_hz = mean_rate_hz(masked.times_s)
    wave = filter_forth_and_back(green[:, None], fps_hz, low_hz, high_hz)[:, 0]
    wave_percent = 100 * wave / green.mean() / amplification
    n_points = max(len(wave), round(60 * fps_hz / SPECTRUM_STEP_PER_MINUTE))
    frequency_hz, power = periodogram(wave_percent, fps_hz, window="hann", nfft=n_points)
    band = (frequency_hz >= low_hz) & (frequency_hz <= high_hz)
    return Pulse(masked.times_s, wave_percent, 60 * frequency_hz[band], power[band])


def telling_times_s(pulse: Pulse, count: int) -> FloatArray:
    """(count,) times spread over the video, at crests and troughs of the pulse in turn: there magnified frames differ most."""
    times_s = []
    for number, part in enumerate(np.array_split(np.arange(len(pulse.times_s)), count)):
        wave = pulse.wave_percent[part] if number % 2 == 0 else -pulse.wave_percent[part]
        times_s.append(pulse.times_s[part[np.argmax(wave)]])
    return np.array(times_s)
