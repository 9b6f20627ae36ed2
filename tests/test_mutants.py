"""The list of planted faults is true of the tree, and planting one is noticed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.faults import ROOT, Fault, chosen, defects, load_faults
from tests.mutants.run import ALIVE, BROKEN, KILLED, NOT_RUN, Outcome, Unsound, copy_tree, plant_all
from tests.mutants.table import as_markdown, between_markers, totals

TESTS = ("tests/test_people.py",)
REAL = Fault(
    room="example", name="people of two sets merged", why="subject_id is a column too", file="tast/people.py",
    text='PERSON_COLUMNS = ("dataset", "subject_id")', becomes='PERSON_COLUMNS = ("subject_id",)', tests=TESTS,
)  # fmt: skip
HARMLESS = replace(REAL, name="nobody notices", becomes='PERSON_COLUMNS = ("dataset",) + ("subject_id",)')
ASTRAY = replace(REAL, name="text that is not there", text="PERSON_COLUMNS = None")


def test_every_fault_fits_the_tree_and_names_tests_that_exist() -> None:
    assert defects(load_faults()) == []


def test_every_room_has_faults_and_flows_and_tracking_have_many() -> None:
    count = Counter(fault.file.split("/")[1 if fault.file.startswith("tast/") else 0] for fault in load_faults())
    rooms = {path.name for path in (ROOT / "tast").iterdir() if path.is_dir() and path.name not in ("__pycache__", "pages")}
    assert rooms | {"flows"} <= set(count) | {"preview", "probe"}  # of which nothing is learned
    assert count["flows"] + count["tracking"] >= 15
    assert count.total() >= 60


def test_a_list_that_is_not_true_is_told() -> None:
    entries = [REAL, REAL, ASTRAY, replace(HARMLESS, name="no such test", tests=("tests/test_people.py::test_nothing",))]
    output = defects(entries)
    assert any("two faults of that name" in line for line in output)
    assert any("text that is not there: tast/people.py holds the text 0 times" in line for line in output)
    assert any("no such test: no test tests/test_people.py::test_nothing" in line for line in output)
    assert any("changes no code" in line for line in defects([replace(REAL, becomes=REAL.text + "  # all the same")]))
    assert any("leaves no Python behind" in line for line in defects([replace(REAL, becomes="PERSON_COLUMNS = (")]))


def test_faults_are_chosen_by_room_and_name() -> None:
    assert chosen([REAL, HARMLESS], ["notices"], []) == (HARMLESS,)
    assert chosen([REAL, HARMLESS], [], ["example"]) == (REAL, HARMLESS)
    with pytest.raises(ValueError, match="no room elsewhere; known: example"):
        chosen([REAL], [], ["elsewhere"])


def test_a_real_fault_is_noticed_and_a_harmless_one_is_not() -> None:
    before = (ROOT / REAL.file).read_bytes()
    outcomes = plant_all([REAL, HARMLESS, ASTRAY], checked_before=False)
    assert [one.result for one in outcomes] == [KILLED, ALIVE, BROKEN]
    assert outcomes[0].output.startswith("tests/test_people.py::test_the_same_subject_of_two_data_sets")
    assert (ROOT / REAL.file).read_bytes() == before


def test_tests_that_fail_anyway_notice_nothing(tmp_path: Path) -> None:
    tree = copy_tree(ROOT, tmp_path / "tree")
    (tree / REAL.file).write_text(REAL.planted((tree / REAL.file).read_text()))
    subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    with pytest.raises(Unsound, match="without any fault pytest ends with exit code 1: tests/test_people"):
        plant_all([HARMLESS], root=tree)


def test_what_the_budget_leaves_is_not_run() -> None:
    assert [one.result for one in plant_all([REAL], budget_s=-1, checked_before=False)] == [NOT_RUN]


def test_the_table_stands_between_its_markers() -> None:
    outcomes = [Outcome(REAL, KILLED, "tests/test_people.py::test_it[of-two]"), Outcome(HARMLESS, ALIVE)]
    table = as_markdown(outcomes)
    assert "| example | 2 | 1 | 1 |" in table and "| all | 2 | 1 | 1 |" in table
    assert "`test_people.py::test_it`" in table and "**alive**" in table
    document = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    once = between_markers(document, table)
    assert between_markers(once, table) == once != document
    assert totals(outcomes).splitlines()[-1].split()[:4] == ["all", "2", "1", "1"]


def test_the_command_lists_the_faults() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "--list", "--room", "video"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "red and blue swapped" in made.stdout
