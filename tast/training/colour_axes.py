"""Axes of colour along which the pulses of the training faces are of equal power: SpO2 shows in the weakest of them.

Blood moves red, green and blue almost along one line in the space of colours; SpO2 turns that line by a few degrees. In the
channels themselves a network meets what turns as a tenth of what moves. The principal axes of the training faces' pulses, each
over its own power, show both alike (sphering: Friedman, "Exploratory Projection Pursuit", JASA 1987). It is one matrix for
all clips, so that no ratio within a clip is divided out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tast.training.dataset import ClipDataset
from tast.training.inputs import INPUTS

FloatArray = npt.NDArray[np.float64]

LARGEST_GAIN = 10.0  # of a weak axis over the strongest: where training faces are few or without noise
SMALLEST_SHARE = 1e-3  # of the strongest axis' amplitude: below is rounding, as along what all channels share
MOST_CLIPS = 2000  # that are looked at, evenly chosen


def fit_colour_axes(train: ClipDataset) -> FloatArray:
    """Matrix (3, 3) from colour to whitened axes, strongest first; a row of 0 where nothing moves.

    The identity for an input that holds the light itself: its colour is not a pulse's.
    """
    if INPUTS[train.kind].holds_light:
        return np.eye(3)
    positions = np.unique(np.linspace(0, len(train) - 1, MOST_CLIPS).astype(int))
    return whitening(np.concatenate([face_trace(train[[int(position)]].video[0].numpy()) for position in positions]))


def face_trace(video: npt.NDArray[np.floating]) -> FloatArray:
    """Network input (3, T, H, W), 0 outside of the face -> mean of the face's cells over time (T, 3), less its mean."""
    lit = max(int((video != 0).any(axis=(0, 1)).sum()), 1)
    trace = video.sum(axis=(2, 3), dtype=np.float64).T / lit
    return np.asarray(trace - trace.mean(axis=0))


def whitening(traces: FloatArray) -> FloatArray:
    """Traces (N, 3) of mean 0 -> matrix (3, 3) that makes of them principal components of deviation 1, but for LARGEST_GAIN.

    An axis points to where its largest part is positive, so that the matrix is one only.
    """
    power, axes = np.linalg.eigh(traces.T @ traces / len(traces))
    deviation, rows = np.sqrt(np.maximum(power[::-1], 0)), axes.T[::-1]
    rows = rows * np.sign(rows[np.arange(3), np.abs(rows).argmax(axis=1)])[:, None]
    seen = deviation > SMALLEST_SHARE * deviation[0]
    held = np.maximum(deviation, deviation[0] / LARGEST_GAIN)
    return np.where(seen[:, None], rows / np.where(seen, held, 1.0)[:, None], 0.0)
