"""Fetch a file or a folder from a store that fsspec knows (s3://, gs://, ssh://, ...), with the same promises as over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from fsspec.spec import AbstractFileSystem

from tast.addresses import refuse_secrets, shown
from tast.datasets.download import Percent, Progress
from tast.datasets.transfer import Interrupted, PartFile, persist
from tast.digests import file_digest
from tast.errors import BadInput, TastError
from tast.files import sync
from tast.stores import FAILURES, REFUSED, open_store

CHUNK_BYTES = 2**23  # a request each: at most this much is lost when a connection breaks
FILES_AT_ONCE = 8


def is_stored(text: str) -> bool:
    """Whether it is an address in a store, and neither a web address nor a path on this machine."""
    return "://" in text and urlsplit(text).scheme not in ("http", "https")


def fetch_stored(
    url: str, folder: Path, *, progress: Progress, sha256: str | None = None, tries: int = 8, first_wait_s: float = 1.0
) -> Path:
    """Make `folder` hold what lies at url, a file or a folder of files, under its own name; returns where that is.

    Asks nothing where it is there already. A file is gone on with where a transfer broke off, if the store still has the same
    version; a folder gets its name once all of its files have come. Gives up after `tries` failures in a row without a byte
    gained. Raises BadInput where nothing lies at url or its protocol is not known; TastError where the store refuses, the disk
    is too small, or the bytes of a file are not those of sha256 (then discarded).
    """
    refuse_secrets(url, user_too=False)
    target = folder / _name_of(url)
    if target.is_dir() or (target.exists() and (sha256 is None or file_digest(target) == sha256)):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    files, path = open_store(url)
    store = _Store(files, url, tries, first_wait_s)
    there = store.ask_what_is_at(path)
    if there["type"] != "directory":
        store.fetch_file(path, target, Percent(progress, 0), there, sha256)
    elif sha256 is None:
        store.fetch_folder(path, target, progress)
    else:
        raise BadInput(shown(url), "a folder", "one file, since its sha256 is given")
    return target


def _name_of(url: str) -> str:
    where = urlsplit(url)
    name = PurePosixPath(where.path).name or where.netloc
    if not name:
        raise BadInput(shown(url), "no name in it", "the address of a file or a folder")
    return name


@dataclass(frozen=True)
class _Store:
    """A store, the address that was asked for, and how patient to be."""

    files: AbstractFileSystem
    url: str
    tries: int
    first_wait_s: float

    def ask_what_is_at(self, path: str) -> dict[str, Any]:
        """fsspec's facts of it, asked anew. Raises TastError where it cannot be had."""
        try:
            return self._fresh_info(path)
        except Interrupted as error:
            raise TastError(f"{shown(self.url)}: {error}") from None

    def fetch_file(self, path: str, target: Path, tell: Percent, known: dict[str, Any], sha256: str | None = None) -> None:
        """known: fsspec's facts of the file, as they were a moment ago."""
        part = PartFile(target)
        still_fresh = [known]

        def go_on() -> None:
            self._go_on(path, part, tell, still_fresh.pop() if still_fresh else self._fresh_info(path))

        persist(go_on, part, self.url, tries=self.tries, first_wait_s=self.first_wait_s)
        part.finish(self.url, sha256)

    def fetch_folder(self, path: str, target: Path, progress: Progress) -> None:
        """Every file below path, several at once; those that an earlier call brought are left alone."""
        with self._failures_named():
            found = {name: facts for name, facts in self.files.find(path, detail=True).items() if facts["type"] == "file"}
        if not found:
            raise BadInput(shown(self.url), "an empty folder", "the data set's files or archives")
        unfinished = target.with_name(f"{target.name}.part")
        places = {name: unfinished / self._below(path, name) for name in sorted(found)}
        tell = Percent(progress, sum(facts["size"] for facts in found.values()))

        def fetch_one(name: str) -> int:
            place, size = places[name], int(found[name]["size"])
            if not (place.is_file() and place.stat().st_size == size):
                place.parent.mkdir(parents=True, exist_ok=True)
                self.fetch_file(name, place, Percent(_silent, 0), found[name])
            return size

        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            for size in pool.map(fetch_one, places):
                tell.add(size)
        unfinished.replace(target)
        sync(target.parent)

    def _below(self, path: str, name: str) -> Path:
        """Where a file goes, relative to its folder. Raises BadInput where its name leads out of it: a store's keys are free."""
        below = PurePosixPath(name).relative_to(path.rstrip("/"))
        if ".." in below.parts:
            raise BadInput(shown(self.url), f"a file named {name}", "names that stay inside the folder")
        return Path(below)

    def _fresh_info(self, path: str) -> dict[str, Any]:
        with self._failures_named():
            self.files.invalidate_cache()
            return dict(self.files.info(path))

    def _go_on(self, path: str, part: PartFile, tell: Percent, facts: dict[str, Any]) -> None:
        """Fetch what is still missing of the version that the facts tell of."""
        size, version = int(facts["size"]), self._version(path, facts)
        if part.mark != version or part.usable_bytes > size:
            part.begin(version)
        more_bytes = size - part.n_bytes
        part.append(self._chunks(path, part.n_bytes, size), more_bytes, tell)
        if more_bytes > CHUNK_BYTES and self._version(path, self._fresh_info(path)) != version:
            part.discard()
            raise Interrupted("the file was changed on the way and is begun anew")
        tell.finish()

    def _chunks(self, path: str, first: int, size: int) -> Iterator[bytes]:
        for start in range(first, size, CHUNK_BYTES):
            with self._failures_named():
                chunk = self.files.cat_file(path, start=start, end=min(start + CHUNK_BYTES, size))
            yield chunk

    def _version(self, path: str, facts: dict[str, Any]) -> str:
        return str(facts.get("ETag") or self.files.ukey(path))

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        """What the store's library raises, as what it means to us; its text may hold secrets, so only its kind is told."""
        try:
            yield
        except FileNotFoundError:
            raise BadInput(shown(self.url), "nothing there", "a file or a folder") from None
        except REFUSED:
            raise TastError(f"{shown(self.url)}: the store refused; it wants valid credentials") from None
        except FAILURES as error:
            raise Interrupted(f"the store failed ({type(error).__name__})") from None


def _silent(percent: int, note: str) -> None:
    """Progress of one file of many is not told."""
