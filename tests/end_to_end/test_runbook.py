"""Every command of docs/operations.md, in its order, in a project that has run once."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PROJECT, copied, own_environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1800)]
PROGRAMS = {
    "python": [sys.executable],
    "tast": [sys.executable, "-m", "tast"],
    "dvc": [sys.executable, "-m", "dvc"],
    "cp": ["cp"],
}
MAY_FAIL = {"tast doctor"}  # where something lacks that a run does not need here, as free memory


def commands() -> list[str]:
    blocks = re.findall(r"^```\n(.*?)^```$", Path(PROJECT, "docs/operations.md").read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_every_command_of_the_runbook_works(first_run: tuple[Path, float], api_url: str, tmp_path: Path) -> None:
    """Also that a registry restored from a copy made before the last version agrees with DVC's files again."""
    workspace = copied(first_run[0], tmp_path / "project")
    environment = own_environment() | {"PREFECT_API_URL": api_url}
    said: dict[str, str] = {}
    for command in commands():
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [*PROGRAMS[program], *arguments], cwd=workspace.folder, env=environment, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0 or command in MAY_FAIL, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, f"{command}\n{done.stderr}"
        said[command] = done.stdout
    assert len(said) >= 15
    assert said["python -m flows.registry reconcile"].splitlines()[-1] == "agrees with dvc.lock"
    assert "champion, by hand" in said["python -m flows.registry champion 1"]
