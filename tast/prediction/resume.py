"""Which videos of a folder were read before, by the same model under the same settings, so that an interrupted run goes on.

<out>/.predicted has a line for each table once it is written whole: a digest of all that it rests on, and the table's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tast import __version__
from tast.fingerprint import fingerprint
from tast.prediction.files import table_path
from tast.prediction.sources import NamedVideo

LIST = ".predicted"


class Finished:
    """The tables of one folder. model_folder: the saved model; settings: what else the numbers depend on, in words."""

    def __init__(self, folder: Path, kind: str, *, model_folder: Path, settings: str) -> None:
        self._folder, self._kind, self._list = folder, kind, folder / LIST
        self._rests_on = f"{__version__}\0{_digest(model_folder)}\0{settings}"

    def without_those(self, videos: Sequence[NamedVideo]) -> list[NamedVideo]:
        """The videos whose table is not there yet, or rests on another model, setting or state of the video."""
        known = set(self._list.read_text(encoding="utf-8").splitlines()) if self._list.is_file() else set()
        return [video for video in videos if not (self._line(video) in known and self._table(video).is_file())]

    def add(self, video: NamedVideo) -> None:
        """Its table is written."""
        with self._list.open("a", encoding="utf-8") as file:
            file.write(f"{self._line(video)}\n")

    def _line(self, video: NamedVideo) -> str:
        rests_on = f"{self._rests_on}\0{fingerprint(video.path)['digest']}"
        return f"{hashlib.sha256(rests_on.encode()).hexdigest()}  {self._table(video).name}"

    def _table(self, video: NamedVideo) -> Path:
        return table_path(self._folder, video.name, self._kind)


def _digest(model_folder: Path) -> str:
    files = sorted(path for path in model_folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()
