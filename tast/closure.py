"""Which of the project's own files a program rests on: the closure of its imports, read from the sources without running them.

What a stage's code is, for DVC, and what an interrupted piece of work must find unchanged before it goes on, are the same
question; this is the one answer to both. Standard library only.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tast", "flows", "benchmarks")
TEMPLATES = "templates"  # where jinja2 looks in a package
PLAIN_NAME = re.compile(r"[A-Za-z_][\w.-]*")  # of a file, a folder or a module


def closure(*modules: str, root: Path = ROOT) -> tuple[Path, ...]:
    """The files, relative to `root` and sorted, that running these modules may execute or read from the tree.

    Each module itself, its packages' __init__.py, and the same of what they import, inside of functions too, but not of what is
    imported for type checkers alone; the files and folders beside a module that a string in it names ("guard.py"), and the
    templates of a package that a string names ("tast.pages"). Raises ValueError where `root` holds no such module.
    """
    found: set[Path] = set()
    seen: set[Path] = set()
    to_read = [_file_of(module, root) for module in modules]
    for module, file in zip(modules, to_read, strict=True):
        if file is None:
            raise ValueError(f"no module {module} below {root}; expected one of the packages {', '.join(PACKAGES)}")
    waiting = [file for file in to_read if file is not None]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        imported, beside = _read(file, root, file.stat().st_mtime_ns)
        waiting += [*imported, *_packages_of(file, root), *(one for one in beside if one.suffix == ".py")]
        found |= {file, *beside}
    return tuple(sorted(file.relative_to(root) for file in found))


def code_digest(*modules: str, root: Path = ROOT) -> str:
    """sha256 over names and content of closure(*modules): equal digests are the same code."""
    digest = hashlib.sha256()
    for file in closure(*modules, root=root):
        content = (root / file).read_bytes()
        digest.update(f"{file.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@lru_cache(maxsize=1024)
def _read(file: Path, root: Path, changed_ns: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The module files that a module imports, and the files that lie beside it and that it names. changed_ns: when it was written
    last, for the cache alone."""
    tree = ast.parse(file.read_bytes())
    package = _name_of(file, root).rpartition(".")[0] if file.name != "__init__.py" else _name_of(file, root)
    modules: set[Path] = set()
    for node in _executed(tree):
        for name in _imported_names(node, package):
            modules |= {known for known in (_file_of(name, root),) if known is not None}
    return tuple(modules), tuple(_named_files(tree, file, root))


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but the bodies of `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            children: list[ast.AST] = [*child.orelse]
        else:
            children = [child]
        for one in children:
            yield one
            yield from _executed(one)


def _imported_names(node: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that may be modules: of `from a import b`, both a and a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _named_files(tree: ast.AST, file: Path, root: Path) -> Iterator[Path]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and PLAIN_NAME.fullmatch(node.value)):
            continue
        place, package = file.parent / node.value, _file_of(node.value, root)
        if package is not None and package.name == "__init__.py":
            place = package.parent / TEMPLATES
        if place.is_file():
            yield place
        elif place.is_dir() and not (place / "__init__.py").exists():
            yield from (one for one in place.rglob("*") if one.is_file() and "__pycache__" not in one.parts)


def _packages_of(file: Path, root: Path) -> Iterator[Path]:
    for folder in file.relative_to(root).parents:
        init = root / folder / "__init__.py"
        if folder.parts and init.is_file():
            yield init


def _file_of(module: str, root: Path) -> Path | None:
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return None
    for file in (root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")):
        if file.is_file():
            return file
    return None


def _name_of(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
