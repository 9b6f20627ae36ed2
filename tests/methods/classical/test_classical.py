"""From planted light to SpO2: the line that was planted comes back, of unseen people; and what says nothing abstains."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tast.methods import own_names
from tast.methods.classical import CLASSICAL, ClassicalMethod
from tast.methods.classical.apbv import (
    PERCENTS,
    REFERENCE_PERCENT,
    REFERENCE_SIGNATURE,
    SIGNATURES,
    most_likely_percent,
    signatures,
)
from tast.methods.classical.constant import fit_constant, own_first_minute
from tast.methods.classical.pulse import PULSES
from tast.methods.classical.ratio import channel_gains, ratio_features, ratios_of
from tast.methods.classical.ridge import PENALTY, fit_ridge
from tast.methods.classical.tian import tian_features
from tast.phantom.tissue import blood_absorption
from tests.methods.classical.planted import COLOUR, FPS_HZ, SKIN, TIMES_S, beats, light, swaying

FITTED = [f"ratio_{pulse}" for pulse in PULSES] + ["tian"]
SILENT = {
    "zero": np.zeros((300, 3)),
    "still": np.full((300, 3), 117.3),
    "nan": np.full((300, 3), np.nan),
    "no_blue": light() * [1, 1, 0],
    "short": light()[:5],
}


def blood(percent: float) -> np.ndarray:
    """A line as pulse oximetry's: with each percent less red's pulse grows by .7 % of green's; blue's stays."""
    return np.array([0.2 + 0.007 * (100 - percent), 1.0, 0.7])


def people(n: int, seed: int, *, noise: float = 0.0005, motion: float = 0.0) -> tuple[list[np.ndarray], np.ndarray]:
    """Light of n people, each at another rate, strength of pulse and saturation, and their saturations (n,)."""
    rng = np.random.default_rng(seed)
    percent = rng.uniform(75, 100, n)
    traces = []
    for number, one in enumerate(percent):
        sway = swaying(rng.uniform(0.8, 2.5), motion * rng.uniform(0.5, 1.5))
        pulse, rate_hz = rng.uniform(0.003, 0.01), rng.uniform(0.9, 1.8)
        traces.append(light(blood(one), rate_hz=rate_hz, pulse=pulse, motion=sway, noise=noise, seed=1000 * seed + number))
    return traces, percent


def root_mean_square(method: ClassicalMethod, *, noise: float = 0.0005, motion: float = 0.0) -> float:
    """Error of a method, fitted on forty people, on twenty others."""
    (seen, known), (asked, truth) = people(40, 1, noise=noise, motion=motion), people(20, 2, noise=noise, motion=motion)
    learnt, unseen = (np.stack([method.features(one, FPS_HZ) for one in traces]) for traces in (seen, asked))
    return float(np.sqrt(np.mean((method.fitted(learnt, known).percent(unseen) - truth) ** 2)))


def test_the_table_and_no_network_of_that_name() -> None:
    assert list(CLASSICAL) == ["constant", *FITTED[:-1], "apbv", "tian"]
    assert all(name == method.name and method.paper for name, method in CLASSICAL.items())
    assert "classical" not in own_names()


def test_it_needs_neither_torch_nor_tables() -> None:
    code = "import sys, tast.methods.classical; print({'torch', 'pandas', 'cv2', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", FITTED)
def test_a_planted_line_comes_back_of_people_not_seen(name: str) -> None:
    constant = root_mean_square(CLASSICAL["constant"])
    assert constant > 6
    assert root_mean_square(CLASSICAL[name]) < 0.3 * constant


def test_motion_spoils_the_ratios_of_green_and_less_those_of_chrominance() -> None:
    error = {name: root_mean_square(CLASSICAL[name], motion=0.006) for name in ("ratio_green", "ratio_chrom", "ratio_pos")}
    assert error["ratio_green"] > 4
    assert error["ratio_chrom"] < 0.7 * error["ratio_green"]
    assert error["ratio_pos"] < 0.7 * error["ratio_green"]


@pytest.mark.parametrize("pulse", ["green", "chrom", "pos", "pbv"])
def test_gains_are_the_planted_strengths(pulse: str) -> None:
    trace = light(noise=0.0002)
    gains = channel_gains(trace, FPS_HZ, PULSES[pulse](trace, FPS_HZ))
    assert_allclose(gains / gains[1], SKIN, rtol=0.02)
    assert_allclose(ratio_features(pulse, trace, FPS_HZ), [0.43 / 0.69, 0.43, 1 / 0.69], rtol=0.02)


def test_the_gain_on_the_planted_pulse_is_in_its_units() -> None:
    assert_allclose(channel_gains(light(), FPS_HZ, beats(1.3, 0)), -0.005 * SKIN, rtol=1e-3)


def test_a_ratio_over_nothing_is_none() -> None:
    assert_array_equal(ratios_of(np.array([0.5, 1.0, 0.0])), [np.nan, 0.5, np.nan])


def test_the_features_of_tian_are_amplitudes_and_their_ratios() -> None:
    """Of a sine, whose amplitude is known; the band holds the same share of every channel."""
    trace = COLOUR * (1 + 0.005 * np.outer(np.sin(2 * np.pi * 1.3 * TIMES_S), SKIN))
    features = tian_features(trace, FPS_HZ)
    assert_allclose(features[3:], [0.43 / 0.69, 0.43, 1 / 0.69], rtol=1e-3)
    assert_allclose(features[:3] / features[1], SKIN, rtol=1e-3)
    assert 0.5 < features[1] / (0.005 / np.sqrt(2)) < 1


def test_the_bank_is_the_published_signature_at_rest_and_redder_with_less_oxygen() -> None:
    reference = SIGNATURES[PERCENTS == REFERENCE_PERCENT][0]
    assert_allclose(reference / reference[1], np.array(REFERENCE_SIGNATURE) / REFERENCE_SIGNATURE[1], rtol=1e-12)
    assert_allclose(np.linalg.norm(SIGNATURES, axis=1), 1)
    assert (np.diff(SIGNATURES[:, 0] / SIGNATURES[:, 1]) < 0).all()


@pytest.mark.parametrize("motion", [0.0, 0.02])
def test_apbv_needs_no_fit_and_follows_saturation(motion: float) -> None:
    truth = np.arange(74.0, 100.0, 4.0)
    apbv = CLASSICAL["apbv"]
    assert apbv.fit is None
    found = np.array([
        apbv.features(light(one, noise=0.0005, motion=swaying(2.2, motion), seed=5), FPS_HZ)[0] for one in signatures(truth)
    ])  # fmt: skip
    assert (np.diff(found) > 0).all()
    assert_allclose(found, truth, atol=3.0)


def test_apbv_has_the_bank_of_another_camera() -> None:
    bank = np.array([[0.5, 1.0, 0.7], [0.4, 1.0, 0.7], [0.3, 1.0, 0.7]])
    trace = light(bank[1], noise=0.0005)
    assert most_likely_percent(trace, FPS_HZ, np.array([80.0, 90.0, 100.0]), bank) == 90.0


def test_what_apbv_lacks_on_the_phantom_is_the_phantoms_signatures() -> None:
    """Why its row of docs/results.md is worse than the constant: the phantom's blue moves more than its green, on skin less."""
    truth = np.arange(76.0, 100.0, 4.0)
    pulses, own = blood_absorption(truth), blood_absorption(PERCENTS)
    traces = [light(one, noise=0.0005, motion=swaying(2.2), seed=number) for number, one in enumerate(pulses)]
    banks = {"published": SIGNATURES, "own": own / np.linalg.norm(own, axis=1, keepdims=True)}
    found = {name: np.array([most_likely_percent(one, FPS_HZ, PERCENTS, bank) for one in traces]) for name, bank in banks.items()}
    errors = {name: float(np.sqrt(np.mean((one - truth) ** 2))) for name, one in found.items()}
    assert errors["own"] < 0.5 * truth.std() and errors["published"] > truth.std()


