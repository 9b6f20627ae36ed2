"""The methods: one file per paper, each ending in METHOD, and what other packages bring as entry points of the same group.

Found by name, never imported from here: a new paper is no change to what the others rest on. Standard library only.
"""

from __future__ import annotations

import hashlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from tast.closure import PACKAGES, code_digest

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


def code_of_method(name: str) -> str:
    """sha256 of a method's code: the closure of its module, or every Python file of the package that brings it.

    Raises ValueError where there is no such method.
    """
    module = entry_of(name).module
    package = module.partition(".")[0]
    if package in PACKAGES:
        return code_digest(module)
    spec = find_spec(package)
    files = sorted(file for place in (spec and spec.submodule_search_locations) or () for file in Path(place).rglob("*.py"))
    if spec and spec.origin and not files:
        files = [Path(spec.origin)]
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
