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
from tast.files import whole_file

log = logging.getLogger(__name__)
LOCK, KEPT = Path("dvc.lock"), STATE / "dvc.lock"
WRITTEN = (Path("data"), Path("models"), Path("reports"))


def keep_lock() -> None:
    """Before a stage: remember dvc.lock."""
    if LOCK.is_file():
        with whole_file(KEPT) as part:
            shutil.copyfile(LOCK, part)


def mend() -> None:
    """Before and after a run: the last whole dvc.lock in place of a half one, and nothing half-written beside the outputs."""
    mend_lock()
    for folder in WRITTEN:
        for part in folder.glob(".*.part"):
            if not _writer_lives(part):
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def mend_lock() -> None:
    if not LOCK.is_file() or is_whole(LOCK.read_text(encoding="utf-8")):
        return
    log.warning("dvc.lock breaks off, its writer was killed: the one before it is put back")
    if KEPT.is_file():
        with whole_file(LOCK) as part:
            shutil.copyfile(KEPT, part)
    else:
        LOCK.unlink()


def is_whole(content: str) -> bool:
    """Whether DVC can read it. What breaks off after a whole line with a value merely has fewer stages up to date."""
    if not content.endswith("\n") or content.endswith(":\n"):
        return False
    try:
        return isinstance(YAML(typ="safe").load(content), dict)
    except YAMLError:
        return False


def _writer_lives(part: Path) -> bool:
    """tast.files.whole_file and whole_folder put the writing process into the name: .NAME.PID.part"""
    pid = Path(part.stem).suffix.removeprefix(".")
    return pid.isdigit() and psutil.pid_exists(int(pid))