def test_apbv_says_nothing_of_light_that_every_candidate_explains() -> None:
    assert np.isnan(most_likely_percent(np.repeat(light()[:, 1:2], 3, axis=1), FPS_HZ))


@pytest.mark.parametrize("trace", SILENT.values(), ids=SILENT)
@pytest.mark.parametrize("name", [*FITTED, "apbv"])
def test_light_that_tells_nothing_has_no_features_and_is_given_the_mean(name: str, trace: np.ndarray) -> None:
    method = CLASSICAL[name]
    nothing = method.features(trace, FPS_HZ)
    assert np.isnan(nothing).all()
    traces, percent = people(6, 3)
    learnt = np.stack([*(method.features(one, FPS_HZ) for one in traces), nothing])
    predictor = method.fitted(learnt, np.append(percent, np.nan))
    assert predictor.percent(nothing[None])[0] == pytest.approx(percent.mean())
    assert np.isfinite(predictor.percent(learnt)).all()


@pytest.mark.parametrize("name", list(CLASSICAL))
def test_what_is_predicted_stays_within_the_training_labels_or_the_bank(name: str) -> None:
    method = CLASSICAL[name]
    (seen, known), (asked, _) = people(12, 4), people(6, 5, noise=0.02)
    learnt, unseen = (np.stack([method.features(one, FPS_HZ) for one in traces]) for traces in (seen, asked))
    found = method.fitted(learnt, known).percent(unseen)
    assert found.shape == (6,)
    low, high = (PERCENTS[0], PERCENTS[-1]) if name == "apbv" else (known.min(), known.max())
    assert (found >= low).all() and (found <= high).all()


