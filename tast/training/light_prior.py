"""How a change of a face's steady light is read, learnt from many rendered people in as many worlds, and shipped.

How many points of SpO2 a change of colour is worth differs with skin, camera and lamp, and these show in the colours themselves.
So the line is bent: a polynomial of second degree of the light's logarithms, of which only differences within a recording mean
anything,

    SpO2(t) - SpO2(anchor) = f(light(t)) - f(light(anchor)),    f(z) = sum_i a_i z_i + sum_i<=j b_ij z_i z_j

z being the logarithms over their spread. To learn it takes hundreds of people under other cameras each, which no data set has;
`python -m benchmarks.light_prior` films them and writes light_prior.json. A training takes it where it reads people left out
better than the training's own line does (tast.training.change_reader): under a camera that is like none of those, it is not used.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tast.files import whole_file

FloatArray = npt.NDArray[np.floating]

FILE = Path(__file__).parent / "data" / "light_prior.json"
PENALTY = 0.01  # on a slope over its term's spread, of each pair of moments' worth; chosen on 98 other people, of .001 to .1
SMALLEST_SPREAD = 1e-6
LIMIT = 4.0  # of z: beyond what was seen, a parabola means nothing


@dataclass(frozen=True)
class LightCurve:
    """mean, spread: (K,) of the light's logarithms. slopes: points of SpO2 per unit of each term, see `terms`."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    slopes: tuple[float, ...]

    def __post_init__(self) -> None:
        k = len(self.mean)
        if len(self.spread) != k or min(self.spread, default=0) <= 0 or len(self.slopes) != k + k * (k + 1) // 2:
            sizes = f"{len(self.spread)} spreads and {len(self.slopes)} slopes"
            raise ValueError(f"{sizes} of {k} colours; expected {k} above 0, and a slope of each term")

    def read(self, light: FloatArray) -> FloatArray:
        """(N, K) logarithms of N moments -> (N,) SpO2 in percent less a constant that nobody knows."""
        over_spread = (light - np.array(self.mean)) / np.array(self.spread)
        return np.asarray(terms(np.clip(over_spread, -LIMIT, LIMIT)) @ np.array(self.slopes))


@dataclass(frozen=True)
class LightPrior:
    """of_all: of the face's red and blue over green and its green, and the same of the background. of_face: where none is seen.
    n_people: that it was learnt from."""

    of_all: LightCurve
    of_face: LightCurve
    n_people: int

    def read(self, light: FloatArray) -> FloatArray:
        """(N, 6) logarithms, of the background NaN where it is unknown -> (N,) as LightCurve.read."""
        face = self.of_face.read(light[:, : len(self.of_face.mean)])
        return np.where(np.isfinite(light).all(axis=1), self.of_all.read(light), face)


def terms(light: FloatArray) -> FloatArray:
    """(N, K) -> (N, K + K (K + 1) / 2): each, then the product of each two and its square."""
    first, second = np.triu_indices(light.shape[1])
    return np.concatenate([light, light[:, first] * light[:, second]], axis=1)


def fit_light_curve(
    light: FloatArray, spo2_percent: FloatArray, person: npt.NDArray[np.integer], is_anchor: npt.NDArray[np.bool_]
) -> LightCurve:
    """By ridge regression, from moments (N, K) of people (N,): of each the changes since the mean of the moments that are its
    anchor. Whoever has none, or nothing else, is left out."""
    mean, spread = light.mean(axis=0), np.maximum(light.std(axis=0), SMALLEST_SPREAD)
    of_moments = terms((light - mean) / spread)
    moved, changed = [], []
    for one in np.unique(person):
        anchor, after = (person == one) & is_anchor, (person == one) & ~is_anchor
        if anchor.any() and after.any():
            moved.append(of_moments[after] - of_moments[anchor].mean(axis=0))
            changed.append(spo2_percent[after] - spo2_percent[anchor].mean())
    moves, changes = np.concatenate(moved), np.concatenate(changed)
    size = np.maximum(moves.std(axis=0), SMALLEST_SPREAD)
    scaled = moves / size
    slopes = np.linalg.solve(scaled.T @ scaled + PENALTY * len(scaled) * np.eye(scaled.shape[1]), scaled.T @ changes) / size
    return LightCurve(tuple(mean.tolist()), tuple(spread.tolist()), tuple(slopes.tolist()))


@lru_cache(maxsize=1)
def light_prior() -> LightPrior:
    """The one that is shipped."""
    return prior_of(json.loads(FILE.read_text(encoding="utf-8")))


def prior_of(content: dict[str, Any]) -> LightPrior:
    """Raises KeyError, TypeError, ValueError for what is none."""
    curves = {name: {key: tuple(map(float, content[name][key])) for key in ("mean", "spread", "slopes")} for name in _CURVES}
    return LightPrior(**{name: LightCurve(**curve) for name, curve in curves.items()}, n_people=int(content["n_people"]))


def write_prior(prior: LightPrior, path: Path = FILE) -> None:
    """In nine digits: the same wherever it is fitted."""
    content = asdict(prior)
    for curve in _CURVES:
        content[curve] = {key: [float(f"{value:.9g}") for value in values] for key, values in content[curve].items()}
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


_CURVES = ("of_all", "of_face")
