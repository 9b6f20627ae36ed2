"""What decides that nothing changed, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

import flows.pipeline as pipeline
from flows.stage_deps import read_stages
from tast.closure import ROOT
from tast.errors import BadInput, TastError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tree = Path("params.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(tree)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.setattr(pipeline, "STATE", tmp_path / ".tast")
    monkeypatch.setattr(pipeline, "LOCK", tmp_path / ".tast" / "pipeline.lock")
    monkeypatch.setattr(pipeline, "PUBLISHED", tmp_path / ".tast" / "published")
    return tmp_path


def test_params_or_lock_changed_means_changed(project: Path) -> None:
    (project / "dvc.lock").write_text("a")
    first = pipeline._fingerprint()
    (project / "dvc.lock").write_text("b")
    second = pipeline._fingerprint()
    (project / "params.yaml").write_text("c")
    assert len({first, second, pipeline._fingerprint()}) == 3


def test_never_published_means_changed(project: Path) -> None:
    assert not pipeline.nothing_changed()


def test_a_workspace_that_is_held_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (project / ".tast").mkdir()
    assert not pipeline.held()
    with FileLock(project / ".tast" / "pipeline.lock"):
        assert pipeline.held()
        with pytest.raises(TastError, match="holds this workspace"):
            pipeline.reproduce(patience_s=0.1)
    assert not pipeline.held()


def test_a_scheduled_run_waits_for_the_one_at_work(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.setattr("flows.main_job.run", lambda until: ran.append(time.monotonic()))
    ran: list[float] = []
    pipeline.LOCK.parent.mkdir()
    lock = FileLock(pipeline.LOCK, thread_local=False)
    lock.acquire()
    leaves = threading.Timer(0.5, lock.release)
    started_s = time.monotonic()
    leaves.start()
    pipeline.reproduce(patience_s=30)
    leaves.join()
    assert len(ran) == 1
    assert ran[0] - started_s >= 0.5


def test_inside_a_stage_it_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "train")
    with pytest.raises(TastError, match="'train': DVC cannot run within itself"):
        pipeline.reproduce()


def test_what_finds_nothing_to_do_never_loads_prefect() -> None:
    """It takes two seconds, pandas and MLflow more: a run without work has 5 s in all, most of it DVC's."""
    code = "import sys, flows.pipeline; print(*{'prefect', 'pandas', 'mlflow', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("text", ["", "stages: [\n", "a: 1\n", "- b\n"])
def test_a_broken_dvc_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"dvc\.yaml: no stages can be read"):
        read_stages(tmp_path / "dvc.yaml")


@pytest.mark.parametrize("refused", [pipeline.reproduce, pipeline.print_dry_run])
def test_outputs_behind_a_link_are_refused_before_anything_runs(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, refused: Callable[[], None]
) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    disk = tmp_path_factory.mktemp("disk")
    (project / "data").symlink_to(disk)
    with pytest.raises(TastError, match=f"data is a link to {disk}, and DVC keeps nothing behind a link"):
        refused()
    assert list(disk.iterdir()) == []
