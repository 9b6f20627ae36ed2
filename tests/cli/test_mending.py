"""What a mistake's line says: the command that mends it, and no command that does not exist."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tast.cli.main import app
from tast.errors import TastError

PROJECT = Path(__file__).parents[2]
COMMAND = re.compile(r"`((?:tast|dvc|make|python -m|git|prefect|mlflow) [^`]+|tast)`")
DVC = {"exp": "experiments", "fetch": "data_sync", "pull": "data_sync", "push": "data_sync"}  # command -> module
MODEL = "run the train stage: `dvc repro train`"
STORE = "run `make repro` here"
DATA = "run the download stage: `dvc repro download`"

MISTAKES = [  # in a folder that holds video.mp4 (empty), and nothing else
    ("predict video.mp4", MODEL),
    ("predict video.mp4 --anchor 97", MODEL),
    ("predict video.mp4 --model models:/tast-net@champion", STORE),
    ("predict video.mp4 --anchor kept.json --model .", MODEL),
    ("anchor video.mp4 --anchor 97 --out a.json", MODEL),
    ("export spo2.onnx", MODEL),
    ("export spo2.onnx --model video.mp4", MODEL),
    ("serve models:/tast-net@champion", STORE),
    ("serve video.mp4", "which `make repro` registers"),
    ("preview --record 01-01", DATA),
    ("audit", DATA),
    ("cache verify", "`dvc repro preprocess` fills one"),
    ("cache gc", "`dvc repro preprocess` fills one"),
    ("table", "`tast init FOLDER` makes a project"),
    ("ablate", "`tast init FOLDER` makes a project"),
    ("compare", "`tast` says where you stand"),
    ("rollback", "`tast` says where you stand"),
    ("benchmark published", "`tast` says where you stand"),
    ("init .", "`tast init FOLDER`"),
    ("phantom .", "`tast phantom FOLDER`"),
    ("view nowhere", "`tast init FOLDER` makes one"),
]


@pytest.mark.parametrize(("command", "mends"), MISTAKES)
def test_who_has_not_run_something_yet_is_told_what_to_run(
    command: str, mends: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "video.mp4").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "TAST_CACHE"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(app, shlex.split(command))
    assert isinstance(result.exception, TastError), result.output
    assert mends in str(result.exception) and not result.stdout
    assert COMMAND.search(str(result.exception)), "no command in it"


def raised_texts() -> Iterator[tuple[str, str]]:
    """(file and line, text) of every text in a `raise` of the tree, its values as {}."""
    for path in sorted(path for room in ("tast", "flows") for path in (PROJECT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and node.exc is not None:
                for part in ast.walk(node.exc):
                    if isinstance(part, ast.JoinedStr):
                        text = "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in part.values)
                        yield f"{path.relative_to(PROJECT)}:{node.lineno}", text
                    elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield f"{path.relative_to(PROJECT)}:{node.lineno}", part.value


def test_each_command_that_a_mistake_names_exists_with_its_options() -> None:
    named = {(place, command) for place, text in raised_texts() for command in COMMAND.findall(text)}
    assert len(named) > 40
    assert [(place, command) for place, command in sorted(named) if not exists(command)] == []
    assert (
        not exists("tast mend") and not exists("tast view --nowhere 1") and not exists("make better") and not exists("dvc mend")
    )


def exists(command: str) -> bool:
    program, *words = command.split()
    if program == "tast":
        return _of_tast(words)
    if program == "make":
        return bool(re.search(rf"^{words[0]}:", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    if program == "python":
        return find_spec(words[1]) is not None
    if program == "dvc":
        return find_spec(f"dvc.commands.{DVC.get(words[0], words[0])}") is not None
    return program in ("git", "prefect", "mlflow")


def _of_tast(words: list[str]) -> bool:
    command = typer.main.get_command(app)
    while words and (inner := getattr(command, "commands", {})):
        if words[0] not in inner:
            return words[0].startswith("-")
        command, words = inner[words[0]], words[1:]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return all(word in options | {"--help"} for word in words if word.startswith("--"))
