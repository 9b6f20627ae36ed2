"""Every command line of docs/tutorial.md, in its order.

What it makes first, the six small people, is the workspace that all end-to-end tests share: that command has these very
parameters, and finds them done. The package is installed by tests/test_wheel.py.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from tast import __version__
from tests.end_to_end.conftest import PROJECT, SMALL, copied, own_environment

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]
PAGE = PROJECT / "docs/tutorial.md"


def commands() -> list[str]:
    """The lines of the page's blocks of shell, those that end in a backslash with what follows them."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def parameters_of(command: str) -> dict[str, Any]:
    words = shlex.split(command)
    given = (words[n + 1].partition("=") for n, word in enumerate(words) if word == "-S")
    return {name: YAML(typ="safe").load(value) for name, _, value in given}


def test_it_asks_for_what_the_shared_workspace_has() -> None:
    install, *rest = commands()
    assert install == f'pip install "tast-{__version__}-py3-none-any.whl[pipeline]"'
    (small,) = (line for line in rest if line.startswith("dvc exp run --name small "))
    assert parameters_of(small) == SMALL


def test_every_command_of_the_tutorial_works(first_run: tuple[Path, float], tmp_path: Path) -> None:
    lines = commands()[1:]
    enter = lines.index("cd study")
    begun = tmp_path / "begun"
    begun.mkdir()
    said = {line: run(line, begun) for line in lines[:enter]}
    assert (begun / "study/params.yaml").is_file()
    project = copied(first_run[0], tmp_path / "study").folder
    for name in ("user.name", "user.email"):  # as everybody has them
        subprocess.run(["git", "config", name, "t@localhost"], cwd=project, check=True)
    for line in lines[enter + 1 :]:
        said[line] = run(line, project)
    assert "6 of 6" not in said["tast check mine"] and "1 of 1 recordings are ready to use" in said["tast check mine"]
    predicted = said["tast predict visit.mkv --anchor 82"]
    assert "anchored by 82 %" in predicted and "predictions" in predicted
    (first,) = (line for line in lines if line.startswith("head -3"))
    readings = [float(line.split(",")[1]) for line in said[first].splitlines()[1:]]
    assert all(abs(percent - 82) <= 1 for percent in readings)
    assert "plain-colour" in said["dvc exp show --only-changed"]
    assert pd.read_parquet(project / "reports/predictions.parquet")["subject_id"].nunique() == 2
    named = set(re.findall(r"`((?:reports|models|data|predictions)/[\w./]+)`", PAGE.read_text()))
    assert len(named) >= 7 and [name for name in named if not (project / name).exists()] == []


def run(line: str, folder: Path) -> str:
    """A line as a shell runs it: `tast` is the code of that folder, where it holds any."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=600, check=False,
        env=own_environment() | {"PYTHONPATH": str(folder if (folder / "tast").is_dir() else PROJECT), "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, f"{line}\n{done.stderr}"
    return done.stdout + done.stderr
