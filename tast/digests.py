"""What a folder's files were when they were written: digests.json beside them, looked at when one of them is read.

    {"files": {"manifest.parquet": "<sha256>", "light/p001-1.npy": "<sha256>", ...}, "sha256": "<of the line before>"}

A disk that turns a bit, a copy that broke off and a hand that changed a number end in one line that names the file. A single JSON
file carries its own digest as its key `sha256`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tast.errors import BadInput
from tast.files import whole_file

FILE = "digests.json"
OWN = "sha256"  # key of a JSON file's own digest
CHANGED = "its bytes are not those that were written"


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(path: Path) -> str:
    """The same, read once by each process for as long as the file's state stays what it was."""
    state = path.stat()
    return _digest_of_state(path, state.st_ino, state.st_size, state.st_mtime_ns)


def content_digest(content: Any) -> str:
    """sha256 of what JSON can hold, less the key OWN of an object; the same before it was written and after it was read."""
    kept = {key: value for key, value in content.items() if key != OWN} if isinstance(content, Mapping) else content
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def seal(folder: Path, known: Mapping[str, str] | None = None) -> None:
    """Write the digests of every file below the folder. known: file, relative to the folder -> sha256, of those that need not be
    read again."""
    known = known or {}
    files = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file() and one.name != FILE)
    content: dict[str, Any] = {"files": {name: known.get(name) or digest_of(folder / name) for name in files}}
    with whole_file(folder / FILE) as part:
        part.write_text(json.dumps(content | {OWN: content_digest(content)}, indent=0, sort_keys=True) + "\n", encoding="utf-8")


class Sealed:
    """The files of a folder that `seal` has seen. remedy: what makes the folder anew, in words.

    Raises BadInput where there are no digests, or damaged ones.
    """

    def __init__(self, folder: Path, remedy: str) -> None:
        self.folder, self._remedy, path = folder, remedy, folder / FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self._files: dict[str, str] = dict(sorted(content["files"].items()))
            sound = content[OWN] == content_digest(content)
        except FileNotFoundError:
            raise BadInput(path, "no such file", f"digests of the files beside it ({remedy})") from None
        except (AttributeError, ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            raise BadInput(path, CHANGED, f"digests of the files beside it ({remedy})")

    @property
    def files(self) -> list[str]:
        """Names relative to the folder, sorted."""
        return list(self._files)

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def check_all(self) -> None:
        """As `checked`, of every file; and none lies beside them that was not there."""
        for name in self.files:
            self.checked(name)
        here = {one.relative_to(self.folder).as_posix() for one in self.folder.rglob("*") if one.is_file()}
        if more := sorted(here - set(self._files) - {FILE}):
            self.checked(more[0])

    def checked(self, name: str) -> Path:
        """The path of one of its files, whose bytes are what they were. Raises BadInput, which names it, where they are not."""
        path = self.folder / name
        if name not in self._files:
            raise BadInput(path, f"not in {FILE}", f"a file that was written with the others ({self._remedy})")
        try:
            found = digest_of(path)
        except FileNotFoundError:
            raise BadInput(path, "no such file", f"the one that {FILE} names ({self._remedy})") from None
        if found != self._files[name]:
            raise BadInput(path, CHANGED, f"sha256 {self._files[name]} ({self._remedy})")
        return path


@lru_cache(maxsize=2**20)  # of fewer than a folder has files none would be found again: they are read in the same order each time
def _digest_of_state(path: Path, inode: int, n_bytes: int, changed_ns: int) -> str:
    return file_digest(path)
