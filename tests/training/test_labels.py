"""Label scaling: there and back, within physiology, from training labels only."""

from __future__ import annotations

import numpy as np
import pytest

from tast.training.labels import LabelScaling, fit_label_scaling


def test_there_and_back() -> None:
    percent = np.array([[75.0, 90.0], [np.nan, 99.5]])
    scaling = fit_label_scaling(percent)
    standard = scaling.standardise(percent)
    assert (np.nanmean(standard), np.nanstd(standard)) == pytest.approx((0.0, 1.0), abs=1e-9)
    np.testing.assert_allclose(scaling.to_percent(standard), percent)


def test_nobody_has_more_than_100_percent() -> None:
    np.testing.assert_allclose(LabelScaling(95.0, 2.0).to_percent(np.array([0.0, 9.0, -99.0])), [95.0, 100.0, 50.0])


def test_labels_that_do_not_move_are_not_divided_by_0() -> None:
    assert fit_label_scaling(np.full((3, 2), 97.0)) == LabelScaling(97.0, 0.1)


def test_no_labels_is_an_error() -> None:
    with pytest.raises(ValueError, match="no training clip"):
        fit_label_scaling(np.full((3, 2), np.nan))
