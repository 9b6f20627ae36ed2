"""A project's folder: TAST's own params.yaml, stages and deployments, with the code in the installed package.

dvc.yaml is TAST's own to the letter: stage source writes down what code each stage rests on, wherever that code lies.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tast import __version__
from tast.errors import BadInput, TastError
from tast.files import whole_file
from tast.starter.shipped import SHIPPED, shipped

CHECKOUT_ONLY = "flows.scheduled.benchmark"  # runs what the wheel does not hold
README = Path(__file__).parent / "README.md"


def start_project(folder: Path) -> list[str]:
    """Lay a project down in a new or empty folder, or one that holds a git repository and nothing else. A repository is made
    where there is none around it. Returns the names of its files.

    Raises BadInput where something is in the way, TastError where git cannot be run.
    """
    if folder.exists() and (not folder.is_dir() or any(one.name != ".git" for one in folder.iterdir())):
        raise BadInput(folder, "it exists and is not empty", "a new folder (`tast init FOLDER`)")
    if shutil.which("git") is None:
        raise TastError("git is not installed; expected it, since DVC works in a git repository (`apt-get install git`)")
    texts = project_files()
    for name, text in texts.items():
        with whole_file(folder / name) as part:
            part.write_text(text, encoding="utf-8")
    _repository(folder)
    return list(texts)


def project_files() -> dict[str, str]:
    """Name -> text of each file of a new project."""
    texts = {name: shipped(name).read_text(encoding="utf-8") for name in SHIPPED}
    texts["prefect.yaml"] = deployments_of(texts["prefect.yaml"])
    return texts | {"README.md": README.read_text(encoding="utf-8").replace("VERSION", __version__)}


def deployments_of(text: str) -> str:
    """TAST's own prefect.yaml with its flows by the names of their modules, less those that need its repository."""
    yaml = _yaml()
    content = yaml.load(text)
    for one in content["deployments"]:
        one["entrypoint"] = one["entrypoint"].replace("/", ".").replace(".py:", ".")
    content["deployments"][:] = [one for one in content["deployments"] if one["entrypoint"] != CHECKOUT_ONLY]
    text = _dumped(yaml, content).replace("/path/of/the/checkout", "/path/of/this/folder")
    return text.replace("`make serve`", "`python -m flows.serve`")


def _yaml() -> YAML:
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 130
    yaml.preserve_quotes = True
    return yaml


def _dumped(yaml: YAML, content: Any) -> str:
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def _repository(folder: Path) -> None:
    """DVC works in a git repository; the folder may lie in one already. Raises TastError where git makes none."""
    within = subprocess.run(["git", "rev-parse", "--git-dir"], cwd=folder, capture_output=True, check=False).returncode == 0
    if within:
        return
    made = subprocess.run(["git", "init", "--quiet"], cwd=folder, capture_output=True, text=True, check=False)
    if made.returncode:
        raise TastError(f"{folder}: `git init` failed ({made.stderr.strip()})")
