"""The list: what each fault is, and whether it still fits the tree."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
ROOMS = Path(__file__).resolve().parent / "rooms"


@dataclass(frozen=True)
class Fault:
    """A mistake in one file: `text`, which occurs there exactly once, becomes `becomes`.

    room: stem of the file that holds it. why: how somebody comes to make it. tests: pytest's names of those that must notice, a
    file or file::test.
    """

    room: str
    name: str
    why: str
    file: str
    text: str
    becomes: str
    tests: tuple[str, ...]

    def planted(self, source: str) -> str:
        """The source with the fault in it. Raises ValueError where the text does not occur exactly once."""
        if (count := source.count(self.text)) != 1:
            raise ValueError(f"{self.file} holds the text {count} times; expected once: {self.text.splitlines()[0]!r}")
        return source.replace(self.text, self.becomes)


def load_faults(folder: Path = ROOMS) -> tuple[Fault, ...]:
    """All faults, room by room. Raises TypeError where an entry lacks a key or has another."""
    return tuple(fault for path in sorted(folder.glob("*.yaml")) for fault in _of_room(path))


def _of_room(path: Path) -> Iterable[Fault]:
    for entry in YAML(typ="safe").load(path) or ():
        yield Fault(room=path.stem, **{**entry, "tests": tuple(entry["tests"])})


def chosen(faults: Sequence[Fault], names: Iterable[str], rooms: Iterable[str]) -> tuple[Fault, ...]:
    """Those of the rooms, or all; of them those whose name contains one of the names, or all. Raises ValueError for none."""
    rooms, names = set(rooms), list(names)
    if unknown := rooms - {fault.room for fault in faults}:
        known = ", ".join(sorted({fault.room for fault in faults}))
        raise ValueError(f"no room {', '.join(sorted(unknown))}; known: {known}")
    found = [one for one in faults if not rooms or one.room in rooms]
    found = [one for one in found if not names or any(name in one.name for name in names)]
    if not found:
        raise ValueError(f"no fault's name contains {' or '.join(names)}")
    return tuple(found)


def defects(faults: Sequence[Fault], root: Path = ROOT) -> list[str]:
    """What keeps the list from being true of the tree at `root`: one line per defect."""
    twice = [f"{name}: two faults of that name" for name, count in Counter(one.name for one in faults).items() if count > 1]
    return twice + [f"{fault.name}: {defect}" for fault in faults for defect in _defects_of(fault, root)]


def _defects_of(fault: Fault, root: Path) -> Iterable[str]:
    path = root / fault.file
    if not path.is_file():
        yield f"no file {fault.file}"
        return
    source = path.read_text(encoding="utf-8")
    try:
        planted = fault.planted(source)
        if path.suffix == ".py" and ast.dump(ast.parse(planted)) == ast.dump(ast.parse(source)):
            yield "changes no code"
    except ValueError as error:
        yield str(error)
    except SyntaxError as error:
        yield f"leaves no Python behind ({error.msg} in line {error.lineno})"
    if not fault.tests:
        yield "names no test"
    for test in fault.tests:
        file, _, function = test.partition("::")
        if not (root / file).is_file() or (function and function not in _functions(root / file)):
            yield f"no test {test}"


@lru_cache
def _functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
