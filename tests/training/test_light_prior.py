"""The curve of many people: planted ones come back, it ends where nothing was seen, and what is shipped is one."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

from tast.records import FaceLight
from tast.training.change_reader import steady_colours, window_colours
from tast.training.light_prior import (
    LIMIT,
    LightCurve,
    LightPrior,
    fit_light_curve,
    light_prior,
    prior_of,
    terms,
    write_prior,
)  # fmt: skip

PLANTED = np.array([40.0, -5.0, 20.0])  # points of SpO2 per unit of light 0, of light 1, and of their product


def moments(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Light (N, 2), SpO2 (N,), person (N,), anchor (N,): how much light 0 is worth depends on light 1, which is the person's."""
    rng = np.random.default_rng(seed)
    light = np.repeat(rng.uniform(-1, 1, (count, 2)), 12, axis=0)
    light += rng.uniform(-0.1, 0.1, light.shape)
    level = np.repeat(rng.uniform(-30, 30, count), 12)
    percent = level + light @ PLANTED[:2] + PLANTED[2] * light[:, 0] * light[:, 1]
    return light, percent, np.repeat(np.arange(count), 12), np.tile(np.arange(12) < 3, count)


def test_a_planted_curve_comes_back_whatever_the_levels() -> None:
    light, percent, person, anchor = moments(0, 80)
    curve = fit_light_curve(light, percent, person, anchor)
    others, true, _, _ = moments(1, 1)
    assert_allclose(curve.read(others) - curve.read(others)[0], true - true[0], atol=0.3)
    line = np.linalg.lstsq(light - light.mean(axis=0), percent - percent.mean(), rcond=None)[0]
    assert np.abs((others - others[0]) @ line - (true - true[0])).max() > 1, "no straight line reads it"


def test_who_has_no_anchor_is_left_out() -> None:
    light, percent, person, anchor = moments(2, 40)
    spoilt = np.concatenate([percent, np.linspace(0, 900, 12)])
    with_one = np.concatenate([light, light[:12]]), spoilt, np.concatenate([person, np.full(12, 99)])
    curve = fit_light_curve(*with_one, np.concatenate([anchor, np.zeros(12, dtype=bool)]))
    read = curve.read(light)
    assert_allclose((read - percent)[person == 0].std(), 0, atol=0.2)


def test_beyond_what_was_seen_nothing_moves() -> None:
    curve = LightCurve((0.0,), (2.0,), (3.0, 1.0))
    assert_allclose(curve.read(np.array([[2.0], [2 * LIMIT], [9 * LIMIT], [-9 * LIMIT]])), [4, 28, 28, 4])


def test_terms_are_each_and_all_products() -> None:
    assert_allclose(terms(np.array([[2.0, 3.0]])), [[2, 3, 4, 6, 9]])


def test_where_no_background_is_seen_the_face_is_read_alone() -> None:
    prior = light_prior()
    light = np.random.default_rng(0).normal(0, 0.3, (5, 6)) + np.array(prior.of_all.mean)
    unknown = light.copy()
    unknown[:, 3:] = np.nan
    assert_allclose(prior.read(light), prior.of_all.read(light))
    assert_allclose(prior.read(unknown), prior.of_face.read(light[:, :3]))


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    curve = LightCurve((0.1, 0.2), (1.0, 2.0), (1.0, 2.0, 3.0, 4.0, 5.0))
    prior = LightPrior(curve, replace(curve, slopes=(6.0,) * 5), 12)
    write_prior(prior, tmp_path / "prior.json")
    assert prior_of(json.loads((tmp_path / "prior.json").read_text())) == prior
    assert prior_of(json.loads(json.dumps(asdict(prior)))) == prior


def test_what_is_shipped_was_learnt_from_hundreds_and_reads_darker_red_as_less_oxygen() -> None:
    """A face alone darkens in red: its light over the background's falls, and so must what is read."""
    prior = light_prior()
    assert prior.n_people >= 300 and len(prior.of_all.mean) == 6 and len(prior.of_face.mean) == 3
    usual = np.tile(prior.of_all.mean, (2, 1))
    usual[1, 0] -= 0.05
    assert -12 < np.diff(prior.read(usual))[0] < -1


def test_the_steady_light_is_that_of_a_windows_colours() -> None:
    rng = np.random.default_rng(3)
    light = FaceLight(rng.uniform(90, 100, (120, 3)), rng.uniform(40, 50, (120, 3)))
    assert_allclose(window_colours(light, 15.0)[2:], steady_colours(light))
