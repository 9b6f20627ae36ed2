"""What a clip's colours are, planted; and what lies outside of those that were trained on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.training.domain import LIGHT, PULSE, colours_of, distances, fit_domain, fit_spread

FPS_HZ, RATE_HZ = 15.0, 1.2
WARM = (150.0, 100.0, 75.0)


def clip(red: float, blue: float, light: tuple[float, float, float] = WARM, *, seconds: float = 8.0, seed: int = 0) -> np.ndarray:
    """(T, 4, 4, 3) frames whose green pulses by a hundredth, red and blue by so much of that; a black column is no face."""
    times_s = np.arange(round(seconds * FPS_HZ)) / FPS_HZ
    pulse = 0.01 * np.sin(2 * np.pi * RATE_HZ * times_s)[:, None] * np.array([red, 1.0, blue])
    noise = 1e-4 * np.random.default_rng(seed).standard_normal(pulse.shape)
    frames = np.broadcast_to(((1 + pulse + noise) * light)[:, None, None], (len(times_s), 4, 4, 3)).copy()
    frames[:, :, 0] = 0.0
    return frames


def training(rng: np.random.Generator, count: int) -> list[tuple[np.ndarray, float]]:
    """Faces of one light and many levels of SpO2."""
    return [(clip(*rng.normal([0.5, 0.7], [0.08, 0.05]), seed=number), FPS_HZ) for number in range(count)]


def test_the_colours_are_those_that_were_put_in() -> None:
    found = colours_of(clip(0.4, 0.7), FPS_HZ)
    assert_allclose(found[PULSE], [0.4, 0.7], atol=0.01)
    assert_allclose(found[LIGHT], np.log([1.5, 0.75]), atol=1e-3)


def test_a_still_has_a_light_and_no_pulse() -> None:
    still = np.full((120, 4, 4, 3), 90.0)
    found = colours_of(still, FPS_HZ)
    assert np.isnan(found[PULSE]).all() and np.isfinite(found[LIGHT]).all()
    assert np.isnan(colours_of(np.zeros((120, 4, 4, 3)), FPS_HZ)[LIGHT]).all()


def test_other_people_of_the_same_kind_are_inside_and_other_colours_are_not() -> None:
    rng = np.random.default_rng(1)
    domain = fit_domain(training(rng, 80))
    kin = distances(domain, [colours_of(*one) for one in training(rng, 40)])
    assert (kin[PULSE] < 1).mean() > 0.95 and (kin[LIGHT] < 1).all()
    strange = distances(domain, [colours_of(clip(0.5, 1.4), FPS_HZ), colours_of(clip(0.5, 0.7, (120.0, 100.0, 110.0)), FPS_HZ)])
    assert strange[PULSE][0] > 1.5 > 1 > strange[PULSE][1]
    assert strange[LIGHT][1] > 1 > strange[LIGHT][0]


def test_where_all_training_clips_are_alike_a_hair_more_is_not_outside() -> None:
    spread = fit_spread(np.tile([0.5, 0.7], (20, 1)))
    assert spread is not None
    assert spread.distances(np.array([[0.51, 0.7], [0.6, 0.7]])) == pytest.approx([0.5, 5.0])


def test_what_is_not_known_is_no_distance() -> None:
    spread = fit_spread(np.random.default_rng(0).normal(size=(30, 2)))
    assert spread is not None and np.isnan(spread.distances(np.full((1, 2), np.nan))).all()
    assert fit_spread(np.full((30, 2), np.nan)) is None
