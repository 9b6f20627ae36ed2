"""A workspace for the real pipeline: this tree's files in a new git repository, with a phantom small enough for a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from benchmarks.growth import set_params as set_params

PROJECT = Path(__file__).resolve().parents[2]
SMALL = {
    "download.phantom.worlds.count": 2,
    "download.phantom.subjects": 6,
    "download.phantom.seconds": 12,
    "download.phantom.fps_hz": 20,
    "download.phantom.width_px": 192,
    "download.phantom.height_px": 160,
    "download.phantom.face_height_px": 110,
    "download.phantom.scenarios": ["steady", "talking"],  # a contact sheet each
    "preprocess.clips.length_s": 4,
    "preprocess.clips.size_px": 32,
    "split.folds": 3,
    "train.epochs": 3,
    "train.threads": 1,  # the other process's tests have the other core
    "runner.workers": 1,
    "evaluate.bootstrap": 50,
    "promote.judged": "level",
    "promote.fewest_subjects": 2,
}

CANARIES = {  # secrets in the environment of the first run: none of them may be anywhere afterwards (test_secrets.py)
    "PREFECT_SERVER_API_AUTH_STRING": "canary:canary-of-prefect",
    "MLFLOW_TRACKING_PASSWORD": "canary-of-mlflow",
    "AWS_ACCESS_KEY_ID": "AKIACANARYOFAWS",
    "AWS_SECRET_ACCESS_KEY": "canary-of-aws",
    "TAST_SERVICE_TOKEN": "canary-of-the-service",
}


@dataclass(frozen=True)
class Workspace:
    folder: Path
    api_url: str | None = None

    def run(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """`python ARGUMENTS` in the workspace, with the venv's programs on PATH and no state from outside but `environment`."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=own_environment() | ({"PREFECT_API_URL": self.api_url} if self.api_url else {}) | environment,
            capture_output=True,
            text=True,
            timeout=560,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def set(self, **values: Any) -> None:
        set_params(self.folder / "params.yaml", {name.replace("__", "."): value for name, value in values.items()})

    def path(self, name: str) -> Path:
        return self.folder / name


def own_environment() -> dict[str, str]:
    """The environment less what would bring state from outside, or forbid to keep compiled code; where this tree has its own."""
    outside = ("PREFECT_", "DVC_", "MLFLOW_", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
    environment.setdefault("NUMBA_CACHE_DIR", str(PROJECT / "tast/__pycache__"))  # one content, one code: see tast.compiled
    return environment | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"}


def clone(folder: Path) -> Workspace:
    """The working tree's files (not git's last commit) in a new repository, without outputs and without dvc.lock."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        source = PROJECT / name
        if source.is_file() and not name.startswith("tests/") and name != "dvc.lock":
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    set_params(folder / "params.yaml", SMALL)
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "tree"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return Workspace(folder)


@pytest.fixture(scope="session")
def first_run(shared: Path) -> tuple[Path, float]:
    """A folder in which the whole pipeline has run once, which nothing changes afterwards, and the seconds that it took.

    Made by the first of pytest-xdist's processes that asks, for all of them. Three epochs on four people teach nothing that would
    be promoted; the title is given by hand.
    """
    folder, took = shared / "first_run", shared / "first_run_s.txt"
    with FileLock(shared / "first_run.lock"):
        if not took.exists():
            workspace = clone(folder)
            start_s = time.monotonic()
            workspace.run("-m", "flows.pipeline", **CANARIES)
            took_s = time.monotonic() - start_s
            workspace.run("-m", "flows.registry", "champion", "1")
            took.write_text(str(took_s))
    return folder, float(took.read_text())


@pytest.fixture(scope="session")
def finished(first_run: tuple[Path, float], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """This process's copy of it; what MLflow keeps of the run lies in the first folder still."""
    return copied(first_run[0], tmp_path_factory.mktemp("finished") / "project")


def copied(finished: Path, folder: Path) -> Workspace:
    """A finished workspace in a folder of its own."""
    return Workspace(Path(shutil.copytree(finished, folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))))


@pytest.fixture(scope="session")
def run_s(first_run: tuple[Path, float]) -> float:
    return first_run[1]


@pytest.fixture(scope="package")
def api_url(prefect_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect server for the tests of this folder that run stages by themselves: idle, it takes a fortieth of a core."""
    folder = tmp_path_factory.mktemp("prefect_home")
    shutil.copy(prefect_database, folder)
    os.environ["PREFECT_HOME"] = str(folder)
    from flows.servers import prefect_server

    with prefect_server() as address:
        yield f"{address}/api"
