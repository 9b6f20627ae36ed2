"""Where one stands, told from a folder's files, and the command that comes next."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tast.closure import ROOT
from tast.doctor.standing import standing
from tests.end_to_end.conftest import set_params

REPORT = {"test": {"rmse": 3.456, "n_subjects": 10}, "constant": {"rmse": 6.5}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """With the dvc.lock and the params.yaml of this folder, which belong together, and results."""
    for name in ("dvc.yaml", "dvc.lock", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "models/tast_net").mkdir(parents=True)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/scores.json").write_text(json.dumps(REPORT))
    return tmp_path


def told(folder: Path, about: str) -> str:
    return " | ".join(text for subject, text in standing(folder) if subject == about)


def test_outside_of_a_project_it_says_how_to_make_one(tmp_path: Path) -> None:
    assert told(tmp_path, "project") == "none in this folder"
    assert told(tmp_path, "next").startswith("`tast init FOLDER`")


def test_before_the_first_run(project: Path) -> None:
    (project / "dvc.lock").unlink()
    assert told(project, "results") == "none yet"
    assert told(project, "next") == "`dvc repro`: everything, from the data set to the report"


def test_a_clone_without_outputs_fetches_them(project: Path) -> None:
    shutil.rmtree(project / "reports")
    assert "`dvc checkout`" in told(project, "next") and "`dvc pull`" in told(project, "next")


def test_after_a_run_its_scores_and_what_can_be_done_with_them(project: Path) -> None:
    assert told(project, "results") == "RMSE 3.46 % SpO2 of 10 people whom it has not seen; constant predictor 6.50"
    assert "reports/report.html" in told(project, "next") and told(project, "changed") == ""


def test_parameters_that_changed_since_are_named(project: Path) -> None:
    set_params(project / "params.yaml", {"train.epochs": 7, "evaluate.seed": 5, "runner.workers": 9})
    assert told(project, "changed") == "in params.yaml since that run: evaluate.seed, train.epochs"
    assert told(project, "next") == "`dvc repro`: what rests on that"
    (project / "Makefile").touch()
    assert told(project, "next") == "`make repro`: what rests on that"


def test_another_data_set_is_named_with_its_place(project: Path) -> None:
    set_params(project / "params.yaml", {"dataset.name": "pure", "dataset.root": "/data/PURE"})
    assert told(project, "data") == "pure at /data/PURE"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [("params.yaml", "runner: {}", "'dataset' is missing"), ("params.yaml", "[", "not YAML"), ("dvc.lock", "[", "no YAML")],
)
def test_a_file_that_cannot_be_read_is_the_next_thing_to_mend(project: Path, file: str, text: str, said: str) -> None:
    (project / file).write_text(text)
    assert said in told(project, "mistake") and file in told(project, "mistake")
    assert told(project, "next") == "mend that, then `dvc repro`"


def test_scores_that_cannot_be_read_are_no_crash(project: Path) -> None:
    (project / "reports/scores.json").write_text("{}")
    assert "no scores that can be read" in told(project, "results")
