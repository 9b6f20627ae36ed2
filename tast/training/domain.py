"""What a model was trained on, in numbers, and how far from it a clip is: the colour of the pulse, and that of the light.

A network answers to whatever it is shown, with the interval of the people that it was validated on. Under another camera, lamp or
skin the colours that it reads from are others, and neither the answer nor the interval means anything. So each colour's distance
from those of the training clips is measured (Mahalanobis 1936; Lee et al. 2018, NeurIPS, use it on features for the same end).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.pulse_rate import at_rate, face_rate_hz

FloatArray = npt.NDArray[np.floating]

PULSE, LIGHT = "pulse colour", "light colour"
LARGEST_RATIO = 4.0  # of red or blue over green in the pulse: beyond is noise in green, and one number says so
SMALLEST_SPREAD = 0.02  # 1 SD of a colour, of 1: training clips that are all alike would make everything far
SHARE, MARGIN = 0.99, 1.25  # the limit: the distance that this share of the training clips is within, and so much further


def colours_of(frames: npt.NDArray[np.generic], fps_hz: float) -> dict[str, FloatArray]:
    """Masked frames (T, H, W, 3) of a clip -> (2,) red and blue over green of its pulse, and (2,) their logarithms of its light.

    NaN where nothing moves, or nothing is lit.
    """
    light = frames.sum(axis=(1, 2), dtype=np.float64)
    steady = light.mean(axis=0)
    found = {PULSE: np.full(2, np.nan), LIGHT: np.full(2, np.nan)}
    if not (steady > 0).all():
        return found
    found[LIGHT] = np.log(steady[[0, 2]] / steady[1])
    pulse = light / steady - 1
    rate_hz = face_rate_hz(pulse, fps_hz)
    if np.isfinite(rate_hz):
        red, green, blue = at_rate(pulse, rate_hz, fps_hz).T
        power = float(green @ green)
        ratios = np.array([red @ green, blue @ green]) / power if power > 0 else np.full(2, np.nan)
        found[PULSE] = np.clip(ratios, -LARGEST_RATIO, LARGEST_RATIO)
    return found


@dataclass(frozen=True)
class Spread:
    """Where the training clips' colours lie. mean: (2,). precision: (2, 2), of their covariance. limit: how far any may be."""

    mean: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    limit: float

    def distances(self, colours: FloatArray) -> FloatArray:
        """(N, 2) -> (N,) Mahalanobis distance over the limit: above 1 lies outside of what was trained on; NaN stays."""
        off = colours - np.array(self.mean)
        return np.asarray(np.sqrt(np.einsum("ni,ij,nj->n", off, np.array(self.precision), off)) / self.limit)


def fit_spread(colours: FloatArray) -> Spread | None:
    """Of (N, 2) colours; None where there are fewer than two that are known."""
    known = colours[np.isfinite(colours).all(axis=1)]
    if len(known) < 2:
        return None
    precision = np.linalg.inv(np.cov(known.T) + SMALLEST_SPREAD**2 * np.eye(known.shape[1]))
    one = Spread(tuple(known.mean(axis=0).tolist()), tuple(map(tuple, precision.tolist())), 1.0)
    limit = MARGIN * float(np.quantile(one.distances(known), SHARE))
    return Spread(one.mean, one.precision, max(limit, 1.0))


def fit_domain(clips: Iterable[tuple[npt.NDArray[np.generic], float]]) -> dict[str, Spread]:
    """Of training clips (frames, fps_hz), by what is measured; a colour that none of them has is left out."""
    found = [colours_of(frames, fps_hz) for frames, fps_hz in clips]
    spreads = {name: fit_spread(np.array([one[name] for one in found])) for name in (PULSE, LIGHT)}
    return {name: spread for name, spread in spreads.items() if spread is not None}


def distances(domain: Mapping[str, Spread], colours: list[dict[str, FloatArray]]) -> dict[str, FloatArray]:
    """What is measured -> (N,) how far each of N clips is, 1 at the edge of the domain."""
    return {name: spread.distances(np.array([one[name] for one in colours])) for name, spread in domain.items()}
