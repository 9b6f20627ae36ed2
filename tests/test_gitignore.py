"""git sees none of what the pipeline and `tast` write by default: a run leaves the tree as clean as it was."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command

from flows.stage_deps import outputs_of, read_stages
from flows.tables.ablate import OUT
from tast.cli.main import app
from tast.closure import ROOT


def written_by_default(command: click.Command) -> Iterator[str]:
    """Defaults of all options named --out, of all commands."""
    for one in getattr(command, "commands", {}).values():
        yield from written_by_default(one)
    for option in command.params:
        if option.name == "out" and option.default is not None:
            yield str(option.default)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "add", ".gitignore"], cwd=tmp_path, check=True)
    return tmp_path


def unseen(repository: Path) -> bool:
    status = ["git", "status", "--porcelain", "--untracked-files=all", "--", ":!.gitignore"]
    return not subprocess.run(status, cwd=repository, capture_output=True, text=True, check=True).stdout


def test_what_is_written_by_default_is_ignored(repository: Path) -> None:
    written = set(written_by_default(get_command(app)))
    assert {"audit", "predictions", "preview"} <= written
    outputs = {out for stage in read_stages(ROOT / "dvc.yaml").values() for out in outputs_of(stage)}
    for name in sorted(written | outputs | {str(OUT), ".tast/cache", "data/vipl"}):
        file = repository / name / "file"
        file.parent.mkdir(parents=True)
        file.touch()
        assert unseen(repository), name


@pytest.mark.parametrize("name", ["data", "models", "reports", ".tast", ".venv"])
def test_a_link_to_another_disk_is_ignored_too(repository: Path, name: str) -> None:
    (repository / name).symlink_to("/")
    assert unseen(repository)
