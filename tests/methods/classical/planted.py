"""Traces of a face's light whose pulse, motion and saturation are known."""

from __future__ import annotations

import numpy as np

FPS_HZ = 30.0
SECONDS = 10
TIMES_S = np.arange(round(FPS_HZ * SECONDS)) / FPS_HZ
COLOUR = np.array([150.0, 100.0, 80.0])
SKIN = np.array([0.43, 1.0, 0.69])  # of the pulse: the published signature of skin in white light, in units of green's


def beats(rate_hz: float, phase: float = 0.3, times_s: np.ndarray = TIMES_S) -> np.ndarray:
    """A pulse (T,) of amplitude about 1, with a first harmonic."""
    angle = 2 * np.pi * rate_hz * times_s + phase
    return np.sin(angle) + 0.3 * np.sin(2 * angle + 0.8)


def light(
    strengths: np.ndarray = SKIN,
    *,
    rate_hz: float = 1.3,
    pulse: float = 0.005,
    motion: np.ndarray | float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
    times_s: np.ndarray = TIMES_S,
) -> np.ndarray:
    """Light (T, 3): a pulse of relative strengths (3,), motion (T,) or (T, 3) in parts of the light, white noise of an SD."""
    moving = np.asarray(motion) if np.ndim(motion) == 2 else np.broadcast_to(motion, len(times_s))[:, None]
    white = noise * np.random.default_rng(seed).standard_normal((len(times_s), 3))
    return COLOUR * (1 - pulse * np.outer(beats(rate_hz, seed, times_s), strengths)) * (1 + moving + white)


def swaying(rate_hz: float = 0.9, size: float = 0.02, times_s: np.ndarray = TIMES_S) -> np.ndarray:
    """Motion (T,) that moves all channels alike, in the band where pulses are looked for, and several times as strong as one."""
    return size * np.sin(2 * np.pi * rate_hz * times_s + 1.0)
