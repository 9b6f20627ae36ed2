"""APBV: van Gastel, Stuijk & de Haan 2016, "New principle for measuring arterial blood oxygenation, enabling motion-robust remote
monitoring" (Sci. Rep. 6:38609). SpO2 is that whose colour signature finds the cleanest pulse; nothing is fitted.

Published: a bank of signatures p(SpO2), the relative strengths of the pulse in three channels; for each the weights
w = Q^-1 p, Q being the products of the channels' AC/DC, which give what moves as p and the least of all else; the answer is the
candidate of the best signal-to-noise ratio. Their channels lie at 760, 800 and 840 nm.

Ours:
- A camera's red, green and blue in place of near infrared. At REFERENCE_PERCENT the signature is that published for skin in white
  light, (.33, .77, .53) (de Haan & van Leest 2014); elsewhere each channel's strength goes with the extinction of haemoglobin in
  its band, path lengths as they are at the reference (modified Beer-Lambert law). Bands are Gaussians as those that
  tast/phantom/tissue.py documents, extinction is of tast/phantom/extinction.py; the phantom's own path lengths are left alone: a
  method that knows the world it is asked about would show nothing.
- So the absolute value is as right as the signature is for the camera and the lamp; with those of another (SIGNATURES of shape
  (K, 3) for PERCENTS), `most_likely_percent` gives theirs.
- The signal-to-noise ratio is that of de Haan & Jeanne 2013 (power near the rate and its harmonic over the rest of the band), at
  the rate of the chrominances (colour_rate_hz); all in BAND_HZ.
- Where the ratio is the same for all candidates, as of light without noise, there is no answer.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import rfft, rfftfreq

from tast.methods.classical.pulse import band_passed, colour_rate_hz, weights_of
from tast.phantom.extinction import DEOXYHAEMOGLOBIN, OXYHAEMOGLOBIN, WAVELENGTHS_NM
from tast.pulse_rate import HALF_WIDTH_HZ, STEP_HZ, FloatArray
from tast.ratio_of_ratios import pulse_signals

PERCENTS = np.arange(70.0, 100.5, 0.5)
REFERENCE_PERCENT = 97.0  # of the people at rest of whom the signature was published
REFERENCE_SIGNATURE = (0.33, 0.77, 0.53)  # R, G, B
BAND_CENTRES_NM, BAND_WIDTHS_NM = (630.0, 540.0, 462.0), (44.0, 80.0, 60.0)  # full widths at half maximum
BAND_HZ = (0.7, 4.0)
LEAST_GAIN = 1e-3  # of the best candidate's signal-to-noise ratio over the worst's, less 1: below, no candidate is better


def signatures(percents: FloatArray) -> FloatArray:
    """Relative strengths of the pulse in R, G, B (K, 3), each of length 1, at saturations (K,) in percent."""
    centres, widths = np.array([BAND_CENTRES_NM]).T, np.array([BAND_WIDTHS_NM]).T
    bands = np.exp(-4 * np.log(2) * ((WAVELENGTHS_NM - centres) / widths) ** 2)
    saturation = np.append(percents, REFERENCE_PERCENT)[:, None, None] / 100
    extinction = (bands * (saturation * OXYHAEMOGLOBIN + (1 - saturation) * DEOXYHAEMOGLOBIN)).sum(axis=2)
    strengths = REFERENCE_SIGNATURE * extinction[:-1] / extinction[-1]
    return np.asarray(strengths / np.linalg.norm(strengths, axis=1, keepdims=True))


SIGNATURES = signatures(PERCENTS)


def most_likely_percent(
    trace: FloatArray, fps_hz: float, percents: FloatArray = PERCENTS, bank: FloatArray = SIGNATURES
) -> float:
    """SpO2 of a trace (T, 3): the one of percents (K,) whose signature in the bank (K, 3) finds the cleanest pulse, or NaN."""
    rate_hz = colour_rate_hz(trace, fps_hz)
    if not np.isfinite(rate_hz):
        return float("nan")
    pulses = band_passed(pulse_signals(trace[:, None, None]), fps_hz, 3, *BAND_HZ)
    pulses -= pulses.mean(axis=0)
    n_points = max(len(pulses), round(fps_hz / STEP_HZ))
    spectra = rfft(pulses * np.hanning(len(pulses))[:, None], n_points, axis=0)
    power = np.abs(spectra @ weights_of(pulses, bank).T) ** 2  # (frequencies, K): mixing channels and transforming them commute
    frequency_hz = rfftfreq(n_points, 1 / fps_hz)
    in_band = (frequency_hz >= BAND_HZ[0]) & (frequency_hz <= BAND_HZ[1])
    near = np.minimum(np.abs(frequency_hz - rate_hz), np.abs(frequency_hz - 2 * rate_hz)) <= HALF_WIDTH_HZ
    noise = power[in_band & ~near].sum(axis=0)
    if not (noise > 0).all():
        return float("nan")
    gains = power[in_band & near].sum(axis=0) / noise
    return float(percents[np.argmax(gains)]) if gains.max() > (1 + LEAST_GAIN) * gains.min() else float("nan")


def apbv_features(trace: FloatArray, fps_hz: float) -> FloatArray:
    """SpO2 in percent (1,) of a trace (T, 3)."""
    return np.array([most_likely_percent(trace, fps_hz)])
