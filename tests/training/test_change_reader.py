"""What reads a change from the light: planted slopes come back, of people never seen, and the network gets what it deserves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from tast.records import FaceLight
from tast.training.change_reader import (
    COLOURS,
    OF_FACE,
    RIDGE,
    STEADY,
    ChangeReader,
    Start,
    best_start,
    fit_change_reader,
    left_out_changes,
    linear,
    mixed,
    window_colours,
)  # fmt: skip
from tast.training.light_prior import light_prior
from tests.training.test_anchored_interval import people

SLOPES = np.array([0.0, 0.0, 60.0, 0.0, 0.0, -60.0, 0.0, 0.0])  # skin's red, less what the light does to it
FPS_HZ = 15.0


def recordings(seed: int, count: int, *, windows: int = 30, level_sd: float = 3.0) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """Colours (N, 8) and SpO2 (N, 1): skin's red falls with SpO2 and with the lamp, which the background shows; levels differ."""
    rng = np.random.default_rng(seed)
    colours, percent, names = [], [], []
    for number in range(count):
        change = -rng.uniform(5, 20) * np.linspace(0, 1, windows)
        moved = 0.05 * rng.standard_normal((windows, 8)).cumsum(axis=0) / np.sqrt(windows)
        moved[:, 2] = change / 60 + moved[:, 5]
        colours.append(moved + level_sd * rng.standard_normal(8))
        percent.append(98 + change)
        names += [f"{seed}-{number}"] * windows
    return np.concatenate(colours), np.concatenate(percent)[:, None], pd.Series(names)


def test_planted_slopes_come_back_whatever_the_levels() -> None:
    colours, percent, recording = recordings(0, 40)
    line = fit_change_reader(colours, percent, recording, recording)
    assert line is not None and (line.n_subjects, line.n_recordings, line.network_share) == (40, 40, 0.0)
    assert_allclose(line.slopes, SLOPES, atol=1.0)
    others, true, _ = recordings(1, 1)
    read = line.read(others)
    assert_allclose(read - read[0], (true - true[0])[:, 0], atol=0.5)


def test_without_a_background_the_face_is_read_alone() -> None:
    colours, percent, recording = recordings(0, 40)
    line = fit_change_reader(colours, percent, recording, recording)
    assert line is not None
    unknown = colours.copy()
    unknown[:, OF_FACE:] = np.nan
    assert_allclose(line.read(unknown), colours[:, :OF_FACE] @ np.array(line.slopes_of_face))
    assert 0 < line.slopes_of_face[2] < 55  # the lamp moves it too, and nothing says so
    alone = fit_change_reader(unknown, percent, recording, recording)
    assert alone is not None
    assert_allclose(alone.read(unknown), line.read(unknown))
    assert np.isfinite(alone.read(colours)).all()


def test_labels_that_do_not_change_or_are_not_known_give_no_line() -> None:
    colours, percent, recording = recordings(0, 5)
    still = np.full(percent.shape, 97.0)
    assert fit_change_reader(colours, still, recording, recording) is None
    assert fit_change_reader(colours, np.full(percent.shape, np.nan), recording, recording) is None


@pytest.mark.parametrize(("network_noise", "share"), [(0.0, 1.0), (40.0, 0.0)])
def test_the_network_has_the_share_that_validation_people_give_it(network_noise: float, share: float) -> None:
    rows = people(3, 20, noise=0.0)
    true = rows["true_percent"].to_numpy()
    rng = np.random.default_rng(0)
    rows["changing_percent"] += network_noise * rng.standard_normal(len(rows))
    colours = np.zeros((len(rows), len(COLOURS)))
    colours[:, 2] = true / 60 + 0.02 * rng.standard_normal(len(rows))
    line = ChangeReader((0.0, 0.0, 60.0, *[0.0] * 5), (0.0, 0.0, 60.0, 0.0, 0.0), 0.5, 1, 1)
    best, mixture = mixed(line, rows, colours)
    assert best == replace(line, network_share=share)
    expected = rows["changing_percent"] if share else 60 * colours[:, 2]
    assert_allclose(mixture["changing_percent"], expected)


