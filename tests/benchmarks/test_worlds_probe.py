"""The table of worlds: a row for each and the medians, written between its marks and nowhere else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks import worlds_probe
from benchmarks.worlds_probe import BEGIN, END, STAGES, Kept, lines, publish, rows, without_loss
from tast.phantom.world import world
from tast.probe.probe import StepReading

PAGE = Path(__file__).parents[2] / worlds_probe.PAGE
ONE = StepReading("pipeline", "world-01", "mask", "01 steady", 0.0, 6.4, 0.0, 0.0953, -0.2231, 0.0, 0.0)  # +10 % and -20 %
KEPT = [
    Kept(world(15, 1), dict.fromkeys(STAGES, ONE)),
    Kept(world(15, 2), dict.fromkeys(STAGES, replace(ONE, log_proj=-0.2877, snr_db=2.4))),  # -25 %
]


def test_a_cell_has_decibels_and_both_errors_and_medians_are_of_sizes() -> None:
    *_, first, second, medians = (line.split(" | ") for line in lines(KEPT))
    assert first[0] == "| 1" and first[-1] == "6 / +10 / -20 |"
    assert second[-1] == "2 / -25 / -20 |"
    assert medians[-1] == "4 / 21 / 25 |", "e to the median size of the logarithms"
    assert [row.value for row in rows(KEPT)][:3] == [4.4, (0.0953 + 0.2877) / 2, 0.2231]


def test_the_page_keeps_what_is_outside_the_marks(tmp_path: Path) -> None:
    shutil.copy(PAGE, tmp_path)
    publish(KEPT, tmp_path / PAGE.name)
    before, after = PAGE.read_text(), (tmp_path / PAGE.name).read_text()
    assert after.split(BEGIN)[0] == before.split(BEGIN)[0] and after.split(END)[1] == before.split(END)[1]
    assert after.split(BEGIN)[1].split(END)[0].strip().splitlines() == lines(KEPT)


def test_without_loss_keeps_all_of_a_world_but_its_coding() -> None:
    for number in range(1, 6):
        given = world(15, number)
        lossless = without_loss(given)
        assert replace(lossless, coding=given.coding) == given
        assert (lossless.coding.quality, lossless.coding.bits) == (0, given.coding.bits)
