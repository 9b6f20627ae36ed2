"""The rows on real waves: the figures known of the public set, and a position that tells nothing once sessions are shuffled."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.methods import HOFFMAN_2022, method_rows
from benchmarks.recorded import RECORDED_ROOT, SHUFFLES, position_share, window_rows
from tast.datasets.finger_series import FingerSeries
from tast.datasets.oximetry_phone_cam import read_oximetry_phone_cam
from tests.end_to_end.conftest import PROJECT

REAL = PROJECT / RECORDED_ROOT
needs_recordings = pytest.mark.skipif(not REAL.is_dir(), reason="the public data set is not beside the project")


@pytest.fixture(scope="module")
def recordings() -> tuple[FingerSeries, ...]:
    return read_oximetry_phone_cam(REAL)


def test_rows_of_a_method_by_hand():
    """Two seconds below 90 % of which one is called, two above of which both are left alone; errors 4, 0, 0, 0."""
    rows = {row.name: row for row in method_rows("a", [88, 80, 95, 97], [92, 80, 95, 97], HOFFMAN_2022, is_ours=True)}
    assert rows["a: MAE"].value == 1 and rows["a: MAE"].ratio == pytest.approx(1 / 5) and rows["a: MAE"].aim == 1
    assert rows["a: RMSE"].value == 2 and rows["a: bias"].value == 1
    assert rows["a: sensitivity, SpO2 < 90 %"].value == 0.5 and rows["a: specificity, SpO2 < 90 %"].ratio == pytest.approx(
        1 / 0.79
    )
    assert "a: R" not in {row.name for row in method_rows("a", [88, 92], [90, 90], HOFFMAN_2022)}


@needs_recordings
def test_the_clock_beats_every_classical_method(recordings):
    """Constant 7.2, time only 3.9 (MAE, four people): a table without the clock would flatter whatever is in it."""
    mae = {row.name.removesuffix(": MAE"): row.value for row in window_rows(recordings) if row.name.endswith(": MAE")}
    assert min(mae, key=lambda name: mae[name]) == "time only"
    if len({one.subject_id for one in recordings}) == 4:
        assert mae["constant"] == pytest.approx(7.20, abs=0.05) and mae["time only"] == pytest.approx(3.89, abs=0.05)
        assert mae["log DC"] == pytest.approx(5.67, abs=0.05)


@needs_recordings
def test_position_tells_nothing_once_sessions_are_cut_and_shuffled(recordings):
    four = len({one.subject_id for one in recordings}) == 4
    assert position_share(recordings, seed=0, shuffled=False) < (0.5 if four else 0.7)  # .64 of all six
    shares = [position_share(recordings, seed=seed, shuffled=True) for seed in range(SHUFFLES)]
    assert np.mean(shares) >= 1 and min(shares) > 0.97, shares
