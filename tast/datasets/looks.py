"""What the first frames of each video show, for the audit; kept by content: of a set that grows, the new ones are looked at.

looks.db    SQLite: key, facts and their sha256; nothing but time is lost with it
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tast.digests import content_digest, digest_of
from tast.errors import BadInput, TastError
from tast.provenance import provenance
from tast.records import SourceFacts, VideoSource
from tast.video.read import source_facts

log = logging.getLogger(__name__)

LOOKED_AT = 150  # frames of each video are decoded: enough to see how it is coded, and whether it shows pictures twice
PATIENCE_S = 30.0  # for another process that writes
TABLE = "create table if not exists looks (key text primary key, facts text not null, sha256 text not null) without rowid"
IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@dataclass(frozen=True)
class Look:
    """facts: of the first LOOKED_AT frames; None of a video that cannot be decoded (fault: why), and of one without frames."""

    facts: SourceFacts | None
    fault: str = ""


Looks = Callable[[Sequence[VideoSource]], Sequence[Look]]
"""Gives a look at each of these videos, in their order."""


def look_at(video: VideoSource) -> Look:
    try:
        return Look(source_facts(video, most_frames=LOOKED_AT))
    except BadInput as error:
        return Look(None, error.found)


def look_at_each(videos: Sequence[VideoSource]) -> list[Look]:
    return [look_at(video) for video in videos]


def key_of(video: VideoSource) -> str:
    """sha256 over what decides a look: bytes and times of the frames, and what decodes them. Raises OSError."""
    images = video.frame_files
    files = [video.path] if images is None else [video.path / name for name in images[:LOOKED_AT]]
    times_s = b"" if video.frame_times_s is None else video.frame_times_s[:LOOKED_AT].astype("<f8").tobytes()
    return content_digest([[digest_of(file) for file in files], hashlib.sha256(times_s).hexdigest(), LOOKED_AT, _decoded_by()])


@cache
def _decoded_by() -> dict[str, Any]:
    return provenance("tast.video.read", threads=1)


class KnownLooks:
    """Looks of before at videos that could be decoded, in the open file of `known_looks`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def of(self, keys: Sequence[str]) -> dict[str, Look]:
        """Those that are known, and sound, by key."""
        try:
            found = [row for key in keys for row in self._database.execute("select * from looks where key = ?", (key,))]
        except sqlite3.DatabaseError as error:
            log.warning("what videos showed before cannot be read: %s", error)
            return {}
        sound = {key: json.loads(facts) for key, facts, sha256 in found if content_digest([key, facts]) == sha256}
        return {key: Look(SourceFacts.from_json(facts)) for key, facts in sound.items()}

    def keep(self, looks: Mapping[str, Look]) -> None:
        """Where the file cannot be written, that is told, and they will be looked at again."""
        facts = {key: json.dumps(asdict(look.facts)) for key, look in looks.items() if look.facts}
        rows = [(key, text, content_digest([key, text])) for key, text in facts.items()]
        try:
            with self._database:
                self._database.executemany("insert or replace into looks values (?, ?, ?)", rows)
        except sqlite3.DatabaseError as error:
            log.warning("what %d videos show is not kept: %s", len(rows), error)


@contextmanager
def known_looks(file: Path) -> Iterator[KnownLooks]:
    """Several processes may share the file. One that is damaged is begun anew. Raises TastError where none can be opened."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        database = _opened(file)
    except sqlite3.DatabaseError as error:
        if _code(error) in IN_USE:
            raise TastError(f"{file}: {error}; wait for the process that holds it, or stop it") from None
        log.warning("%s: %s; it is begun anew", file, error)
        for one in (file, file.with_name(f"{file.name}-journal")):
            one.unlink(missing_ok=True)
        try:
            database = _opened(file)
        except sqlite3.DatabaseError as again:
            raise TastError(f"{file}: {again}; expected a file that can be written") from None
    with closing(database):
        yield KnownLooks(database)


def _opened(file: Path) -> sqlite3.Connection:
    """Raises sqlite3.DatabaseError where it is not what this module makes."""
    database = sqlite3.connect(file, timeout=PATIENCE_S)
    try:
        database.execute("pragma synchronous = off")  # what a power cut damages is made again
        database.execute(TABLE)
        ((made,),) = database.execute("select sql from sqlite_master").fetchall()
        ((state,),) = database.execute("pragma quick_check(1)").fetchall()
        if state != "ok" or _words(made) != _words(TABLE):
            raise sqlite3.DatabaseError("damaged")
    except sqlite3.DatabaseError:
        database.close()
        raise
    except ValueError:  # more or fewer tables
        database.close()
        raise sqlite3.DatabaseError("damaged") from None
    return database


def _words(sql: str) -> list[str]:
    return sql.casefold().replace("if not exists ", "").split()


def _code(error: sqlite3.DatabaseError) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # an extended code has the plain one in its last byte
