"""MLflow as a projection of files: the registry from the command line, and what comes back where the database was lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Workspace

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]


def test_compare_tells_its_evidence_and_changes_nothing(finished: Workspace) -> None:
    output = json.loads(finished.run("-m", "tast", "compare", "--json").stdout)
    assert (output["challenger"], output["champion"], output["outcome"]) == ("1", "1", "champion already")
    metrics = json.loads(finished.path("reports/scores.json").read_text())
    assert output["evidence"]["challenger_rmse"] == pytest.approx(metrics["test"]["rmse"], abs=1e-5)
    assert output["evidence"]["reference_rmse"] == pytest.approx(metrics["constant"]["rmse"], abs=1e-5)
    card = json.loads(finished.path("models/tast_net/model.json").read_text())
    assert len(output["evidence"]["people"]) == 2 and not {*output["evidence"]["people"]} & {*card["people_seen"]}


def test_the_champion_is_what_lies_here(finished: Workspace) -> None:
    """Registered from these files: no figure, no parameter and no line of code differs."""
    found = json.loads(finished.run("-m", "tast", "compare", "tast-net@champion", "workspace", "--json").stdout)
    assert found["on"] == "the test recordings of both"
    assert {one["difference"] for one in found["measures"].values()} <= {0.0, None}
    assert found["measures"]["rmse"]["b"] == pytest.approx(found["b"]["test_rmse"], abs=2e-6)
    assert (found["parameters"], found["code"]) == ({}, [])


def test_rollback_with_nothing_before_says_so(finished: Workspace) -> None:
    done = finished.run("-m", "tast", "rollback", "--reason", "a test", check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("version 1 of tast-net replaced no other: there is nothing to go back to")


def test_publishing_twice_makes_one_run(finished: Workspace) -> None:
    before = in_mlflow(finished)
    finished.run("-m", "flows.publish")  # the pipeline did before; alone, it starts a server of Prefect's for itself
    assert in_mlflow(finished) == before
    (run,) = before["runs"]
    assert run["models"] == ["model", "video_model"]
    assert "system/cpu_utilization_percentage" in run["sampled"]


def test_a_run_has_the_parameters_it_was_made_with_and_says_what_its_commit_has_not(
    finished: Workspace, api_url: str, empty_database: Path, tmp_path: Path
) -> None:
    workspace = Workspace(finished.folder, api_url)
    shutil.copy(empty_database, tmp_path)
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}", "MLFLOW_DEFAULT_ARTIFACT_ROOT": tmp_path.as_uri()}
    publish = f"import os, runpy; os.environ |= {store}; runpy.run_module('flows.publish', run_name='__main__')"
    show = f"import os; os.environ |= {store}\n{CONTENT}"
    params, module = finished.path("params.yaml"), finished.path("tast/planted.py")
    before = params.read_text()
    try:
        finished.set(train__epochs=999)
        module.touch()
        said = workspace.run("-c", publish).stderr
    finally:
        params.write_text(before)
        module.unlink()
    assert "published as dirty" in said and "params.yaml, tast/planted.py" in said
    (run,) = json.loads(finished.run("-c", show).stdout.splitlines()[-1])["runs"]
    assert (run["params"]["train.epochs"], run["tags"]["tast.dirty"]) == ("3", "true")
    workspace.run("-c", publish)  # the change is taken back
    (run,) = json.loads(finished.run("-c", show).stdout.splitlines()[-1])["runs"]
    assert (run["params"]["train.epochs"], run["tags"]["tast.dirty"]) == ("3", "false")


def test_a_lost_database_and_lost_outputs_come_back_the_same(finished: Workspace, api_url: str) -> None:
    """Outputs and dvc.lock deleted, DVC restores them from its run cache and executes no stage: publishing needs none to run."""
    before, lock = in_mlflow(finished), finished.path("dvc.lock").read_bytes()
    for name in ("data/clips", "models", "reports", ".tast/mlflow"):
        shutil.rmtree(finished.path(name))
    finished.path("dvc.lock").unlink()
    said = finished.run("-m", "dvc", "repro").stdout
    assert all(f"Stage '{stage}' is cached - skipping run" in said for stage in ("preprocess", "split", "train", "evaluate")), (
        said
    )
    assert finished.path("dvc.lock").read_bytes() == lock
    workspace = Workspace(finished.folder, api_url)
    workspace.run("-m", "flows.publish")
    workspace.run("-m", "flows.promote")
    finished.run("-m", "flows.registry", "champion", "1")
    assert in_mlflow(finished) == before


def in_mlflow(workspace: Workspace) -> dict[str, Any]:
    return dict(json.loads(workspace.run("-c", CONTENT).stdout.splitlines()[-1]))


CONTENT = """
import json
from mlflow import MlflowClient
from flows.store import tracking_uri

client = MlflowClient(tracking_uri(), tracking_uri())


def files(run_id, folder=None):
    for item in client.list_artifacts(run_id, folder):
        yield from files(run_id, item.path) if item.is_dir else [(item.path, item.file_size)]


def told(run):
    history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    curves = {name: [(one.step, one.value) for one in curve] for name, curve in history.items()}
    sampled = {name: [one.timestamp for one in curve] for name, curve in history.items() if name.startswith("system/")}
    tags = {name: value for name, value in run.data.tags.items() if name.startswith("tast.")}
    models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    return {
        "name": run.info.run_name, "params": run.data.params, "curves": curves, "sampled": sampled, "tags": tags,
        "files": sorted(files(run.info.run_id)), "models": sorted(model.name for model in models),
    }


runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
versions = client.search_model_versions("name = 'tast-net'")
print(json.dumps({
    "runs": [told(run) for run in runs],
    "versions": {version.version: version.tags for version in versions},
    "aliases": client.get_registered_model("tast-net").aliases,
}))
"""
