"""What the readers share: finding the records of a data set on disk, and turning a bad one into a row of rejects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tast.clip_store import Reject
from tast.errors import BadInput, TastError, VideoRejected, joined, one_line, shortened
from tast.records import VideoRecord
from tast.texts import read_json

log = logging.getLogger(__name__)

Where = TypeVar("Where")


def records_or_rejects(
    root: Path,
    places: Iterable[tuple[str, Where]],
    read_one: Callable[[str, Where], VideoRecord],
    folder_of: Callable[[Where], Path] | None = None,
) -> Iterator[VideoRecord | Reject]:
    """Read each (record_id, place) in order of record_id; one that cannot be read becomes a Reject that says why.

    Reasons name files below root, or below folder_of(place), for sets whose folders bear people's names. Of places that would
    have one record_id, which names files, the first is read and each other rejected.
    """
    previous = None
    for record_id, where in sorted(places, key=lambda place: place[0]):
        try:
            if record_id == previous:
                raise VideoRejected(record_id, "another recording has this name already")
            yield read_one(record_id, where)
        except TastError as error:
            yield Reject(record_id, reason_below(folder_of(where) if folder_of else root, error))
        previous = record_id


def reason_below(root: Path, error: TastError) -> str:
    """The reason of a rejected record, naming files relative to the data set's root, so that it is the same on every machine."""
    if isinstance(error, VideoRejected):
        return one_line(shortened(joined(error.reason)))
    if isinstance(error, BadInput):
        path = Path(error.path)
        shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        return one_line(f"{shortened(shown)}: {shortened(joined(error.found))}; expected {error.expected}")
    return str(error)


def folder_holding(root: Path, holds: Callable[[Path], bool], expected: str, depth: int = 3) -> Path:
    """The folder at or below root for which `holds`: archives wrap a data set in one or two folders of their own.

    Raises BadInput where there is none, naming the layout that was expected.
    """
    if not root.is_dir():
        raise BadInput(root, "not a folder" if root.exists() else "no such folder", expected)
    level = [root]
    for _ in range(depth):
        for folder in level:
            if holds(folder):
                return folder
        level = [child for folder in level for child in visible_folders(folder)]
    raise BadInput(root, "no record found" if any(root.iterdir()) else "an empty folder", expected)


def visible_folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def load_json(path: Path) -> Any:
    """A JSON file. Raises BadInput where it is missing, cut short, not UTF-8, or not to be taken up."""
    return read_json(path)
