"""What is told in worlds left out: what counts as answered, and that the figures are those of planted seconds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import worlds
from benchmarks.worlds import GIVEN, Home, lines, mean_course, rows_of, told
from tast.evaluation.predictions import COLUMNS
from tast.prediction.causes.findings import Findings
from tast.prediction.trace import PredictedTrace
from tast.records import SourceFacts
from tast.training.anchored_interval import AnchoredInterval
from tast.training.domain import LIGHT
from tests.training.test_anchored_interval import people

FACTS = SourceFacts("h264", 320, 240, 0.5, 8, "420", False, "bt601", "sdr", "bt709", 0, 30.0, 30.0, 1200, 0, 0)


def trace(given: np.ndarray, source: SourceFacts = FACTS, outside: bool = False) -> PredictedTrace:
    ones = np.ones(len(given))
    return PredictedTrace(
        "a", np.arange(len(given)) + 0.2, ones * 90, ones, ones, ones * 70, given, np.nan * ones, None, 50.0, 100.0,
        AnchoredInterval(0.9, 3.0, 0.0, 0.0, 2, 20), source=source,
        findings=Findings({LIGHT: ones * (2.0 if outside else 0.5)}),
    )  # fmt: skip


def test_a_trace_is_told_from_what_an_oximeter_shows_and_the_anchor_is_left_out() -> None:
    true = 96.4 - np.maximum(0, np.arange(30) - 9) * 0.5
    table = told(trace(true - 40), true)
    assert len(table) == 20 and (table["stays_percent"] == 96).all()
    np.testing.assert_allclose(table["read_percent"], true[10:] - 0.4, atol=1e-9)  # 96 was shown, of 96.4
    np.testing.assert_allclose(table["rest_percent"] - table["read_percent"], 1.0)
    width = (table["upper_percent"] - table["lower_percent"]) / 2
    np.testing.assert_allclose(width, np.hypot(3.0, 1.6448536), rtol=1e-6)
    assert set(table["rate"]) == {worlds.RATES[1]} and set(table["refused"]) == {""}


def test_outside_of_the_training_nothing_counts_as_answered() -> None:
    table = told(trace(np.linspace(60, 50, 30), outside=True), np.linspace(98, 88, 30))
    assert table["lower_percent"].isna().all() and table["refused"].str.contains("the light's colour").all()


@pytest.mark.parametrize(("codec", "bits", "rate"), [("ffv1", 8.0, 0), ("h264", 1e-3, 2)])
def test_rates_are_those_of_what_a_codec_needs(codec: str, bits: float, rate: int) -> None:
    source = SourceFacts(codec, 320, 240, bits, *list(FACTS.__dict__.values())[4:])
    table = told(trace(np.linspace(60, 50, 30), source), np.linspace(98, 88, 30))
    assert set(table["rate"]) == {worlds.RATES[rate]}


def seconds(n_people: int = 24, off: float = 1.0) -> pd.DataFrame:
    """Half of the people answered in 6 worlds, read `off` too high; the others refused."""
    parts = []
    for number in range(n_people):
        true = 95 - np.linspace(0, 10, 20)
        answered = number % 2 == 0
        given = {"read_percent": true + off, "lower_percent": true - 0.5 * (number % 4), "upper_percent": true + 2.0,
                 "rest_percent": true + 2, "stays_percent": 95.0, "alone_percent": 90.0}  # fmt: skip
        parts.append(pd.DataFrame({
            "start_s": 10.0 + np.arange(20), "true_percent": true, **(given if answered else dict.fromkeys(GIVEN, np.nan)),
            "refused": "" if answered else "dark", "rate": worlds.RATES[0] if answered else "", "dataset": "other",
            "subject_id": f"p{number}", "record_id": f"p{number}", "skin_type": "III", "world": f"world-{number % 6}",
            "lamp": "led", "coding": "lossless",
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_the_figures_are_those_of_planted_seconds_and_a_refused_world_counts_as_unanswered() -> None:
    home = pd.DataFrame(dict.fromkeys(COLUMNS, np.nan), index=range(10)).assign(
        dataset="phantom", subject_id=[f"h{k}" for k in range(10)], record_id="r", true_percent=90.0 + np.arange(10),
        predicted_percent=90.5 + np.arange(10),
    )  # fmt: skip
    course = pd.Series(np.r_[np.zeros(10), -np.linspace(0, 8, 16)], index=range(26))  # of shorter recordings
    rows = rows_of(seconds(), Home(card=None, predictions=home, mean_percent=88.0, course_percent=course))
    found = {row.name: row for row in rows if row.peer != "the course from rest"}
    assert found["people left out"].value == 24 and found["worlds left out"].value == 6
    assert found["answered, of all"].value == pytest.approx(0.5)
    read = found["anchored by a reading, of enough bits or lossless"]
    assert read.value == pytest.approx(1.0) and read.better == "lower" and read.must == 0.35
    stays = np.sqrt(np.mean(np.linspace(0, 10, 20) ** 2))
    assert found["anchored by a reading, of enough bits or lossless, beside"].ratio == pytest.approx(1 / stays)
    beside, _ = (row for row in rows if row.peer == "the course from rest")
    by_course = np.r_[np.linspace(0, 8, 16), [8] * 4]
    assert beside.ratio == pytest.approx(1 / np.sqrt(np.mean((by_course - np.linspace(0, 10, 20)) ** 2)))
    assert found["home worlds, no anchor"].value == pytest.approx(0.5)
    assert found["r within recordings, of enough bits or lossless, median"].value == pytest.approx(1.0)
    assert found["in the 90 % interval: all"].value == pytest.approx(1.0)
    page = lines(list(found.values()))
    assert any("people left out" in line and "**falls short**" in line for line in page)
    assert any(line.startswith("| r within recordings") and line.endswith("| holds |") for line in page)


def test_the_course_from_rest_is_the_mean_of_those_who_began_so() -> None:
    falling, steady = (people(seed, 3).assign(dataset=name) for seed, name in ((1, "rested"), (2, "phantom")))
    course = mean_course(pd.concat([falling, steady]))
    expected = [one["true_percent"].to_numpy() - one["true_percent"][:10].mean() for _, one in falling.groupby("record_id")]
    np.testing.assert_allclose(course, np.mean(expected, axis=0))
