"""What a part of this project needs to run elsewhere: the packages that its files import, and all that those need, pinned."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tast.closure import PACKAGES, ROOT
from tast.errors import BadInput

OF_CUDA = ("cuda-", "nvidia-", "triton")  # what a torch built for CUDA requires beside the lock, and pins itself


def requirements_of(files: Iterable[Path], lock: str, *, root: Path = ROOT) -> list[str]:
    """`NAME==VERSION` lines, sorted, for the files (relative to `root`) to run where nothing is installed.

    lock: text of requirements.lock, which has the versions. The names are those of the packages that the files import, inside of
    functions too, or look for with find_spec, and of what these packages themselves require on this platform, less CUDA's, which
    one build of torch requires and another does not. Raises BadInput where a package is imported that is not installed, or one
    that the lock has not.
    """
    pins = dict(line.partition("==")[::2] for line in lock.splitlines() if "==" in line and not line.startswith("#"))
    versions = {_normal(name.partition("[")[0]): version.split()[0] for name, version in pins.items()}
    installed = {_normal(one.metadata["Name"]): one for one in distributions()}
    waiting = [(name, "") for name in sorted(_distributions_of(_imported(files, root), installed))]
    needed: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in needed or name.startswith(OF_CUDA):
            continue
        needed.add((name, extra))
        if name in installed:
            waiting += _required(installed[name], extra)
    missing = sorted({name for name, _ in needed if name not in versions})
    if missing:
        raise BadInput("requirements.lock", f"no version of {', '.join(missing)}", "one of each package that is imported")
    return sorted(f"{name}=={versions[name]}" for name in {name for name, _ in needed})


def _imported(files: Iterable[Path], root: Path) -> set[str]:
    """Top-level names of packages that are neither the project's own nor Python's."""
    names = {name for file in files if file.suffix == ".py" for name in _names(ast.parse((root / file).read_bytes()))}
    return names - set(sys.stdlib_module_names) - set(PACKAGES)


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "find_spec":
            yield from (str(one.value).partition(".")[0] for one in node.args if isinstance(one, ast.Constant))


def _distributions_of(modules: Iterable[str], installed: Mapping[str, Distribution]) -> Iterator[str]:
    """The packages that bring these modules; a module that several bring (mlflow) needs all of them."""
    known = {name: _modules_of(one) for name, one in installed.items()}
    for module in modules:
        found = [name for name, brought in known.items() if module in brought] or [
            name for name, one in installed.items() if f"\n{module}/" in f"\n{one.read_text('RECORD')}"
        ]  # one whose metadata list some of its modules only
        if not found:
            raise BadInput(module, "no installed package has a module of this name", "an import that requirements.lock serves")
        yield from found


def _modules_of(distribution: Distribution) -> set[str]:
    """Top-level names that a package brings: as it lists them, else those of its files.

    packages_distributions of importlib.metadata, less its look for each file on the disk: half a second.
    """
    if listed := distribution.read_text("top_level.txt"):
        return set(listed.split())
    return set(re.findall(r"^(\w+)(?:/|\.[^/,]*,)", distribution.read_text("RECORD") or "", re.MULTILINE))


def _normal(name: str) -> str:
    return str(canonicalize_name(name))


def _required(distribution: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    for text in distribution.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield from ((_normal(requirement.name), one) for one in ("", *requirement.extras))
