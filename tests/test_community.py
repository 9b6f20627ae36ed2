"""What stands beside the code for people who come to it: forms, CI, hooks, container, citation. They name what really is here."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tast import __version__
from tast.closure import ROOT
from tast.doctor.machine import SYSTEM_LIBRARIES
from tests.test_pythons import FIRST, NAMES
from tests.test_wheel import TREE

FORMS = ("bug", "reading", "proposal")
TARGETS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
UV = re.search(r"uv==[\d.]+", (ROOT / "Makefile").read_text())[0]
PACKAGES = set(SYSTEM_LIBRARIES.values())
PAGES = ("README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md", "docs/licence.md", "tast/starter/README.md")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def read(name: str) -> Any:
    return YAML(typ="safe").load(text_of(name))


def lines_of_ci() -> dict[str, list[str]]:
    """Every shell line of a job, by where it runs."""
    github, gitlab = read(".github/workflows/test.yml")["jobs"], read(".gitlab-ci.yml")
    lines = {f"github {name}": [step["run"] for step in job["steps"] if "run" in step] for name, job in github.items()}
    jobs = {name: gitlab[name] for name in ("test", "wheel")}
    return lines | {f"gitlab {name}": [*job.get("before_script", []), *job["script"]] for name, job in jobs.items()}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_asks_for_something_and_each_question_once(form: str) -> None:
    content = read(f".github/ISSUE_TEMPLATE/{form}.yml")
    assert {"name", "description", "labels", "body"} == set(content)
    asked = [one for one in content["body"] if one["type"] != "markdown"]
    assert {one["type"] for one in asked} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert all(one["attributes"]["label"] for one in asked)
    assert len({one["id"] for one in asked}) == len(asked)
    assert any(one.get("validations", {}).get("required") for one in asked)


def test_ci_runs_what_people_run_with_what_the_doctor_looks_for() -> None:
    lines = lines_of_ci()
    for name in ("github test", "gitlab test"):
        installs, runs = lines[name]
        assert set(installs.split("--no-install-recommends ")[1].split()) == PACKAGES
        command, python = runs.split(" PYTHON=")
        assert command == "make test" and command in text_of(
            ".ci/run" if (ROOT / ".ci/run").exists() else next((ROOT / ".ci").iterdir())
        )
        # by name: the first on PATH may be the system's, as it is in GitLab's images
        assert python == ("python${{ matrix.python }}" if name == "github test" else "python$PYTHON_VERSION")
    for name in ("github wheel", "gitlab wheel"):
        assert lines[name] == [f"pip install {UV} && uv build --wheel"]


def test_ci_has_each_python_that_the_package_is_for_and_the_container_the_first() -> None:
    github, gitlab = read(".github/workflows/test.yml")["jobs"], read(".gitlab-ci.yml")
    assert github["test"]["strategy"]["matrix"]["python"] == [*NAMES]
    assert gitlab["test"]["parallel"]["matrix"] == [{"PYTHON_VERSION": [*NAMES]}]
    assert gitlab["test"]["image"] == "python:${PYTHON_VERSION}-bookworm"
    versions = {
        name: [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]
        for name, job in github.items()
    }
    assert versions == {"test": ["${{ matrix.python }}"], "wheel": [FIRST]}
    images = {gitlab["default"]["image"], *re.findall(r"^FROM (\S+)", text_of("Containerfile"), re.MULTILINE)}
    assert all(one.startswith(f"python:{FIRST}-") for one in images)


def test_the_container_is_built_from_all_that_the_wheel_is_and_holds_all_that_it_needs() -> None:
    recipe = text_of("Containerfile").replace("\\\n", " ")
    copied = [line.split()[1:-1] for line in recipe.splitlines() if line.startswith("COPY ") and "--from" not in line]
    assert {name for names in copied for name in names} == {*TREE, "setup.py"}
    let_in = {line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")}
    assert let_in == set(TREE)
    (installs,) = re.findall(r"--no-install-recommends (.*?) *&&", recipe)
    assert set(installs.split()) == {*PACKAGES, "git"}
    assert UV in recipe and "USER tast" in recipe


def test_hooks_run_programs_that_setup_installs() -> None:
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        program, *arguments = shlex.split(hook["entry"])
        if program == "make":
            assert set(arguments) <= TARGETS
        else:
            assert program.startswith(".venv/bin/") and (Path(sys.executable).parent / Path(program).name).exists()


def test_the_citation_is_of_this_version_and_names_no_person() -> None:
    citation = read("CITATION.cff")
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert (citation["version"], citation["license"]) == (__version__, project["license"])
    assert citation["authors"] == project["authors"] == [{"name": "The TAST developers"}]
    assert f"## {__version__}" in text_of("CHANGELOG.md")


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_files_and_targets_that_there_are(page: str) -> None:
    text = text_of(page)
    assert set(re.findall(r"(?:^    |`)make ([a-z]+)", text, re.MULTILINE)) <= TARGETS
    named = set(re.findall(r"\b(?:docs|tests|benchmarks)/[\w/.-]*\w\.(?:md|py|yaml)", text))
    assert [name for name in named if not (ROOT / name).is_file()] == []
