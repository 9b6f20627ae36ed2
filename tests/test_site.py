"""The site of docs/: Sphinx builds it without a warning, and it asks for nothing from elsewhere.

All but what is read from docstrings, for which `make site` imports half of the code; here they are looked at as text.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
from ruamel.yaml import YAML

from tast.cli.main import app
from tast.closure import ROOT
from tast.params import Params, changed, load_params

DOCS = ROOT / "docs"
BUILD = ["-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-b", "html"]  # as `make site`


def build(source: Path, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *BUILD, *options, "-d", str(target / "trees"), str(source), str(target / "site")], cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(DOCS, folder, "-t", "pages")
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_makefile_builds_it_as_this_test_does() -> None:
    (recipe,) = re.findall(r"^site:.*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert " ".join(BUILD) in recipe and recipe.split()[-2:] == ["docs", "build/site"]
    assert "/build" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_page_is_a_page_of_it_and_every_link_leads_somewhere(site: Path) -> None:
    pages = {page.relative_to(site).with_suffix("").as_posix(): page.read_text() for page in site.rglob("*.html")}
    written = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md")}
    assert written <= set(pages)
    assert {"index", *re.findall(r"^- \[.+?\]\((.+?)\.md\): .", (DOCS / "index.md").read_text(), re.MULTILINE)} == written
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in pages.items()}
    missing, seen = [], 0
    for name, text in pages.items():
        for link in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = unquote(link).partition("#")
            target = (site / name).parent / path if path else site / f"{name}.html"
            to = os.path.relpath(target, site).removesuffix(".html")
            seen += 1
            if not target.is_file() or (anchor and to in ids and anchor not in ids[to]):
                missing.append(f"{name}: {link}")
    assert not missing and seen > 1000


def test_nothing_comes_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        loaded = re.findall(r'<(?:script|img|iframe)\b[^>]*\bsrc="([^"]+)"', text)
        loaded += re.findall(r'<link\b(?=[^>]*rel="(?:stylesheet|preload|icon)")[^>]*\bhref="([^"]+)"', text)
        assert loaded and not [one for one in loaded if re.match(r"(?:[a-z]+:)?//", one)], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", sheet.read_text()), sheet


def test_every_command_stands_there_with_its_options(site: Path) -> None:
    commands = (site / "reference/commands.html").read_text()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert f'id="tast-{name}"' in commands
        for option in (one for parameter in command.params for one in parameter.opts if one.startswith("--")):
            assert option in commands, f"{name} {option}"


def test_commands_that_start_a_program_have_its_options_at_the_end() -> None:
    passed_on = {
        f"tast {name}"
        for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
        if command.context_settings.get("ignore_unknown_options")
    }
    tree = ast.parse((DOCS / "conf.py").read_text())
    (shown,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PROGRAMS"
    ]
    assert set(shown) == passed_on
    assert all(find_spec(module) for module, *_ in shown.values())
    assert "<!-- options of programs -->" in (DOCS / "reference/commands.md").read_text()


def test_what_is_public_is_there_and_says_what_it_is() -> None:
    """Sphinx leaves out what has no docstring, without a word."""
    asked = re.findall(r"automodule:: (\S+)\n +:members: ?(.*)", (DOCS / "reference/python.md").read_text())
    assert len(asked) > 20
    for module, members in asked:
        file = ROOT / module.replace(".", "/")
        tree = ast.parse((file / "__init__.py" if file.is_dir() else file.with_suffix(".py")).read_text())
        assert ast.get_docstring(tree), module
        nodes = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for member in filter(None, members.split(", ")):
            node = nodes[member]
            is_record = isinstance(node, ast.ClassDef) and bool(node.decorator_list)  # a dataclass says its fields
            assert is_record or ast.get_docstring(node), f"{module}.{member}"


def test_lines_of_commands_have_options_and_parameters_that_there_are() -> None:
    """Of `tast`, of `dvc exp run -S`, and sections of params.yaml in one line."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    params, tried = load_params(ROOT / "params.yaml"), 0
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for found in re.findall(r"^((?: {4})?(?:tast|dvc exp run) .*|    [a-z]+: \{.*)$", page.read_text(), re.MULTILINE):
            line = found.strip()
            if line.startswith("tast "):
                command = commands.get(line.split()[1].strip("`,"))
                if command is None or command.context_settings.get("ignore_unknown_options") or hasattr(command, "commands"):
                    continue
                known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
                named = set(re.findall(r"(?<= )--[a-z][a-z-]*", line.partition("#")[0])) - {"--help"}
                assert named <= known, f"{page.name}: {line}"
                tried += len(named)
            elif line.startswith("dvc"):
                given = dict(re.findall(r"-S \"?([\w.]+)=([^\s\"]+)", line))
                changed(params, {key: YAML(typ="safe").load(value) for key, value in given.items()})
                tried += len(given)
            else:
                ((section, values),) = YAML(typ="safe").load(line).items()
                if section in Params.model_fields:  # else a part of one, shown by itself
                    changed(params, {f"{section}.{key}": value for key, value in values.items()})
                    tried += len(values)
    assert tried > 50


def test_a_link_to_nothing_fails_the_build(tmp_path: Path) -> None:
    shutil.copy(DOCS / "conf.py", tmp_path)
    (tmp_path / "index.md").write_text("# One\n\n[there](index.md#nowhere), and docs/nothing.md\n")
    done = build(tmp_path, tmp_path, "-t", "pages")
    assert done.returncode != 0
    assert "nowhere" in done.stderr and "nothing.md" in done.stderr
