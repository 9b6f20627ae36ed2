"""`tast init`: a project's files are TAST's own, its stages the same, its code the installed package's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from tast.cli.main import app
from tast.closure import ROOT
from tast.errors import BadInput
from tast.starter.project import start_project
from tast.starter.shipped import SHIPPED, params_file
from tests.end_to_end.conftest import own_environment

STAGES = list(YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("started") / "study"
    result = CliRunner().invoke(app, ["init", str(folder)])
    assert result.exit_code == 0 and "dvc repro" in result.stdout
    return folder


def test_its_files_are_those_of_this_folder(project: Path) -> None:
    changed = {"prefect.yaml"}
    for name in set(SHIPPED) - changed:
        assert (project / name).read_bytes() == (ROOT / name).read_bytes()
    held = {file.relative_to(project).as_posix() for file in project.rglob("*") if file.is_file() and ".git" not in file.parts}
    assert held == {*SHIPPED, "README.md"}
    assert (project / ".git").is_dir()


def test_its_deployments_name_flows_that_can_be_imported(project: Path) -> None:
    own = {one["name"] for one in YAML(typ="safe").load(ROOT / "prefect.yaml")["deployments"]}
    listed = {one["name"]: one["entrypoint"] for one in YAML(typ="safe").load(project / "prefect.yaml")["deployments"]}
    assert set(listed) == own - {"weekly"}
    assert listed["nightly"] == "flows.scheduled.pipeline"
    for entrypoint in listed.values():
        module, _, flow = entrypoint.rpartition(".")
        assert f"def {flow}(" in (ROOT / f"{module.replace('.', '/')}.py").read_text()


def test_dvc_reads_its_stages(project: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"], cwd=project, env=own_environment(), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert listed.stdout.split() == [name for name in STAGES if name not in ("trial", "table")]  # a matrix of nothing as yet


def test_what_is_in_the_way_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("mine")
    with pytest.raises(BadInput, match="it exists and is not empty; expected a new folder"):
        start_project(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["params.yaml"]


def test_an_empty_repository_becomes_a_project_of_the_same(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    head = (tmp_path / ".git/config").read_bytes()
    start_project(tmp_path)
    assert (tmp_path / ".git/config").read_bytes() == head and (tmp_path / "dvc.yaml").is_file()


def test_a_folder_inside_of_a_repository_gets_none_of_its_own(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    start_project(tmp_path / "science/spo2")
    assert not (tmp_path / "science/spo2/.git").exists()


def test_without_git_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, ["init", str(tmp_path / "study")])
    assert result.exit_code == 1 and "git is not installed" in str(result.exception)
    assert not (tmp_path / "study").exists()


def test_commands_outside_of_a_project_take_the_parameters_that_came_with_tast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert params_file().read_bytes() == (ROOT / "params.yaml").read_bytes()
    (tmp_path / "params.yaml").write_text("of this project")
    assert params_file() == Path("params.yaml")
