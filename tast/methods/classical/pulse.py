"""From the mean light of a face to its pulse wave, in seven published ways that need no training.

GREEN (Verkruysse et al. 2008, Opt. Express 16:21434), ICA (Poh et al. 2010, Opt. Express 18:10762), CHROM (de Haan & Jeanne
2013, IEEE TBME 60:2878), POS (Wang et al. 2017, IEEE TBME 64:1479), LGI (Pilz et al. 2018, CVPR workshops), PBV (de Haan &
van Leest 2014, Physiol. Meas. 35:1913), OMIT (Alvarez Casado & Bordallo Lopez 2023, Face2PPG). Settings are those that
rPPG-Toolbox runs them with (shared/facts/comparators.md, section 7), so that scores compare.

Published: the formulas, the band-passes, windows of 1.6 s. Ours, the same for all:
- a trace that cannot tell (a value that is not finite, a moment without light in one of the channels, less than a window of
  time, no change) has a wave of zeros, and so no rate; likewise where a method leaves only rounding, as CHROM does of grey video;
- waves are centred, those of GREEN, LGI, OMIT and PBV in parts of the light; the sign is that of the light or none;
- CHROM's and POS's overlapping windows are divided by how much of them lies on each frame, so that the ends do not fade, and a
  window of CHROM's is added that ends with the trace;
- the smoothing of the detrending grows with the frame rate, so that it cuts at .48 Hz at any; published is 100 at 30 Hz;
- ICA is FastICA of what is left of the three channels after whitening, and not JADE; where it does not converge, its last step
  is taken; PBV is centred, as in its paper and not in the toolbox, and its matrix has a ridge, for light without noise.

CHROM and POS rest on the colour of skin's pulse, (.33, .77, .53) in white light. Where red's is two thirds of green's, as it may
be in deep hypoxia, CHROM's two chrominances begin to move alike and the pulse cancels; in both it does where blue's is stronger
than green's, as of tast.phantom.tissue (1.4 to 1.5). `colour_rate_hz` asks the whole plane in which either chooses a direction.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.linalg import solveh_banded
from scipy.signal import butter, sosfiltfilt
from scipy.sparse import diags, eye

from tast.pulse_rate import RATE_BAND_HZ, FloatArray, spectrum, strongest_rate_hz
from tast.ratio_of_ratios import chrominance, pulse_signals

GREEN = 1
WINDOW_S = 1.6  # of CHROM and POS: holds a beat at 38 a minute and faster
SMOOTHING, SMOOTHING_FPS_HZ = 100.0, 30.0  # lambda of Tarvainen et al. 2002, and the rate it is meant for
STILL = 1e-9  # of the light: a wave whose deviation is below is rounding
ALIKE = 1e-6  # of the strongest component: one that is weaker is rounding, and channels are alike but for it


def detrended(waves: FloatArray, fps_hz: float) -> FloatArray:
    """Waves (T,) or (T, N) at fps_hz less their slow course: smoothness priors (Tarvainen et al. 2002, IEEE TBME 49:172)."""
    length = len(waves)
    # second differences weigh as the fourth power of frequency in cycles per frame
    weight = SMOOTHING**2 * (fps_hz / SMOOTHING_FPS_HZ) ** 4
    second = diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(length - 2, length))
    matrix = (eye(length) + weight * (second.T @ second)).todia()
    bands = np.zeros((3, length))
    for offset in range(3):
        bands[2 - offset, offset:] = matrix.diagonal(offset)
    return np.asarray(waves - solveh_banded(bands, waves))


def band_passed(waves: FloatArray, fps_hz: float, order: int, low_hz: float, high_hz: float) -> FloatArray:
    """Waves (T, ...) at fps_hz between two frequencies: a Butterworth filter forth and back."""
    mirrored = min(3 * (2 * order + 1), len(waves) - 1)
    return np.asarray(sosfiltfilt(_sections(fps_hz, order, low_hz, high_hz), waves, axis=0, padlen=mirrored))


@lru_cache(maxsize=64)
def _sections(fps_hz: float, order: int, low_hz: float, high_hz: float) -> FloatArray:
    return np.asarray(butter(order, (low_hz, min(high_hz, 0.45 * fps_hz)), "bandpass", fs=fps_hz, output="sos"))


def green(trace: FloatArray, fps_hz: float) -> FloatArray:
    """Trace (T, 3) -> (T,): the green light."""
    return trace[:, GREEN] / trace[:, GREEN].mean()


def ica(trace: FloatArray, fps_hz: float) -> FloatArray:
    """Trace (T, 3) -> (T,): of the independent components that with the highest peak in its spectrum."""
    from sklearn.decomposition import FastICA  # takes a second to import, and nobody else needs it
    from sklearn.exceptions import ConvergenceWarning

    slow_less = detrended(trace, fps_hz)
    deviation = slow_less.std(axis=0)
    centred = (slow_less - slow_less.mean(axis=0)) / np.where(deviation > STILL * trace.mean(axis=0), deviation, np.inf)
    directions, strength, _ = np.linalg.svd(centred, full_matrices=False)
    sources = directions[:, strength > ALIKE * strength[0]] * np.sqrt(len(trace))
    if sources.shape[1] > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            sources = FastICA(whiten=False, random_state=0).fit_transform(sources)
    peaks = []
    for source in sources.T:
        frequency_hz, power = spectrum(source, fps_hz)
        possible = (frequency_hz >= RATE_BAND_HZ[0]) & (frequency_hz <= RATE_BAND_HZ[1])
        peaks.append(power[possible].max() / power.sum())
    return band_passed(sources[:, int(np.argmax(peaks))], fps_hz, 3, 0.7, 2.5)


def chrom(trace: FloatArray, fps_hz: float) -> FloatArray:
    """Trace (T, 3) -> (T,): the two chrominances, the second taken off by as much as motion moves both alike."""
    half = int(np.ceil(WINDOW_S / 2 * fps_hz))
    length = min(2 * half, len(trace))
    hann = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2  # nowhere 0, and 1 in sum at half overlap
    wave, weight = np.zeros(len(trace)), np.zeros(len(trace))
    starts = range(0, len(trace) - length + 1, half)
    for start in sorted({*starts, len(trace) - length}):
        part = slice(start, start + length)
        red, grn, blue = (trace[part] / trace[part].mean(axis=0)).T
        chrominances = np.stack([3 * red - 2 * grn, 1.5 * red + grn - 1.5 * blue], axis=1)
        first, second = band_passed(chrominances, fps_hz, 3, 0.7, 2.5).T
        wave[part] += hann * (first - _ratio_of_deviations(first, second) * second)
        weight[part] += hann
    return wave / weight


def pos(trace: FloatArray, fps_hz: float) -> FloatArray:
    """Trace (T, 3) -> (T,): the plane orthogonal to skin, its second axis added by as much as the first moves."""
    length = min(int(np.ceil(WINDOW_S * fps_hz)), len(trace))
    windows = sliding_window_view(trace, length, axis=0)  # (N, 3, L), a window from every frame on
    red, grn, blue = np.moveaxis(windows / windows.mean(axis=2, keepdims=True), 1, 0)
    first, second = grn - blue, grn + blue - 2 * red
    pulses = first + _ratio_of_deviations(first, second)[:, None] * second
    pulses -= pulses.mean(axis=1, keepdims=True)
    wave, count = np.zeros(len(trace)), np.zeros(len(trace))
    for frame in range(length):
        wave[frame : frame + len(pulses)] += pulses[:, frame]
        count[frame : frame + len(pulses)] += 1
    return band_passed(detrended(wave / count, fps_hz), fps_hz, 1, 0.75, 3.0)


def lgi(trace: FloatArray, fps_hz: float) -> FloatArray:
    """Trace (T, 3) -> (T,): green of what is orthogonal to the strongest direction of the light."""
    directions, _, _ = np.linalg.svd(trace.T, full_matrices=False)
    return _green_beside(trace, directions[:, 0])


def pbv(trace: FloatArray, fps_hz: float) -> FloatArray:
    """Trace (T, 3) -> (T,): the mixture of channels that moves as the signature, here how much each channel moves."""
    pulses = trace / trace.mean(axis=0) - 1
    signature = pulses.std(axis=0) / np.linalg.norm(pulses.std(axis=0))
    weights = weights_of(pulses, signature)
    return pulses @ weights / (signature @ weights)


def omit(trace: FloatArray, fps_hz: float) -> FloatArray:
    """Trace (T, 3) -> (T,): as LGI, with the first axis of the QR decomposition for the direction."""
    axes, _ = np.linalg.qr(trace.T)
    return _green_beside(trace, axes[:, 0])


def weights_of(pulses: FloatArray, signatures: FloatArray) -> FloatArray:
    """Weights (..., 3) that mix AC/DC (T, 3) to a pulse of relative strengths (..., 3) with the least of all else.

    w = Q^-1 p, Q the channels' products. A ridge of a millionth of its trace, without which light that has no noise would have
    no inverse.
    """
    products = pulses.T @ pulses / len(pulses)
    return np.asarray(signatures @ np.linalg.inv(products + 1e-6 * np.trace(products) * np.eye(3)))


def pulse_rate_hz(wave: FloatArray, fps_hz: float) -> float:
    """The rate that a pulse wave (T,) shows, NaN where it is zeros: the highest peak of the detrended wave."""
    return strongest_rate_hz(*spectrum(detrended(wave, fps_hz), fps_hz)) if wave.any() else float("nan")


def colour_rate_hz(trace: FloatArray, fps_hz: float) -> float:
    """The rate of what the channels of a trace (T, 3) do not share, NaN where they share all or the trace cannot tell."""
    if not has_light(trace, fps_hz):
        return float("nan")
    signals = detrended(chrominance(pulse_signals(trace[:, None, None])), fps_hz)
    return strongest_rate_hz(*spectrum(signals, fps_hz)) if (signals.std(axis=0) > STILL).any() else float("nan")


def has_light(trace: FloatArray, fps_hz: float) -> bool:
    """Whether a trace (T, 3) can tell of a pulse: finite, a window long, all channels lit at all times, one of them moving."""
    if len(trace) < max(4, WINDOW_S * fps_hz) or not np.isfinite(trace).all() or not (trace > 0).all():
        return False
    return bool((trace.std(axis=0) > STILL * trace.mean(axis=0)).any())


def _green_beside(trace: FloatArray, direction: FloatArray) -> FloatArray:
    """Green (T,) of the trace (T, 3) without what lies along a direction (3,), in parts of the green light."""
    beside = trace[:, GREEN] - direction[GREEN] * (trace @ direction)
    return beside / trace[:, GREEN].mean()


def _ratio_of_deviations(first: FloatArray, second: FloatArray) -> FloatArray:
    """SD of the first over that of the second, (..., T) -> (...,); 0 where the second does not move."""
    below = second.std(axis=-1)
    return np.divide(first.std(axis=-1), below, out=np.zeros_like(below), where=below > STILL)


def _centred(extract: Callable[[FloatArray, float], FloatArray]) -> Callable[[FloatArray, float], FloatArray]:
    """The extractor, for any trace: zeros where there is nothing to tell."""

    def wave_of(trace: FloatArray, fps_hz: float) -> FloatArray:
        trace = np.asarray(trace, dtype=np.float64)
        if not has_light(trace, fps_hz):
            return np.zeros(len(trace))
        wave = extract(trace, fps_hz)
        return wave - wave.mean() if wave.std() > STILL else np.zeros(len(trace))

    return wave_of


# of a trace (T, 3) of light in R, G, B and its rate in Hz -> pulse wave (T,)
PULSES: dict[str, Callable[[FloatArray, float], FloatArray]] = {
    name: _centred(extract)
    for name, extract in {
        "green": green, "ica": ica, "chrom": chrom, "pos": pos, "lgi": lgi, "pbv": pbv, "omit": omit,
    }.items()
}  # fmt: skip
