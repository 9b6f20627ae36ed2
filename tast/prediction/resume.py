"""Which videos of a folder were read before, by the same model, settings and code, so that an interrupted run goes on.

<out>/.predicted has a line for each table once it is written whole: a digest of all that it rests on and of its bytes, and the
table's name; of several lines of one name the last counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from tast.fingerprint import fingerprint
from tast.methods import code_of_method
from tast.prediction.files import table_path
from tast.prediction.sources import NamedVideo
from tast.provenance import provenance
from tast.saved_model import read_card

LIST = ".predicted"
PROGRAMS = ("tast.prediction.batch", "tast.prediction.files")  # they read a video, and write its table


class Finished:
    """The tables of one folder. model_folder: the saved model; settings: what else the numbers depend on, in words.

    programs: modules beside PROGRAMS that a table of this kind rests on.
    """

    def __init__(self, folder: Path, kind: str, *, model_folder: Path, settings: str, programs: Sequence[str] = ()) -> None:
        self._folder, self._kind, self._list = folder, kind, folder / LIST
        facts = {
            **provenance(*PROGRAMS, *programs, threads=1),  # of each worker
            "method": code_of_method(read_card(model_folder).model_name),  # first: what is no model is not read to its end
            "model": _digest(model_folder),
            "settings": settings,
        }
        self._rests_on = json.dumps(facts, sort_keys=True)

    def without_those(self, videos: Sequence[NamedVideo]) -> list[NamedVideo]:
        """The videos whose table is not there, was changed, or rests on another model, setting, code or state of the video."""
        lines = self._list.read_text(encoding="utf-8", errors="replace").splitlines() if self._list.is_file() else []
        known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        return [video for video in videos if not self._is_whole(video, known.get(self._table(video).name))]

    def outdated(self, videos: Sequence[NamedVideo]) -> int:
        """How many of the videos that without_those() left have a table all the same, which will be replaced."""
        return sum(self._table(video).is_file() for video in videos)

    def add(self, video: NamedVideo) -> None:
        """Its table is written."""
        with self._list.open("a", encoding="utf-8") as file:
            file.write(f"{self._digest_of(video)}  {self._table(video).name}\n")

    def _is_whole(self, video: NamedVideo, digest: str | None) -> bool:
        return digest is not None and self._table(video).is_file() and digest == self._digest_of(video)

    def _digest_of(self, video: NamedVideo) -> str:
        table = hashlib.sha256(self._table(video).read_bytes()).hexdigest()
        return hashlib.sha256(f"{self._rests_on}\0{fingerprint(video.path)['digest']}\0{table}".encode()).hexdigest()

    def _table(self, video: NamedVideo) -> Path:
        return table_path(self._folder, video.name, self._kind)


def _digest(model_folder: Path) -> str:
    files = sorted(path for path in model_folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(_digest_of_file(path) for path in files)).hexdigest()


def _digest_of_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
