"""What mere position foretells: SpO2 from the session's number and the second within it, without any light."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tast.records import FloatArray

DEGREE = 3


def time_only_rmse(
    subject: npt.NDArray[np.int64], session_number: FloatArray, second: FloatArray, spo2_percent: FloatArray
) -> tuple[float, float]:
    """RMSE (percent) of a predictor that knows position alone, and of the constant; each person predicted from the others.

    All (N,): one row per second. The predictor is a cubic in session_number and in second, fitted by least squares.
    """
    design = np.column_stack([np.ones(len(second)), _powers(session_number), _powers(second)])
    foretold, constant = np.empty_like(spo2_percent), np.empty_like(spo2_percent)
    for person in np.unique(subject):
        one = subject == person
        weights, *_ = np.linalg.lstsq(design[~one], spo2_percent[~one], rcond=None)
        foretold[one], constant[one] = design[one] @ weights, spo2_percent[~one].mean()
    return _rmse(foretold - spo2_percent), _rmse(constant - spo2_percent)


def _powers(values: FloatArray) -> FloatArray:
    """(N, DEGREE) powers of values standardised, so that the fit is well conditioned."""
    standardised = (values - values.mean()) / max(float(values.std()), 1e-9)
    return standardised[:, None] ** np.arange(1, DEGREE + 1)


def _rmse(error: FloatArray) -> float:
    return float(np.sqrt(np.mean(error**2)))
