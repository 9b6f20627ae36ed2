"""What makes the skin pulsate: when it arrives, and that blood takes light away."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from tast.phantom.drive import simulated_drive
from tast.phantom.render import noise_free
from tast.phantom.session import Session, phantom_sessions, true_pulse


def steady(seconds: float) -> Session:
    (session,) = phantom_sessions(
        seed=3, subjects=1, sessions=1, seconds=seconds, fps_hz=20, width_px=64, height_px=72, face_height_px=48, profile="wide",
        scenarios=("steady",),
    )  # fmt: skip
    return session


def test_what_arrives_later_is_the_same_wave_later() -> None:
    """SpO2 moves by under 2 % a second, which is all that a wave of 30 ms before may differ by."""
    drive, times_s = simulated_drive(steady(5.0)), np.arange(0, 5, 0.05)
    late = drive.absorption(times_s, np.array([0.0, 0.03]))[:, 1]
    assert_allclose(late, drive.absorption(times_s - 0.03, np.array([0.0]))[:, 0], atol=0.01 * np.ptp(late))
    assert np.ptp(late - drive.absorption(times_s, np.array([0.0]))[:, 0]) > 0.05 * np.ptp(late)


def test_more_blood_is_less_light() -> None:
    """Over 4 s of a steady face the light of its middle follows the pulse's volume, downwards."""
    session = steady(4.0)
    frames = np.stack([light[30:50, 24:40, 1] for _, light in noise_free(session)])
    volume = true_pulse(session).volume_at(session.frame_times_s())
    assert np.corrcoef(frames.mean(axis=(1, 2)), volume)[0, 1] < -0.5
