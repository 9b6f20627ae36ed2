"""The doctor in a project folder: servers that answer or do not, the cache, git, DVC, each with what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from flows.servers import free_port
from tast.cli.main import app
from tast.doctor import project as doctor_project
from tast.doctor.project import check_cache, check_commit, check_mlflow, check_outputs, check_prefect, check_saved_model
from tests.end_to_end.conftest import clone


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree in a new repository, without outputs."""
    return clone(tmp_path_factory.mktemp("project")).folder


@pytest.fixture
def broken_server() -> Iterator[str]:
    """It answers, and not as Prefect or MLflow would."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (BaseHTTPRequestHandler,), {"log_message": lambda *_: None}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_where_nothing_listens_it_says_what_to_start():
    url = f"http://127.0.0.1:{free_port()}"
    for check, name, starter in (
        (check_prefect({"PREFECT_API_URL": f"{url}/api"}), "PREFECT_API_URL", "`prefect server start`"),
        (check_mlflow({"MLFLOW_TRACKING_URI": url}), "MLFLOW_TRACKING_URI", "`mlflow server`"),
    ):
        assert not check.ok and "does not answer (ConnectionError)" in check.detail
        assert starter in check.what_to_do and f"unset {name}" in check.what_to_do


def test_a_server_that_is_silent_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(doctor_project, "ANSWER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check = check_mlflow({"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{silent.getsockname()[1]}"})
    assert not check.ok and "does not answer (ReadTimeout)" in check.detail


def test_another_server_at_the_address_is_doubted(broken_server):
    check = check_prefect({"PREFECT_API_URL": broken_server})
    assert not check.ok and "answers 501" in check.detail and "is PREFECT_API_URL its address?" in check.what_to_do


@pytest.mark.parametrize(
    ("uri", "detail"),
    [
        ("", "not set: a file in .tast/mlflow"),
        ("sqlite:////nowhere/mlflow.db", "a file that is not there yet"),
        ("postgresql+psycopg2://anna:s3cret@host/mlflow", "postgresql+psycopg2 database"),
    ],
)
def test_a_store_without_a_server_is_named_without_its_password(uri, detail):
    check = check_mlflow({"MLFLOW_TRACKING_URI": uri})
    assert check.ok and check.detail == detail and "s3cret" not in f"{check}"


def test_nothing_set_is_no_failure():
    check = check_prefect({})
    assert check.ok and "each run starts its own" in check.detail and "make serve" in check.what_to_do


def test_the_cache_must_be_a_folder_that_can_be_written(tmp_path):
    assert check_cache(tmp_path, {}).ok and check_cache(tmp_path, {"TAST_CACHE": str(tmp_path / "new/deep")}).ok
    (tmp_path / "file").touch()
    for given, said in ((f"{tmp_path}/file/cache", "cannot be written"), ("s3://team/cache", "TAST_CACHE=s3://team/cache")):
        check = check_cache(tmp_path, {"TAST_CACHE": given})
        assert not check.ok and said in check.detail and check.what_to_do
    assert not (tmp_path / ".tast").exists() and not (tmp_path / "new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_of_somebody_else(tmp_path):
    tmp_path.chmod(0o555)
    assert not check_cache(tmp_path, {}).ok


def test_git_and_dvc_of_a_new_clone_and_of_a_changed_one(project):
    assert check_commit(project).detail == "clean" and check_commit(project).what_to_do == ""
    assert check_saved_model(project).ok and "make repro" in check_saved_model(project).what_to_do
    assert check_outputs(project).detail == "those of dvc.lock"
    (project / "notes.txt").touch()
    check = check_commit(project)
    (project / "notes.txt").unlink()
    assert check.ok and check.detail == "1 files changed since" and "git commit" in check.what_to_do


def test_outputs_that_are_not_those_of_the_lock_are_counted(project, tmp_path):
    folder = tmp_path / "copy"
    subprocess.run(["git", "clone", "-q", str(project), str(folder)], check=True)
    (folder / "dvc.yaml").write_text("stages:\n  one:\n    cmd: echo 1 > one.txt\n    outs: [one.txt]\n")
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], cwd=folder, check=True)
    assert check_outputs(folder).detail == "those of dvc.lock"
    (folder / "one.txt").unlink()
    check = check_outputs(folder)
    assert check.ok and check.detail == "1 are not those of dvc.lock" and "dvc checkout" in check.what_to_do


def test_a_folder_without_git_or_dvc_is_told(tmp_path):
    assert "git clone" in check_commit(tmp_path).what_to_do and not check_commit(tmp_path).ok
    assert "dvc data status" in check_outputs(tmp_path).what_to_do and not check_outputs(tmp_path).ok


def test_the_command_shows_all_and_fails_where_one_does(project, monkeypatch, any_disk_and_memory):
    monkeypatch.chdir(project)
    for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "TAST_CACHE"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.stdout
    shown = result.stdout
    assert all(name in shown for name in ("Python", "free disk", "Prefect server", "MLflow store", "git commit", "DVC outputs"))
    monkeypatch.setenv("TAST_CACHE", "s3://team/cache")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1 and "name a folder" in result.stdout