def test_a_ridge_is_the_line_but_for_its_penalty() -> None:
    """Two features that do not go together, of two values each, so that there is no tail to be held."""
    features = np.array([[2.0, -57.0], [2, 43], [4, -57], [4, 43]])
    line = fit_ridge(features, 90 + features @ [1.0, 0.02])
    assert_allclose(line.slopes_percent, np.array([1.0, 0.02]) / (1 + PENALTY))
    assert_allclose(line.percent(features), 90 + features @ [1.0, 0.02], atol=0.05)


def test_a_ridge_holds_what_lies_far_out_and_leaves_out_what_is_unknown() -> None:
    features = np.linspace(0, 1, 50)[:, None]
    percent = 80 + 10 * features[:, 0]
    line = fit_ridge(features, percent)
    assert line.percent(np.array([[1e6], [-1e6]])) == pytest.approx(line.percent(np.array([[1.0], [0.0]])))
    more = fit_ridge(np.vstack([features, [[np.nan]], [[0.5]]]), np.append(percent, [99.0, np.nan]))
    assert more.mean_percent == line.mean_percent
    assert_array_equal(more.slopes_percent, line.slopes_percent)


def test_a_ridge_of_features_that_do_not_vary_or_of_none_is_the_mean() -> None:
    alike = fit_ridge(np.ones((4, 3)), np.array([90.0, 92, 94, 96]))
    assert_allclose(alike.percent(np.array([[1.0, 5.0, 1.0]])), 93)
    none = fit_ridge(np.full((2, 3), np.nan), np.array([90.0, 92]))
    assert_allclose(none.percent(np.array([[1.0, 1, 1], [np.nan, 1, 1]])), 91)
    with pytest.raises(ValueError, match="no training clip"):
        fit_ridge(np.ones((2, 3)), np.full(2, np.nan))


def test_the_constant_is_the_mean_of_the_known_labels() -> None:
    assert_array_equal(fit_constant(np.empty((3, 0)), np.array([90.0, np.nan, 94])).percent(np.empty((2, 0))), [92, 92])
    with pytest.raises(ValueError, match="no training clip"):
        fit_constant(np.empty((1, 0)), np.array([np.nan]))


def test_the_own_first_minute_is_given_after_it() -> None:
    times_s = 3.4 + np.arange(90.0)
    percent = np.where(np.arange(90) < 60, 97.0, 85.0)
    percent[5] = np.nan
    assert_array_equal(own_first_minute(times_s, percent), np.where(np.arange(90) < 60, np.nan, 97.0))


def test_of_a_short_recording_the_first_third_takes_its_place() -> None:
    percent = np.array([90.0, 92, 99, 99, 99, 99])
    assert_array_equal(own_first_minute(np.arange(6.0), percent), [np.nan, np.nan, 91, 91, 91, 91])
    assert np.isfinite(own_first_minute(np.arange(60.0), np.full(60, 95.0))).sum() == 40
    assert np.isnan(own_first_minute(np.arange(6.0), np.array([np.nan, np.nan, 99, 99, 99, 99]))).all()
