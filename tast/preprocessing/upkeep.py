"""The item cache and clips that are kept beside the pipeline's own: whether they are sound, and what of them may go.

An entry's last use is the time of its JSON, which each hit renews. What has a second link (data/clips, DVC's cache) takes no room
of its own: it stays.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tast.digests import FILE, Sealed
from tast.errors import BadInput
from tast.files import HALF
from tast.preprocessing.cache import ItemCache
from tast.preprocessing.cache_lock import cleared, used

DAY_S = 86400
KEPT_CLIPS = "clips-*"  # below a folder of tables or sets


@dataclass(frozen=True)
class Found:
    """One entry, folder of clips, or half of a killed writer's.

    files: all that belongs to it. wrong: what is, empty where nothing is. age_s: since its last use. linked: its arrays have
    another name elsewhere.
    """

    name: str
    files: tuple[Path, ...]
    n_bytes: int
    wrong: str
    age_s: float
    linked: bool


def look(root: Path, kept: Sequence[Path] = ()) -> Iterator[Found]:
    """Every entry below `root`, every half-written file there, and every folder of clips below the folders `kept`, read whole.

    Raises BadInput where there is no cache.
    """
    if not root.is_dir():
        raise BadInput(root, "no such folder", "an item cache (the preprocess stage makes one)")
    with used(root):
        items = ItemCache(root)
        for key in sorted({one.name.partition(".")[0] for one in root.glob("??/*") if not one.name.startswith(".")}):
            yield _entry(items, key)
        for part in sorted(one for one in root.glob("??/.*.part") if not _is_being_written(one)):
            yield _found(part.name, [part], "half-written by a process that is gone", part)
    for folder in kept:
        for clips in sorted(one for one in folder.glob(KEPT_CLIPS) if one.is_dir()):
            yield _clips(clips)


def outworn(found: Iterable[Found], unused_days: float) -> list[Found]:
    """What may go: what is damaged, and what nobody has used for so long and nothing else is linked to."""
    return [one for one in found if one.wrong or (one.age_s > unused_days * DAY_S and not one.linked)]


def remove(root: Path, worn: Sequence[Found]) -> None:
    """Raises TastError where a run uses the cache meanwhile."""
    with cleared(root):
        for one in worn:
            for path in reversed(one.files):  # the JSON first: without it there is no entry
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _entry(items: ItemCache, key: str) -> Found:
    files = sorted((items.root / key[:2]).glob(f"{key}.*"), key=lambda path: (path.suffix == ".json", path.name))
    wrong = items.wrong_with(key)
    return _found(key, files, wrong, files[-1])


def _clips(folder: Path) -> Found:
    try:
        Sealed(folder, "they are made anew when they are asked for").check_all()
        wrong = ""
    except BadInput as error:
        wrong = f"{Path(error.path).name}: {error.found}"
    return _found(str(folder), [folder], wrong, folder / FILE if (folder / FILE).is_file() else folder)


def _found(name: str, files: Sequence[Path], wrong: str, dated: Path) -> Found:
    every = [one for path in files for one in ([path] if path.is_file() else path.rglob("*")) if one.is_file()]
    states = [one.stat() for one in every]
    linked = any(state.st_nlink > 1 for state in states) and all(path.is_file() for path in files)
    return Found(name, tuple(files), sum(state.st_size for state in states), wrong, time.time() - dated.stat().st_mtime, linked)


def _is_being_written(part: Path) -> bool:
    named = HALF.fullmatch(part.name)
    return named is not None and psutil.pid_exists(int(named[2]))
