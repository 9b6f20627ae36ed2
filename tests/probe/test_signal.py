from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import butter, sosfreqz

from tast.probe.signal import BAND_HZ, LEAST_RATIO, signal_errors

FPS_HZ, SECONDS = 30.0, 20.0


def pulse(ratio: float, jitter: float = 0.1) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(T, 3) of one sine in R, G, B with red over green = ratio, at 1.2 Hz; time stamps jitter by a share of a frame."""
    random = np.random.default_rng(3)
    count = int(FPS_HZ * SECONDS)
    times_s = (np.arange(count) + jitter * random.uniform(-1, 1, count)) / FPS_HZ
    wave = 0.01 * np.sin(2 * np.pi * 1.2 * times_s)
    return np.stack([ratio * wave, wave, 0.5 * wave], axis=1), times_s


def test_a_clean_pulse_has_no_errors() -> None:
    errors = signal_errors(*pulse(0.6), true_rate_hz=1.2, true_ratio=0.6, true_blue=0.5)
    assert errors.rate_error_per_min < 0.2  # the spectrum's bins are 0.22 per minute apart
    assert errors.snr_db > 30
    assert abs(errors.log_std) < 1e-3
    assert abs(errors.log_proj) < 1e-3
    assert abs(errors.log_blue) < 1e-3


def test_wrong_rates_and_ratios_are_told_by_how_much() -> None:
    errors = signal_errors(*pulse(0.6), true_rate_hz=1.3, true_ratio=0.5, true_blue=0.4)
    assert errors.rate_error_per_min == pytest.approx(6.0, abs=0.2)
    assert errors.log_std == pytest.approx(np.log(1.2), abs=1e-3)
    assert errors.log_proj == pytest.approx(np.log(1.2), abs=1e-3)
    assert errors.log_blue == pytest.approx(np.log(1.25), abs=1e-3)


def passed_hz(low_hz: float, high_hz: float) -> float:
    """Width of the part of the band between two frequencies, by the power of white noise that the filter passes there."""
    frequencies_hz = np.linspace(low_hz, high_hz, 4001)
    _, response = sosfreqz(butter(2, BAND_HZ, "bandpass", fs=FPS_HZ, output="sos"), frequencies_hz, fs=FPS_HZ)
    return float(np.mean(np.abs(response) ** 4) * (high_hz - low_hz))  # forth and back


def test_noise_that_green_does_not_share_raises_the_deviation_but_not_the_projection() -> None:
    """Red: 0.006^2 / 2 of signal, 0.004^2 of white noise; their chance correlation vanishes in the mean over 20 draws."""
    clean, times_s = pulse(0.6)
    draws = [np.random.default_rng(seed).normal(size=clean.shape) * (0.004, 0, 0) for seed in range(20)]
    errors = [signal_errors(clean + noise, times_s, true_rate_hz=1.2, true_ratio=0.6, true_blue=0.5) for noise in draws]
    noise_share = 0.004**2 * passed_hz(0.01, FPS_HZ / 2) / (FPS_HZ / 2) / (0.006**2 / 2)
    assert np.mean([error.log_std for error in errors]) == pytest.approx(0.5 * np.log(1 + noise_share), abs=0.02)
    assert abs(np.mean([error.log_proj for error in errors])) < 0.02


def test_snr_is_the_power_near_the_rate_over_the_rest_of_the_band() -> None:
    """Green: 0.01^2 / 2 of signal, 0.005^2 of white noise, of which the part near the rate and its harmonic counts as signal."""
    wave, times_s = pulse(0.6, jitter=0.0)
    draws = [np.random.default_rng(seed).normal(0, 0.005, wave.shape) for seed in range(200)]
    snr_db = [signal_errors(wave + noise, times_s, true_rate_hz=1.2, true_ratio=0.6, true_blue=0.5).snr_db for noise in draws]
    near_hz = passed_hz(1.05, 1.35) + passed_hz(2.25, 2.55)
    noise_hz, density = passed_hz(*BAND_HZ) - near_hz, 0.005**2 / (FPS_HZ / 2)
    expected = (0.01**2 / 2 + density * near_hz) / (density * noise_hz)
    assert np.mean(snr_db) == pytest.approx(10 * np.log10(expected), abs=0.3)


def test_a_ratio_that_no_blood_has_counts_as_the_least() -> None:
    errors = signal_errors(*pulse(-0.5), true_rate_hz=1.2, true_ratio=0.6, true_blue=0.5)
    assert errors.log_proj == pytest.approx(np.log(LEAST_RATIO / 0.6))
