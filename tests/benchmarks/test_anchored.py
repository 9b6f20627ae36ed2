"""What follows SpO2 from an anchor on: planted people, whose skin follows it and whose pulse does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

from benchmarks import anchored
from benchmarks.anchored import Person, lines, publish, rows

PAGE = Path(__file__).parents[2] / anchored.PAGE


def people(count: int) -> list[Person]:
    """SpO2 falls or rises by up to 10 points, the skin's red over green by .002 each, on any level; the pulse is noise."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        begin_s = np.arange(30.0)
        percent = 90 + rng.uniform(-10, 10) * begin_s / 30
        colours = rng.normal(0, 0.02, (30, 8)) + rng.normal(0, 0.3, 8)
        colours[:, 2] = rng.normal(0, 0.3) + 0.002 * percent + rng.normal(0, 1e-4, 30)
        made.append(Person(number % 10, colours, percent, begin_s))
    return made


def test_a_reader_of_the_skin_follows_and_one_of_the_pulse_does_not() -> None:
    found = {row.name: row.value for row in rows(people(20))}
    assert found["people"] == 20 and found["worlds"] == 10
    assert found["the skin's red and blue over green"] < 0.5 < 2 < found["stays where the anchor was"]
    assert found["the pulse's red and blue over green"] > 0.5 * found["stays where the anchor was"]
    assert found["the skin's red and blue over green: r within recordings, median"] > 0.98


def test_the_anchor_is_never_scored() -> None:
    colours, percent, known = people(1)[0].anchored
    assert len(colours) == len(percent) == 20  # windows of 8 s that begin from second 10 on
    assert_allclose(known, people(1)[0].percent[:3].mean())  # those within the first ten: 0, 1 and 2


def test_more_people_and_a_known_slope_are_worth_something() -> None:
    made = people(20)
    steep = [Person(one.world, one.colours * np.where(np.arange(8) == 2, 1 + k % 3, 1.0), one.percent, one.begin_s)
             for k, one in enumerate(made)]  # fmt: skip
    found = {row.name: row.value for row in rows(steep)}
    assert found["all of it, if each one's own slope were known"] < 0.7 * found["all of it"]
    assert found["all of it, fitted on half of the people"] > 0.9 * found["all of it"]


def test_the_published_table_is_what_the_benchmark_writes(tmp_path: Path) -> None:
    page = tmp_path / "phantom.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    found = rows(people(20))
    publish(found, page)
    text = page.read_text(encoding="utf-8")
    assert all(line in text for line in lines(found))
    assert lines(found)[0] == "20 people in 10 worlds, each world read by what was fitted in others."
