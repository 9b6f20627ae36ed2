"""What a run that was killed leaves half: dvc.lock, and files that were being written.

DVC writes dvc.lock in place, so that for some hundredths of a second after each stage only the beginning of it is there. What it
was before that stage is kept; from there DVC's run cache gives back all that was computed since.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import psutil
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows import STATE
from flows.layout import CODE, ROWS
from tast.files import HALF, OLD, whole_file

log = logging.getLogger(__name__)
LOCK, KEPT = Path("dvc.lock"), STATE / "dvc.lock"
WRITTEN = (Path("data"), Path("models"), Path("reports"))
FILE_BY_FILE = (ROWS, CODE)  # outputs that are folders whose files come one by one; all others are written whole


def keep_lock() -> None:
    """Before a stage: remember dvc.lock."""
    if LOCK.is_file():
        with whole_file(KEPT) as part:
            shutil.copyfile(LOCK, part)


def mend() -> None:
    """Before and after a run: the last whole dvc.lock in place of a half one, and no halves beside or in the outputs."""
    mend_lock()
    beside = [part for folder in WRITTEN for part in folder.glob(".*.part")]
    within = [part for folder in FILE_BY_FILE for part in folder.rglob(".*.part")]
    for part in (*beside, *within):
        if not _writer_lives(part):
            if (target := _replaced(part)) and not target.exists():
                log.warning("%s was being replaced when its writer was killed: the one of before is put back", target)
                part.replace(target)
            else:
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def mend_lock() -> None:
    if not LOCK.is_file() or _is_whole_file(LOCK):
        return
    log.warning("dvc.lock breaks off, its writer was killed: the one before it is put back")
    if KEPT.is_file() and _is_whole_file(KEPT):
        with whole_file(LOCK) as part:
            shutil.copyfile(KEPT, part)
    else:
        LOCK.unlink()


def _is_whole_file(path: Path) -> bool:
    try:
        return is_whole(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return False


def is_whole(content: str) -> bool:
    """Whether DVC can read it. What breaks off after a whole line with a value merely has fewer stages up to date."""
    if not content.endswith("\n") or content.endswith(":\n"):
        return False
    try:
        return isinstance(YAML(typ="safe").load(content), dict)
    except YAMLError:
        return False


def _writer_lives(part: Path) -> bool:
    named = HALF.fullmatch(part.name)
    return named is not None and psutil.pid_exists(int(named[2]))


def _replaced(part: Path) -> Path | None:
    """What was to be replaced, where `part` is what stood there before."""
    named = HALF.fullmatch(part.name)
    return part.with_name(named[1].removesuffix(OLD)) if named and named[1].endswith(OLD) else None
