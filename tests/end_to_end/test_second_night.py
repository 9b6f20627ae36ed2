"""More people come: the folds stay, and the better model of the second night takes the title on people that neither has seen.

Real DVC, Prefect, MLflow, training and registry. Only the clips are not cut from videos: they are simulated as clips, which a
network learns from within a few epochs, and DVC is told (`dvc commit`) that download and preprocess made them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tast.digests import seal
from tast.params import load_params
from tests.end_to_end.conftest import Workspace, clone
from tests.training.synthetic import write_store

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]

CLIPS_OF_4_S: dict[str, Any] = {
    "preprocess__clips__size_px": 16,
    "preprocess__clips__fps_hz": 15,
    "preprocess__clips__length_s": 4,
    "train__input": "normalised",
    "promote__fewest_subjects": 5,
}
FIRST_NIGHT = {"train__epochs": 1, "train__learning_rate": 0.001}
SECOND_NIGHT = {"train__epochs": 5, "train__learning_rate": 0.003}


def test_six_more_people_and_the_better_model_is_promoted(tmp_path: Path, api_url: str) -> None:
    workspace = Workspace(clone(tmp_path).folder, api_url)
    workspace.set(**CLIPS_OF_4_S, **FIRST_NIGHT)
    record(workspace, subjects=24)
    first = workspace.run("-m", "flows.pipeline")
    assert "Version 1 becomes the first champion" in first.stderr
    tested_before, seen_before = people_tested(workspace), people_seen(workspace)
    assert (len(tested_before), len(seen_before)) == (8, 16) and not tested_before & seen_before

    workspace.set(**SECOND_NIGHT)
    record(workspace, subjects=30)
    second = workspace.run("-m", "flows.pipeline")
    tested_now, seen_now = people_tested(workspace), people_seen(workspace)
    assert (len(tested_now), len(seen_now)) == (10, 20)
    assert "Version 2 replaces version 1" in second.stderr

    output = json.loads(workspace.run("-m", "tast", "compare", "--json").stdout)
    assert (output["challenger"], output["champion"], output["outcome"]) == ("2", "2", "champion already")
    assert set(output["evidence"]["people"]) == tested_now - seen_before
    assert len(output["evidence"]["people"]) >= 8  # hardly anybody came over from training
    assert output["evidence"]["challenger_rmse"] < output["evidence"]["reference_rmse"]
    assert output["evidence"]["difference_high"] < 0


def record(workspace: Workspace, *, subjects: int) -> None:
    """Clips of so many people, in the place of what was downloaded and preprocessed; the same people as before, and more."""
    workspace.set(download__phantom__subjects=subjects)
    for name in ("data/raw", "data/audit", "reports/contact_sheets"):
        workspace.path(name).mkdir(parents=True, exist_ok=True)
        workspace.path(name).joinpath("simulated").write_text(f"{subjects} people\n")
        seal(workspace.path(name))
    shutil.rmtree(workspace.path("data/clips"), ignore_errors=True)
    preprocessing = load_params(workspace.path("params.yaml")).preprocess.model_dump()
    write_store(workspace.path("data/clips"), seed=0, subjects=subjects, clips=4, preprocessing=preprocessing)
    workspace.run("-m", "dvc", "repro", "--quiet", "--single-item", "source")
    workspace.run("-m", "dvc", "commit", "--quiet", "--force", "download", "preprocess")


def people_tested(workspace: Workspace) -> set[str]:
    """dataset/subject_id of everybody in the predictions on the test split."""
    script = (
        "import pandas; from tast.people import person_of; from flows.layout import PREDICTIONS;"
        "print(' '.join(sorted(set(person_of(pandas.read_parquet(PREDICTIONS))))))"
    )
    return set(workspace.run("-c", script).stdout.split())


def people_seen(workspace: Workspace) -> set[str]:
    return set(json.loads(workspace.path("models/tast_net/model.json").read_text())["people_seen"])
