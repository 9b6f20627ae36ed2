"""The main job, really run: stages, MLflow, registry, and what must not be computed twice."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.conftest import Workspace, copied

pytestmark = pytest.mark.end_to_end


def test_outputs_have_the_promised_names_and_columns(finished: Workspace) -> None:
    metrics = json.loads(finished.path("reports/scores.json").read_text())
    assert metrics["protocol"] == "subject_independent"
    assert {"rmse", "mae", "pearson_r", "n_clips", "n_subjects"} <= set(metrics["test"])
    assert {"rmse", "mae"} <= set(metrics["constant"])
    assert {"rmse", "mae", "pearson_r"} <= set(metrics["ratio_of_ratios"])
    predictions = pd.read_parquet(finished.path("reports/predictions.parquet"))
    assert list(predictions.columns) == [
        "dataset", "subject_id", "record_id", "scenario", "second", "start_s", "true_percent", "predicted_percent",
        "lower_percent", "upper_percent", "n_clips", "quality", "spot_sd_percent", "codec",
        "bits_per_pixel", "changing_percent", "brightness", "change_gain", "change_lowest_percent", "change_highest_percent",
    ]  # fmt: skip
    assert not predictions.duplicated(["dataset", "subject_id", "record_id", "second"]).any()
    assert set(predictions["dataset"]) == {"phantom"}
    assert finished.path("data/clips/rejects.csv").read_text().splitlines()[0] == "record_id,reason"
    assert "<img" in finished.path("reports/report.html").read_text()
    assert {p.name for p in finished.path("models/tast_net").iterdir()} == {"model.safetensors", "model.json"}
    assert json.loads(finished.path("models/tast_net/model.json").read_text())["interval"]["coverage"] == 0.9


def test_the_model_is_registered_with_its_scores(finished: Workspace) -> None:
    script = (
        "from flows.store import tracking_uri; import mlflow; mlflow.set_tracking_uri(tracking_uri());"
        "client = mlflow.MlflowClient(); version = client.get_model_version_by_alias('tast-net', 'champion');"
        "print(client.get_run(version.run_id).data.metrics['test/rmse'])"
    )
    rmse = float(finished.run("-c", script).stdout.splitlines()[-1])
    assert rmse == pytest.approx(json.loads(finished.path("reports/scores.json").read_text())["test"]["rmse"], abs=1e-5)


def test_a_second_run_says_that_nothing_changed(finished: Workspace) -> None:
    before = finished.path("dvc.lock").read_bytes()
    said = finished.run("-m", "flows.pipeline").stdout
    assert said.startswith("Nothing changed since the last run.")
    assert "constant predictor" in said
    assert finished.path("dvc.lock").read_bytes() == before


def test_a_training_parameter_does_not_preprocess_again(finished: Workspace) -> None:
    finished.set(train__epochs=4)
    would_run = finished.run("-m", "dvc", "repro", "--dry").stdout
    finished.set(train__epochs=3)
    assert "flows.stages.train" in would_run
    assert "flows.stages.preprocess" not in would_run


def test_one_more_video_computes_one_and_one_less_none(finished: Workspace, tmp_path: Path) -> None:
    workspace = copied(finished.folder, tmp_path / "project")
    workspace.set(download__phantom__subjects=7)
    assert "computed 1, from the cache 6" in workspace.run("-m", "dvc", "repro", "preprocess").stderr
    workspace.set(download__phantom__subjects=2)
    assert "computed 0, from the cache 2" in workspace.run("-m", "dvc", "repro", "preprocess").stderr
    manifest = pd.read_parquet(workspace.path("data/clips/manifest.parquet"))
    assert {p.name for p in workspace.path("data/clips").glob("*.npy")} == set(manifest["file"])
    assert manifest["record_id"].nunique() == 2


def test_the_pipeline_refuses_to_run_inside_a_stage(finished: Workspace) -> None:
    code = "import os, runpy; os.environ['DVC_STAGE'] = 'train'; runpy.run_module('flows.pipeline', run_name='__main__')"
    done = finished.run("-c", code, check=False)
    assert done.returncode == 1
    assert "DVC cannot run within itself" in done.stderr
