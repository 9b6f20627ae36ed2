"""Where in the spectrum of a face's light the pulse is, and what of a signal lies there.

There is no contact pulse beside a video, so that the rate is the highest peak. As in de Haan & Jeanne ("Robust pulse rate from
chrominance-based rPPG", IEEE TBME 2013), the pulse is what lies near the rate and near its first harmonic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft, rfftfreq
from scipy.signal import periodogram

FloatArray = npt.NDArray[np.floating]

RATE_BAND_HZ = (0.7, 3.0)  # 42 to 180 a minute
HALF_WIDTH_HZ, SPREAD_OVER_S = 0.2, 8.0  # of a peak: what a Hann window of 8 s spreads it to; a shorter one spreads it more
STEP_HZ = 0.01
CLARITY_BAND_HZ = (0.5, 4.0)
# Chosen on 1,646 clips of 8 s of the phantom's worlds, where the colour's own rate is right in 67 %, that of POS and that of
# face_rate_hz in 88; of the photograph, whose blue moves most, it is right in 100 %, 19 and 100.
CLEAR = 0.85


def spectrum(waves: FloatArray, fps_hz: float) -> tuple[FloatArray, FloatArray]:
    """Waves (T,) or (T, N) at fps_hz -> frequencies in Hz (F,), their power (F,), that of all waves together."""
    n_points = max(len(waves), round(fps_hz / STEP_HZ))
    frequency_hz, power = periodogram(waves, fps_hz, window="hann", nfft=n_points, axis=0)
    return frequency_hz, power.reshape(len(power), -1).sum(axis=1)


def strongest_rate_hz(frequency_hz: FloatArray, power: FloatArray) -> float:
    """The highest peak in RATE_BAND_HZ; NaN where nothing moves there."""
    possible = (frequency_hz >= RATE_BAND_HZ[0]) & (frequency_hz <= RATE_BAND_HZ[1])
    if not power[possible].sum() > 0:
        return float("nan")
    return float(frequency_hz[possible][np.argmax(power[possible])])


def skin_wave(pulse: FloatArray) -> FloatArray:
    """AC over DC (T, 3) in R, G, B -> (T,): the pulse by POS (Wang et al. 2017, IEEE TBME 64:1479), for all of it at once.

    G - B, and G + B - 2R at the weight that makes it as large: where blood moves blue less than green, the two move together in
    the pulse and against each other in what a lamp, a camera or a highlight moves.
    """
    green_blue, less_red = pulse[:, 1] - pulse[:, 2], pulse[:, 1] + pulse[:, 2] - 2 * pulse[:, 0]
    size = float(less_red.std())
    return np.asarray(green_blue + (float(green_blue.std()) / size if size else 0.0) * less_red)


def clearest_rate(wave: FloatArray, fps_hz: float, half_width_hz: float = HALF_WIDTH_HZ) -> tuple[float, float]:
    """Wave (T,) or (T, N) at fps_hz -> share of the power in CLARITY_BAND_HZ that lies within half_width_hz of its strongest rate
    and of the first harmonic, 0 to 1, and that rate in Hz; (0, NaN) where nothing moves. Noise alone gives about 0.3."""
    frequency_hz, power = spectrum(wave, fps_hz)
    rate_hz = strongest_rate_hz(frequency_hz, power)
    band = (frequency_hz >= CLARITY_BAND_HZ[0]) & (frequency_hz <= CLARITY_BAND_HZ[1])
    frequency_hz, power = frequency_hz[band], power[band]
    if not power.sum() > 0:
        return 0.0, float("nan")
    at_pulse = np.minimum(abs(frequency_hz - rate_hz), abs(frequency_hz - 2 * rate_hz)) <= half_width_hz
    return float(power[at_pulse].sum() / power.sum()), rate_hz


def face_rate_hz(pulse: FloatArray, fps_hz: float) -> float:
    """The pulse rate of a face's AC over DC (T, 3) in R, G, B, less what all share or not; NaN where nothing moves.

    That of the colour, where it is CLEAR: then the pulse is nearly all that moves, whatever its colours are. Else that of POS.
    """
    colour = pulse - pulse.mean(axis=1, keepdims=True)
    spread_hz = HALF_WIDTH_HZ * max(1.0, SPREAD_OVER_S * fps_hz / len(pulse))
    clarity, rate_hz = clearest_rate(colour, fps_hz, spread_hz)
    return rate_hz if clarity >= CLEAR or not clarity else clearest_rate(skin_wave(pulse), fps_hz)[1]


def at_rate(signals: FloatArray, rate_hz: float, fps_hz: float) -> FloatArray:
    """Signals (T, ...) at fps_hz -> what of them lies at rate_hz and its first harmonic, of the same shape.

    A bell of HALF_WIDTH_HZ in frequency about either, the same for all signals and without delay, so that every ratio between
    signals that move alike stays. At both ends the signals are mirrored by half of their length.
    """
    length = len(signals)
    mirrored = length // 2
    longer = np.concatenate([signals[mirrored:0:-1], signals, signals[-2 : -mirrored - 2 : -1]])
    frequency_hz = rfftfreq(len(longer), 1 / fps_hz)
    passes = sum(np.exp(-(((frequency_hz - peak) / HALF_WIDTH_HZ) ** 2) / 2) for peak in (rate_hz, 2 * rate_hz))
    kept = rfft(longer, axis=0) * np.reshape(passes, (-1,) + (1,) * (signals.ndim - 1))
    return np.asarray(irfft(kept, len(longer), axis=0)[mirrored : mirrored + length])
