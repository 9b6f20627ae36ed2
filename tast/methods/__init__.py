"""The methods: one file per paper, each ending in METHOD, and what other packages bring as entry points of the same group.

Found by name, never imported from here: a new paper is no change to what the others rest on. Standard library only.
"""

from __future__ import annotations

import hashlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from tast.closure import PACKAGES, ROOT, closure

GROUP = "tast.methods"  # name = "package.module:METHOD"
BESIDE = "method"  # the module beside the papers' files


def entry_of(name: str) -> EntryPoint:
    """Where a method stands: its module and what it is called there. Raises ValueError naming those that are known."""
    if name in own_names():
        return EntryPoint(name, f"{__name__}.{name}:METHOD", GROUP)
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry
    raise ValueError(f"method {name!r} is unknown; one of {', '.join(known_methods())}")


def own_names() -> list[str]:
    """Names of the papers' files, sorted."""
    beside = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(one.name for one in beside if not one.ispkg and one.name != BESIDE)


def known_methods() -> list[str]:
    """Names of all methods, this project's and other packages', sorted."""
    return sorted({*own_names(), *(entry.name for entry in entry_points(group=GROUP))})


def code_of_method(name: str) -> dict[str, str]:
    """Path -> md5 of the files that a method rests on: of this project's, the closure of its module, below the project's folder;
    of another package's, every Python file of it, below that package's parent.

    Raises ValueError where there is no such method.
    """
    module = entry_of(name).module
    package = module.partition(".")[0]
    if package in PACKAGES:
        return {file.as_posix(): _md5(ROOT / file) for file in closure(module)}
    spec = find_spec(package)
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    files = sorted(file for place in places for file in place.rglob("*.py"))
    if spec and spec.origin and not files:
        files = [Path(spec.origin)]
    above = places[0].parent if places else files[0].parent
    return {file.relative_to(above).as_posix(): _md5(file) for file in files}


def _md5(file: Path) -> str:
    """As DVC and dvc.lock name a file's content."""
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
