"""What code each stage rests on: path -> md5, in a file of data/code for each stage.

DVC does not follow imports. Stage source writes these files, which the stages have among their deps: so an edit, or an update of
the installed package, runs the stages again whose programs import or read what changed, and no other. DVC keeps them as any
output, so of an earlier run too it can be told file by file what its code was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.layout import CODE
from tast.closure import PACKAGES, ROOT, closure
from tast.errors import BadInput
from tast.files import holds, whole_file

PROGRAM = "python -m "
DEP = f"{CODE}/{{}}.json"  # of a stage by its name


def program_of(stage: Mapping[str, Any]) -> str | None:
    """The module of this project that a stage of dvc.yaml runs; None of a stage that runs something else."""
    command = stage.get("cmd")
    words = command.removeprefix(PROGRAM).split() if isinstance(command, str) and command.startswith(PROGRAM) else []
    return words[0] if words and words[0].partition(".")[0] in PACKAGES else None


def write_code(stages: Mapping[str, Mapping[str, Any]], folder: Path = CODE) -> None:
    """The file of each stage that rests on one. One that says so already is left as it is."""
    for name, stage in stages.items():
        module = program_of(stage)
        if module is None or DEP.format(name) not in stage.get("deps", []):
            continue
        files = closure(module)
        code = {file.as_posix(): hashlib.md5((ROOT / file).read_bytes(), usedforsecurity=False).hexdigest() for file in files}
        text = json.dumps(code, indent=1) + "\n"
        place = folder / f"{name}.json"
        if not holds(place, text):
            with whole_file(place) as part:
                part.write_text(text, encoding="utf-8")


@contextmanager
def as_it_was(folder: Path = CODE) -> Iterator[None]:
    """Afterwards the files are those that were there before."""
    before = {file: file.read_bytes() for file in folder.glob("*.json")}
    try:
        yield
    finally:
        for file in {*before, *folder.glob("*.json")}:
            if file not in before:
                file.unlink()
            elif not file.exists() or file.read_bytes() != before[file]:
                with whole_file(file) as part:
                    part.write_bytes(before[file])
        if not before and folder.is_dir():
            folder.rmdir()


def code_of(path: str, md5: str, project: Path = Path()) -> dict[str, str]:
    """Path -> md5 of the files that one of these files named when it had this digest: from the project's folder, else from DVC's
    cache. Raises BadInput where neither has it."""
    place = project / path
    if not _is_of(place, md5):
        from dvc.repo import Repo  # a second to import, and needed where code was edited since

        with Repo(".") as repo:
            place = Path(repo.cache.local.oid_to_path(md5))
        if not _is_of(place, md5):
            raise BadInput(
                path, f"neither here nor in DVC's cache as dvc.lock names it (md5 {md5})", "`dvc fetch data/code`, or `dvc repro`"
            )
    code: dict[str, str] = json.loads(place.read_bytes())
    return code


def edited(path: str, md5: str) -> list[str]:
    """What one of these files names otherwise now than when it had that digest; itself where that is not known any more."""
    try:
        before, now = code_of(path, md5), json.loads(Path(path).read_bytes())
    except (BadInput, FileNotFoundError):
        return [path]
    return sorted(file for file in before.keys() | now.keys() if before.get(file) != now.get(file))


def _is_of(place: Path, md5: str) -> bool:
    return place.is_file() and hashlib.md5(place.read_bytes(), usedforsecurity=False).hexdigest() == md5
