"""What a team shares through a store: DVC's outputs and MLflow's artifacts, against a real S3 server, as docs/team.md says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from flows.servers import NO_JOBS, _wait_until_healthy, free_port, guarded
from flows.store import ARTIFACTS, artifact_root
from tast.tracking.projection import publish
from tast.tracking.registry import model_files
from tests.end_to_end.conftest import clone
from tests.s3_server import BUCKET, S3Server, environment_of, running_s3
from tests.tracking.conftest import make_publication, store_in

PUSHED = {
    "data/split.json", "models/tast_net/model.json", "reports/learning_curve.csv", "reports/metrics.json", "reports/plots/a.png",
    "reports/plot_data/predictions.json", "reports/predictions.parquet", "reports/report.html", "reports/scores.json",
}  # fmt: skip
KEPT = {"data/raw/face.png", "data/audit/audit.html", "data/clips/manifest.parquet", "reports/contact_sheets/face.png"}
CODE = {f"data/code/{stage}.json" for stage in ("download", "preprocess", "split", "train", "evaluate")}
NOT_CACHED = {"data/source.json", "data/method.json"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with running_s3(monkeypatch) as running:
        yield running


def run(folder: Path, *command: str) -> str:
    program = [sys.executable, "-m", "dvc", *command[1:]] if command[0] == "dvc" else list(command)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DVC_"))}
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


def name_credentials(folder: Path) -> None:
    run(folder, "dvc", "remote", "modify", "--local", "team", "access_key_id", "key")
    run(folder, "dvc", "remote", "modify", "--local", "team", "secret_access_key", "s3cret")


def files_below(folder: Path, *parts: str) -> set[str]:
    return {file.relative_to(folder).as_posix() for part in parts for file in (folder / part).rglob("*") if file.is_file()}


def test_outputs_go_to_a_remote_and_into_another_clone_and_faces_stay(server, tmp_path):
    first = clone(tmp_path / "first").folder
    for name in PUSHED | CODE | KEPT | NOT_CACHED:
        (first / name).parent.mkdir(parents=True, exist_ok=True)
        (first / name).write_text(json.dumps({"content of": name}))
    (first / "data/methods").mkdir()  # of a project without a table
    run(first, "dvc", "commit", "--force", "--quiet")
    run(first, "dvc", "remote", "add", "--default", "team", f"s3://{BUCKET}/dvc")
    run(first, "dvc", "remote", "modify", "team", "endpointurl", server.address)
    name_credentials(first)
    assert "18 files pushed" in run(first, "dvc", "push")
    stored = b"".join(server.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in server.keys("dvc/"))
    assert b"reports/report.html" in stored and not any(name.encode() in stored for name in KEPT)
    assert "s3cret" not in run(first, "git", "diff")
    run(first, "git", "add", "--all")
    run(first, "git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "run")
    second = tmp_path / "second"
    run(tmp_path, "git", "clone", "-q", str(first), str(second))
    name_credentials(second)
    run(second, "dvc", "pull", "--allow-missing")
    assert files_below(second, "data", "models", "reports") == PUSHED | CODE
    assert all((second / name).read_bytes() == (first / name).read_bytes() for name in PUSHED | CODE)


def test_artifacts_go_straight_to_the_store(server, empty_database, tmp_path):
    where = {"tracking_uri": store_in(tmp_path, empty_database).tracking_uri, "artifact_root": f"s3://{BUCKET}/mlflow"}
    publication = make_publication(tmp_path / "made")
    published = publish(publication, **where)
    assert any(key.endswith(f"{published.run_id}/artifacts/metrics.json") for key in server.keys("mlflow/"))
    folder = model_files("models:/tast-net@challenger", tmp_path / "back", tracking_uri=where["tracking_uri"])
    assert (folder / "model.json").read_bytes() == (publication.model_folder / "model.json").read_bytes()


def test_a_teams_server_keeps_artifacts_in_the_store_and_its_users_need_no_credentials(
    server, empty_database, tmp_path, monkeypatch
):
    port = free_port()
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    command = [
        sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", "--serve-artifacts",
        "--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}", "--artifacts-destination", f"s3://{BUCKET}/mlflow",
    ]  # fmt: skip
    address, log_file, environment = f"http://127.0.0.1:{port}", tmp_path / "log", os.environ | NO_JOBS
    with (
        log_file.open("wb") as log,
        guarded(command, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path, env=environment) as process,
    ):
        _wait_until_healthy("mlflow", process, f"{address}/health", 300, log_file)
        for name in environment_of(server):
            monkeypatch.delenv(name)
        published = publish(make_publication(tmp_path / "made"), tracking_uri=address, artifact_root=None)
        run_info = MlflowClient(address).get_run(published.run_id).info
        assert run_info.artifact_uri.startswith("mlflow-artifacts:/")
        folder = model_files("models:/tast-net@challenger", tmp_path / "back", tracking_uri=address)
    assert (folder / "model.json").read_text() == '{"model_name": "tast_net", "seed": 0}'
    assert any(key.endswith(f"{published.run_id}/artifacts/metrics.json") for key in server.keys("mlflow/"))


@pytest.mark.parametrize(
    ("uri", "given", "root"),
    [
        ("https://mlflow.example.org", None, None),
        ("https://mlflow.example.org", "s3://team/mlflow", "s3://team/mlflow"),
        ("sqlite:///mlflow.db", "s3://team/mlflow", "s3://team/mlflow"),
        ("sqlite:///mlflow.db", None, ARTIFACTS.as_uri()),
    ],
)
def test_artifacts_lie_where_the_environment_or_the_server_says(monkeypatch, uri, given, root):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.delenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", raising=False)
    if given:
        monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", given)
    assert artifact_root() == root
