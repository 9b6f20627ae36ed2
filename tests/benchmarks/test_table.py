"""`tast table` on a small store: killed in a training and gone on with, the same bytes; a new row alone is trained."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.table import arguments, place_of
from flows.tables.rows import row_named
from tast.params import load_params
from tests.end_to_end.conftest import PROJECT, set_params
from tests.training.synthetic import write_store

NAMES = ("table.md", "table.csv", "table.tex", "table.html")
METHODS = ["--set", "pure_wide", "--methods", "mathew/mix_last", "--seeds", "2", "--folds", "1", "--workers", "1"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with params.yaml and the clips of ten people, for every preset the same: nothing is rendered or preprocessed."""
    folder = tmp_path_factory.mktemp("table")
    shutil.copy(PROJECT / "params.yaml", folder)
    set_params(folder / "params.yaml", {"evaluate.bootstrap": 50})
    write_store(folder / "data" / "clips", seed=0, subjects=10, clips=3)
    return folder


def command(*more: str, keep: str = "kept", out: str = "out") -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.table_of_store", *METHODS, "--keep", keep, "--out", out, *more]


def run(project: Path, *more: str, **folders: str) -> str:
    done = subprocess.run(
        command(*more, **folders), cwd=project, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(project: Path) -> dict[str, bytes]:
    run(project, "--report")
    return bytes_of(project / "out")


def bytes_of(folder: Path) -> dict[str, bytes]:
    """The files, less the milliseconds, which no two runs share."""
    table = pd.read_csv(folder / "subject_independent" / "table.csv").drop(columns=["ms_1", "ms_16"])
    return {"table.csv": table.to_csv().encode(), "facts.json": (folder / "subject_independent" / "facts.json").read_bytes()}


def test_every_kind_of_file_names_every_method(project: Path, made: dict[str, bytes]) -> None:
    for name in NAMES:
        text = (project / "out" / "subject_independent" / name).read_text().replace(r"\_", "_")
        for method in ("tast_net", "mathew/mix_last", "constant", "chrominance_angle"):
            assert method in text, (name, method)
    page = (project / "out" / "subject_independent.html").read_text()
    assert page.count("data:image/png;base64,") == len(pd.read_csv(project / "out" / "subject_independent" / "table.csv"))
    facts = json.loads((project / "out" / "subject_independent" / "facts.json").read_text())
    assert facts["protocol"] == "subject_independent" and facts["seeds"] == [0, 1]


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(project: Path, made: dict[str, bytes]) -> None:
    """In its first training, then in one after two are done."""
    environment, trainings = os.environ | {"PYTHONPATH": str(PROJECT)}, project / "killed" / "trainings"
    for done in (0, 2):
        started = subprocess.Popen(command(keep="killed", out="after"), cwd=project, env=environment, start_new_session=True)
        while started.poll() is None and not (
            len(list(trainings.glob("*.parquet"))) >= done and any(trainings.glob("checkpoints/*/*"))
        ):
            time.sleep(0.005)
        assert started.poll() is None, "it was through before it was killed"
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        assert len(list(trainings.glob("*.parquet"))) == done
    run(project, keep="killed", out="after")
    assert bytes_of(project / "after") == made


def test_a_dry_run_says_what_is_done_and_a_new_method_trains_its_own_alone(project: Path, made: dict[str, bytes]) -> None:
    shown = run(project, "--dry-run")
    assert all("2" in line and "0" in line for line in shown.splitlines() if "tast_net" in line or "mix_last" in line)
    more = run(project, "--dry-run", "--methods", "mathew/mix_last", "mathew/interleaved")
    (row,) = (line for line in more.splitlines() if "interleaved" in line.split("│")[1:2].__str__())
    assert [cell.strip() for cell in row.split("│")[3:6]] == ["there", "0", "2"]


def test_what_a_protocol_warns_of_is_heard_once(project: Path, made: dict[str, bytes]) -> None:
    done = subprocess.run(
        command("--dry-run", "--protocol", "clip_random"), cwd=project, env=os.environ | {"PYTHONPATH": str(PROJECT)}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr.count("clip_random is optimistic") == 1, "two rows, whose splits are one"


def test_of_a_set_the_first_people_alone(project: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["table", "--set", "narrow", "--people", "20"])
        asked = arguments()
    params = load_params(PROJECT / "params.yaml")
    place = place_of(asked, params)
    assert {name: one.subjects for name, one in place.phantoms.items()} == {"phantom": 20, "other": 18}
    asked.people = None
    whole = place_of(asked, params)
    row = row_named("tast_net", params)
    assert place.folder(row) != whole.folder(row), "clips of fewer people are other clips"


def test_a_dry_run_makes_no_clips(tmp_path: Path) -> None:
    """Where none of the methods' clips are there yet: of a set, and of this project's own videos."""
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    for where in (METHODS[:2], []):
        shown = subprocess.run(
            [sys.executable, "-m", "benchmarks.table", *where, *METHODS[2:], *(["--keep", "kept"] if where else []), "--dry-run"],
            cwd=tmp_path, check=True, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True,
        ).stdout  # fmt: skip
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
        reference = [["tast_net", "small", "to make", "0", "2"]] if where else []  # it stands first on a set
        assert rows == [*reference, ["mathew/mix_last", "mix_last", "to make", "0", "2"]]
        assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
