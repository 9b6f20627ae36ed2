"""`make clean` removes by name what the pipeline made, and nothing else, whatever lies beside it or behind a link."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from tast.closure import ROOT

OUTPUTS = (
    "data/source.json", "data/method.json",
    "data/raw/phantom/a.png", "data/audit/audit.html", "data/clips/manifest.parquet", "data/split.json",
    "models/tast_net/model.json", "reports/learning_curve.csv", "reports/predictions.parquet", "reports/report.html",
    "reports/metrics.json", "reports/plots/a.png", "reports/contact_sheets/a.png", "data/.clips.123.part/a.npy",
)  # fmt: skip
STATE = (".tast/cache/a", ".tast/checkpoints/a", ".tast/prefect/prefect.db", ".tast/logs/prefect.log", ".tast/published")
THEIRS = ("data/vipl/p1/v1/source1/video.avi", "reports/notes.md", "reports/ablation/table.md", ".tast/mine")
STAYS = (".dvc/cache/files/md5/00/a", ".tast/downloads/pure/pure.zip", ".tast/mlflow/mlflow.db", ".tast/benchmarks/evm.json")


def fill(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def files_in(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with what the program needs of the tree."""
    folder = tmp_path / "project"
    for package in ("flows", "tast"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", folder)
    return folder


def clean(project: Path, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PYTHON"))}
    command = [sys.executable, "-m", "flows.clean", *options]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or not check, done.stderr
    return done


def test_outputs_and_caches_go_and_all_else_stays(project: Path) -> None:
    before = files_in(project)
    fill(project, (*OUTPUTS, *STATE, *THEIRS, *STAYS))
    listed = clean(project, "--dry-run").stdout
    assert files_in(project) == before | {*OUTPUTS, *STATE, *THEIRS, *STAYS}
    assert {"data/raw", "data/clips", "models", ".tast/cache"} <= {line.split(" (")[0] for line in listed.splitlines()}
    assert "data/vipl" not in listed
    clean(project)
    assert files_in(project) - {".tast/pipeline.lock"} == before | {*THEIRS, *STAYS}
    assert clean(project).stdout == "removed: nothing, all clean\n"


def test_nothing_but_the_code_is_left_of_a_project_that_holds_nothing_else(project: Path) -> None:
    fill(project, OUTPUTS)
    clean(project)
    assert not any((project / name).exists() for name in ("data", "models", "reports"))


def test_behind_a_link_to_a_folder_the_outputs_go_by_name(project: Path, tmp_path: Path) -> None:
    """data -> /big/disk, as one does for want of room."""
    disk = tmp_path / "disk"
    fill(disk, ("raw/phantom/a.png", "clips/a.npy", "vipl/video.avi", "holiday/picture.jpg"))
    (project / "data").symlink_to(disk)
    clean(project)
    assert (project / "data").is_symlink()
    assert files_in(disk) == {"vipl/video.avi", "holiday/picture.jpg"}


def test_of_an_output_that_is_a_link_the_link_goes(project: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    fill(disk, ("vipl/video.avi", "curve.csv"))
    for name, target in (
        ("data/raw", disk / "vipl"),
        ("models", disk / "gone"),
        ("reports/learning_curve.csv", disk / "curve.csv"),
    ):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).symlink_to(target)
    clean(project)
    assert not any((project / name).is_symlink() for name in ("data/raw", "models", "reports/learning_curve.csv"))
    assert files_in(disk) == {"vipl/video.avi", "curve.csv"}


def test_the_registry_goes_only_where_it_was_agreed_to(project: Path) -> None:
    fill(project, (*STAYS, "data/split.json"))
    refused = clean(project, "--registry", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: --registry removes registered models for good")
    assert (project / ".tast/mlflow/mlflow.db").is_file()
    assert (project / "data/split.json").is_file()
    clean(project, "--registry", "--downloads", "--yes")
    assert not (project / ".tast/mlflow").exists()
    assert not (project / ".tast/downloads").exists()


@pytest.mark.parametrize(("answer", "stays"), [("\n", True), ("n\n", True), ("yes\n", False)])
def test_at_a_terminal_it_asks(project: Path, answer: str, stays: bool) -> None:
    fill(project, STAYS)
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.clean", "--registry"], cwd=project, stdin=end, stdout=end, stderr=end,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
    )  # fmt: skip
    shown, deadline = b"", time.monotonic() + 60
    while b"[y/N]" not in shown and time.monotonic() < deadline:
        shown += os.read(terminal, 1024)
    os.write(terminal, answer.encode())
    assert process.wait(60) == (1 if stays else 0)
    os.close(terminal)
    os.close(end)
    assert (project / ".tast/mlflow/mlflow.db").is_file() == stays


def test_a_run_that_is_at_work_is_left_alone(project: Path) -> None:
    fill(project, OUTPUTS)
    (project / ".tast").mkdir()
    with FileLock(project / ".tast/pipeline.lock"):
        refused = clean(project, check=False)
    assert (refused.returncode, refused.stderr) == (
        1, "error: a run of the pipeline is at work in this workspace; stop it or wait for it\n",
    )  # fmt: skip
    assert set(OUTPUTS) <= files_in(project)


def test_what_every_stage_keeps_below_its_state_is_known_to_clean() -> None:
    """A name below STATE that flows use and clean does not know would stay for ever."""
    from flows.clean import DOWNLOADS, LOCK, MADE, MEASURED, REGISTRY

    code = [file.read_text() for file in (ROOT / "flows").rglob("*.py")]
    named = {name for text in code for name in re.findall(r'STATE(?:\.name)? / "([^"]+)', text)}
    assert {"cache", "mlflow", "published"} <= named
    assert named <= {*MADE, DOWNLOADS, LOCK, MEASURED, REGISTRY}
