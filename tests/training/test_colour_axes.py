"""The whitened axes of colour: what they make of known pulses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tast.training.colour_axes import LARGEST_GAIN, face_trace, fit_colour_axes, whitening
from tast.training.dataset import ClipDataset
from tests.training.synthetic import write_store

STRONG, WEAK = np.array([-2.0, 1.0, 1.0]) / np.sqrt(6), np.array([0.0, 1.0, -1.0]) / np.sqrt(2)


def traces(weak: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((20000, 2))
    return noise[:, :1] * STRONG + weak * noise[:, 1:] * WEAK


def test_each_axis_moves_alike_and_apart_from_the_other() -> None:
    axes = whitening(traces(weak=0.2))
    seen = traces(weak=0.2) @ axes.T
    assert_allclose(np.cov(seen.T), np.diag([1, 1, 0]), atol=0.01)
    assert_allclose(axes[0], -STRONG, atol=0.02)  # the largest part is positive
    assert_array_equal(axes[2], 0)  # what the channels share is not there


def test_a_weak_axis_gains_no_more_than_that() -> None:
    axes = whitening(traces(weak=0.01))
    gains = np.linalg.norm(axes, axis=1)
    assert_allclose(gains[1] / gains[0], LARGEST_GAIN)


def test_nothing_moves_nothing_is_seen() -> None:
    assert_array_equal(whitening(np.zeros((10, 3))), 0)


def test_trace_is_the_mean_of_the_faces_cells_alone() -> None:
    video = np.zeros((3, 4, 2, 2))
    video[:, :, 0, 0] = [[1, -1, 1, -1]] * 3
    video[:, :, 0, 1] = [[3, -3, 3, -3]] * 3
    assert_array_equal(face_trace(video), np.array([[2, -2, 2, -2]] * 3).T)


@pytest.mark.parametrize("kind", ["pulse_locked", "normalised"])
def test_saturation_turns_into_the_second_axis(kind: str, tmp_path: Path) -> None:
    """Of all clips together the axes move alike; which way the second goes with the first tells SpO2."""
    store = write_store(tmp_path, seed=0, subjects=6, clips=4)
    clips = ClipDataset(store, store.clip_ids, kind=kind, frame_size_px=8)
    seen = [face_trace(clips[[k]].video[0].numpy()) @ fit_colour_axes(clips).T for k in range(len(clips))]
    moves = np.cov(np.concatenate(seen).T)
    assert_allclose([moves[0, 0], moves[0, 1]], [1, 0], atol=0.01)
    assert 0.2 < moves[1, 1] < 1  # these faces have no noise: LARGEST_GAIN holds the second axis
    turned = [(one[:, 0] * one[:, 1]).mean() / (one[:, 0] ** 2).mean() for one in seen]
    assert abs(np.corrcoef(turned, clips.spo2_percent.mean(axis=1))[0, 1]) > 0.95


def test_light_itself_is_left_as_it_is(tmp_path: Path) -> None:
    store = write_store(tmp_path, seed=0, subjects=2, clips=1)
    assert_array_equal(fit_colour_axes(ClipDataset(store, store.clip_ids, kind="magnified", frame_size_px=8)), np.eye(3))
