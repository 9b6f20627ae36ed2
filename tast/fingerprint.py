"""Which files lie at a place, told from their names, sizes and times of change alone: no file is opened.

Standard library only, since it is asked before every run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tast.errors import BadInput
from tast.files import holds, whole_file


def fingerprint(root: Path) -> dict[str, str | int]:
    """digest, n_files and n_bytes of the file or of all files below the folder `root`; the path of root itself does not count.

    Links to folders are followed, each folder once. Raises BadInput where root does not exist.
    """
    if not root.exists():
        raise BadInput(root, "no such file or folder", "the data set's folder or archive")
    files = sorted(_files_below(root))
    digest = hashlib.sha256("".join(f"{name}\0{size}\0{changed_ns}\n" for name, size, changed_ns in files).encode())
    return {"digest": digest.hexdigest(), "n_bytes": sum(size for _, size, _ in files), "n_files": len(files)}


def write_sources(roots: Mapping[str, str | None], path: Path) -> None:
    """Write what is known of each data set's root: the fingerprint of a folder or archive; of a URL or none only that it is so.

    roots: by name of the data set. A file that says so already is left as it is. Raises BadInput where a root does not exist.
    """
    text = json.dumps({name: _source(root) for name, root in roots.items()}, indent=2, sort_keys=True) + "\n"
    if holds(path, text):
        return
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def _source(root: str | None) -> dict[str, str | int]:
    if root is None or "://" in root:
        return {"kind": "none" if root is None else "url"}
    return {"kind": "files"} | fingerprint(Path(root))


def _files_below(root: Path) -> Iterator[tuple[str, int, int]]:
    if root.is_file():
        yield _one(root, root.name)
        return
    seen = set()
    for where, folders, names in os.walk(root, followlinks=True):
        here = os.path.realpath(where)
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        files = (Path(where, name) for name in names)
        yield from (_one(file, file.relative_to(root).as_posix()) for file in files if file.exists())


def _one(file: Path, name: str) -> tuple[str, int, int]:
    state = file.stat()
    return name, state.st_size, state.st_mtime_ns
