"""`tast ablate`, `tast benchmark`, `tast compare`: programs of the project's folder, with their own options and exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from tast.cli import project
from tast.cli.main import app
from tast.errors import BadInput

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "started"),
    [
        (["ablate", "--seeds", "0", "--dry-run"], ["flows.tables.ablate", "--seeds", "0", "--dry-run"]),
        (["ablate", "--help"], ["flows.tables.ablate", "--help"]),
        (["table", "--dry-run"], ["benchmarks.table", "--dry-run"]),
        (["compare"], ["flows.registry", "compare"]),
        (["compare", "--json"], ["flows.registry", "compare", "--json"]),
        (["compare", "HEAD~1"], ["flows.compare", "HEAD~1"]),
        (
            ["compare", "HEAD~1", "a", "--json", "--picture", "a.png"],
            ["flows.compare", "HEAD~1", "a", "--json", "--picture", "a.png"],
        ),
        (["compare", "--help"], ["flows.compare", "--help"]),
        (["benchmark", "models", "--help"], ["benchmarks.models", "--help"]),
        (["benchmark", "accuracy", "--set", "vipl"], ["benchmarks.accuracy", "--set", "vipl"]),
        (["benchmark", "metadata", "evm"], ["benchmarks.metadata", "evm"]),
        (["benchmark", "nothing"], ["benchmarks", "nothing"]),
        (["benchmark", "--help"], ["benchmarks", "--help"]),
    ],
)
def test_arguments_reach_the_program_and_its_exit_code_comes_back(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], started: list[str]
) -> None:
    commands = []

    class Done:
        returncode = 3

    monkeypatch.setattr(project.subprocess, "run", lambda command, check: commands.append(command[2:]) or Done())
    assert CliRunner().invoke(app, arguments).exit_code == 3
    assert commands == [started]


def test_every_command_that_a_text_or_a_program_names_is_one() -> None:
    """`tast WORD` of README, docs, and of the programs that call themselves so."""
    texts = [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "flows").rglob("*.py"),
        *(ROOT / "benchmarks").glob("*.py"),
    ]
    named = {
        word
        for path in texts
        for word in re.findall(r"(?:^    |`|prog=\")tast ([a-z_]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert {"table", "compare", "predict"} <= named and named <= known


def test_outside_of_the_project_it_says_where_to_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["ablate"])
    assert isinstance(result.exception, BadInput)
    assert "the project's top folder" in str(result.exception)


def test_in_a_project_without_code_the_installed_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    started: list[list[str]] = []

    class Done:
        returncode = 0

    monkeypatch.setattr(project.subprocess, "run", lambda command, check: started.append(command[2:]) or Done())
    assert CliRunner().invoke(app, ["rollback", "--reason", "reads too high"]).exit_code == 0
    assert started == [["flows.registry", "rollback", "--reason", "reads too high"]]


def test_what_the_installed_package_does_not_hold_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setattr(project, "find_spec", lambda name: None)  # as where no benchmarks lie in the wheel
    result = CliRunner().invoke(app, ["benchmark", "models"])
    assert "TAST's own repository" in str(result.exception)


def test_a_real_program_runs() -> None:
    result = CliRunner().invoke(app, ["benchmark", "nothing"])
    assert result.exit_code == 2
