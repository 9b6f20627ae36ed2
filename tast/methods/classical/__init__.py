"""SpO2 without a network: what the literature had before it, from the mean light of a face alone. numpy, scipy, scikit-learn.

A package, and so no method with a network of tast.methods; CLASSICAL is the table of what there is. One value per clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from tast.methods.classical.apbv import apbv_features
from tast.methods.classical.constant import fit_constant, no_features
from tast.methods.classical.ratio import ratio_features
from tast.methods.classical.ridge import fit_ridge
from tast.methods.classical.tian import tian_features
from tast.pulse_rate import FloatArray


class Predictor(Protocol):
    """From features to percent; clips with a feature that is NaN are given the training mean."""

    def percent(self, features: FloatArray) -> FloatArray:
        """Features (N, F) -> SpO2 in percent (N,)."""
        ...


@dataclass(frozen=True)
class ClassicalMethod:
    """One method.

    features: of the light (T, 3) in R, G, B of a clip, and its rate in Hz -> (F,), NaN where the clip cannot tell. fit: of
    features (N, F) and mean labels (N,) of the training clips; None where nothing is fitted and the one feature is percent.
    """

    name: str
    paper: str
    features: Callable[[FloatArray, float], FloatArray]
    fit: Callable[[FloatArray, FloatArray], Predictor] | None

    def fitted(self, features: FloatArray, percent: FloatArray) -> Predictor:
        """The predictor, from the training clips' features (N, F) and mean labels (N,), NaN unknown."""
        return self.fit(features, percent) if self.fit else AsItIs(fit_constant(features, percent).mean_percent)


@dataclass(frozen=True)
class AsItIs:
    """The feature itself; mean_percent where there is none."""

    mean_percent: float

    def percent(self, features: FloatArray) -> FloatArray:
        """Percents (N, 1) -> (N,)."""
        return np.where(np.isfinite(features[:, 0]), features[:, 0], self.mean_percent)


PULSE_PAPERS = {
    "green": "Verkruysse et al. 2008, Opt. Express 16:21434",
    "ica": "Poh et al. 2010, Opt. Express 18:10762",
    "chrom": "de Haan & Jeanne 2013, IEEE TBME 60:2878",
    "pos": "Wang et al. 2017, IEEE TBME 64:1479",
    "lgi": "Pilz et al. 2018, CVPR workshops",
    "pbv": "de Haan & van Leest 2014, Physiol. Meas. 35:1913",
    "omit": "Alvarez Casado & Bordallo Lopez 2023, Face2PPG",
}

CLASSICAL: dict[str, ClassicalMethod] = {
    method.name: method
    for method in (
        ClassicalMethod("constant", "the mean of the training labels", no_features, fit_constant),
        *(
            ClassicalMethod(f"ratio_{pulse}", f"ratio of ratios; pulse: {paper}", partial(ratio_features, pulse), fit_ridge)
            for pulse, paper in PULSE_PAPERS.items()
        ),
        ClassicalMethod("apbv", "van Gastel, Stuijk & de Haan 2016, Sci. Rep. 6:38609", apbv_features, None),
        ClassicalMethod("tian", "Tian et al. 2022, IEEE J. Sel. Top. Signal Process. 16:197", tian_features, fit_ridge),
    )
}