def test_what_is_left_out_is_read_by_lines_that_have_not_seen_it() -> None:
    """Each camera moves one colour of its own with SpO2: who has seen it reads it from there, and who has not cannot."""
    rng = np.random.default_rng(5)
    percent = np.tile(97 - np.linspace(0, 10, 20), 8)[:, None]
    colours = 0.001 * rng.standard_normal((160, 8))
    names = pd.Series(np.repeat([f"r{k}" for k in range(8)], 20))
    camera = np.repeat(np.arange(8) // 2, 20)
    colours[np.arange(160), camera] += percent[:, 0] / 100
    line = fit_change_reader(colours, percent, names, names)
    apart = left_out_changes(colours, percent, names, names, pd.Series(camera))
    assert line is not None and apart is not None
    known, unknown = (np.ptp(read[:20]) for read in (line.read(colours), apart))
    assert known > 9 and unknown < 4
    people = left_out_changes(colours, percent, names, names, names)
    assert people is not None and np.ptp(people[:20]) > 9, "the other person of the camera is known"
    assert left_out_changes(colours, percent, names, names, pd.Series(["one"] * 160)) is None


def test_colours_are_those_of_the_pulse_and_of_the_steady_light() -> None:
    times_s = np.arange(120) / FPS_HZ
    beat = np.sin(2 * np.pi * 1.2 * times_s)[:, None]
    light = np.array([0.4, 0.2, 0.1]) * (1 + 0.01 * beat * [0.4, 1.0, 0.7])
    codes = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert_allclose(linear(codes), light)
    background = np.tile([120.0, 100.0, 80.0], (120, 1))
    found = window_colours(FaceLight(codes, background), FPS_HZ)
    expected = np.log([0.4, 0.7, 2.0, 0.5, 0.2])
    assert_allclose(found[:OF_FACE], expected, atol=0.01)
    red, green, blue = linear(np.array([120.0, 100.0, 80.0]))
    assert_allclose(found[OF_FACE:], np.log([red / green, blue / green, green]))
    unknown = window_colours(FaceLight(codes, np.full((120, 3), np.nan)), FPS_HZ)
    assert_allclose(unknown[:OF_FACE], found[:OF_FACE])
    assert np.isnan(unknown[OF_FACE:]).all() and np.isnan(window_colours(FaceLight(0 * codes, background), FPS_HZ)).all()


def read_by_the_prior(seed: int, count: int, noise: float) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """Windows of people whose light moves as the shipped curve reads it, each about a level of its own."""
    rng, prior = np.random.default_rng(seed), light_prior()
    colours = np.zeros((20 * count, len(COLOURS)))
    spread = np.array(prior.of_all.spread)
    at = np.repeat(rng.normal(0, 0.7, (count, 6)), 20, axis=0) + rng.normal(0, 0.05, (20 * count, 6))
    colours[:, STEADY] = np.array(prior.of_all.mean) + spread * at
    percent = prior.read(colours[:, STEADY]) + np.repeat(rng.normal(0, 30, count), 20) + noise * rng.standard_normal(20 * count)
    return colours, percent[:, None], pd.Series(np.repeat([f"{seed}-{k}" for k in range(count)], 20))


def test_where_few_people_read_worse_than_many_did_the_line_starts_from_these() -> None:
    colours, percent, names = read_by_the_prior(0, 8, noise=1.0)
    start = best_start(colours, percent, names, names, names)
    assert start.prior == light_prior() and start.ridge >= 1
    line = fit_change_reader(colours, percent, names, names, start)
    others, true, _ = read_by_the_prior(1, 1, noise=0.0)
    assert line is not None and line.prior is not None
    assert_allclose(line.read(others) - line.read(others)[0], (true - true[0])[:, 0], atol=0.5)


def test_under_a_camera_that_is_like_none_of_many_the_line_stands_alone() -> None:
    """All colours the other way round, by a straight line."""
    colours, percent, recording = recordings(0, 40, level_sd=0.0)
    start = best_start(colours, percent, recording, recording, recording)
    assert start == Start(None, RIDGE)
    alone = best_start(colours, percent, recording, recording, pd.Series(["one"] * len(recording)))
    assert alone == Start(), "nobody can be left out"


def test_a_curve_alone_has_no_line_beside_it() -> None:
    colours, percent, names = read_by_the_prior(0, 4, noise=0.0)
    line = fit_change_reader(colours, percent, names, names, Start(light_prior(), np.inf))
    assert line is not None and set(line.slopes) == set(line.slopes_of_face) == {0.0}
    assert_allclose(line.read(colours), light_prior().read(colours[:, STEADY]))


def test_a_line_beside_the_curve_reads_what_the_curve_leaves() -> None:
    colours, percent, names = read_by_the_prior(0, 10, noise=0.0)
    line = fit_change_reader(colours, percent + 30 * colours[:, 2:3], names, names, Start(light_prior(), 1e-6))
    assert line is not None
    assert_allclose(line.slopes, [0, 0, 30, 0, 0, 0, 0, 0], atol=0.1)
