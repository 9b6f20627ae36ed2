"""What many people teach: planted ones, whose light is worth more or less by how bright they are."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.light_prior import BEGIN, END, FACES, PAGE, SECONDS, Moments, changes, lines, moments, people, rows_of
from benchmarks.sets import AWAY_POOLS, SETS


def planted(count: int) -> list[tuple[np.ndarray, ...]]:
    """As they are filmed: red falls with SpO2, by more under a lamp that is brighter; every second frame is seen."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        times_s = np.arange(0, SECONDS, 0.4)
        percent = rng.uniform(85, 97) + rng.uniform(-10, 10) * times_s / SECONDS
        grey = rng.uniform(60, 160)
        red = grey * (1 + 0.004 * (grey / 110) ** 2 * (percent - 90))
        skin = np.stack([red, np.full_like(red, grey), np.full_like(red, 0.8 * grey)], axis=1)
        made.append((times_s, skin, np.full_like(skin, grey), percent))
    return made


def test_a_curve_reads_what_no_line_can_and_more_people_teach_it_better() -> None:
    found = {row.name: row.value for row in rows_of(moments(planted(60)))}
    curve = found["face and background: RMSE"]
    assert found["people"] == 60
    assert curve < 0.5 * found["a straight line: RMSE"] < found["stays: RMSE"]
    assert curve < found["face and background, of 30% of the people: RMSE"]


def test_the_anchor_is_the_windows_within_the_first_ten_seconds() -> None:
    of_one = moments(planted(1))
    assert of_one.is_anchor.tolist() == [True] * 3 + [False] * (len(of_one.is_anchor) - 3)
    assert changes(of_one.spo2_percent, of_one)[:3].mean() == pytest.approx(0)


def test_whose_background_is_not_seen_is_left_out() -> None:
    times_s, skin, background, percent = planted(1)[0]
    assert len(moments([(times_s, skin, background * np.nan, percent)]).person) == 0


def test_its_people_are_nobody_elses_and_no_sensor_is_one_of_the_worlds_left_out() -> None:
    filmed = people(12)
    assert len({one.face for one in filmed}) == 12 and all(FACES[0] <= one.face < FACES[1] for one in filmed)
    assert not {one.in_world.camera.sensor.name for one in filmed} & set(AWAY_POOLS["sensors"])
    assert SETS["left_out"].changes["download"]["phantom"]["worlds"]["faces"][1] <= FACES[0]


def test_the_page_has_its_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    table = lines(rows_of(moments(planted(20))))
    assert table[2].startswith("| read by") and any(line.startswith("| stays |") and line.endswith("| 1.00 |") for line in table)


def test_a_choice_of_moments_is_one_of_all_that_is_known_of_them() -> None:
    every = moments(planted(4))
    first = every.of(every.person == 0)
    assert (
        isinstance(first, Moments)
        and len(first.light) == len(first.spo2_percent) == len(first.is_anchor) == (every.person == 0).sum()
    )
