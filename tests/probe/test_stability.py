from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from tast.probe.stability import jitter_px, share_inside

TIMES_S = np.arange(180) / 30


def moving(shift_px: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """(T, 128, 128, 3) an upright face shifted to the right by (T,) pixels, with noise."""
    photograph = skimage.data.astronaut().astype(np.float32)
    random = np.random.default_rng(0)
    frames = []
    for shift in shift_px:
        matrix = np.array([[0.8, 0, 64 - 0.8 * 225 + shift], [0, 0.8, 64 - 0.8 * 112]])
        frame = cv2.warpAffine(photograph, matrix, (128, 128)) + random.normal(0, 1, (128, 128, 3))
        frames.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
    return np.stack(frames)


def test_fast_motion_is_jitter() -> None:
    fast = 0.2 * np.sin(2 * np.pi * 3 * TIMES_S)
    assert jitter_px(moving(fast), TIMES_S) == pytest.approx(0.2 / np.sqrt(2), abs=0.02)


def test_slow_motion_is_not() -> None:
    assert jitter_px(moving(2 * np.sin(2 * np.pi * 0.1 * TIMES_S)), TIMES_S) < 0.03  # the warp's interpolation is part of it
    assert jitter_px(moving(np.zeros(180)), TIMES_S) < 0.02


def test_without_a_face_it_is_unknown() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (150, 128, 128, 3), dtype=np.uint8)
    assert np.isnan(jitter_px(noise, TIMES_S[:150]))


def test_share_inside_is_the_mean_over_the_frames() -> None:
    kept = np.zeros((10, 10), dtype=bool)
    kept[2:6, 2:6] = True
    half = kept.copy()
    half[2:4] = False
    assert share_inside(kept, [kept, half, np.ones((10, 10), dtype=bool)]) == pytest.approx((1 + 0.5 + 1) / 3)
