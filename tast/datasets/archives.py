"""Extract zip, tar and 7z archives, in one file or in numbered parts, without letting any member leave the target folder."""

from __future__ import annotations

import errno
import io
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

import py7zr
from py7zr.callbacks import ExtractCallback
from py7zr.exceptions import ArchiveError, PasswordRequired

from tast.errors import BadInput

MAX_EXPANSION = 100.0  # measured: text of a few columns shrinks 30-fold at most, video and PNG not at all
MIN_LIMIT_BYTES = 64 * 2**20  # what a small archive may hold whatever its expansion
CHUNK_BYTES = 2**20
PART = re.compile(r"(?P<stem>.+)\.(?P<number>\d{3})")

OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)  # where files are written, and no fault of the archive
DAMAGED = (ValueError, struct.error, IndexError, KeyError, OverflowError, UnicodeDecodeError)  # met in zipfile and py7zr as well

Written = Callable[[int], None]


@dataclass(frozen=True)
class Member:
    name: str
    size_bytes: int
    leads_away: bool  # a link or a device, where the format cannot tell a harmless one


@dataclass(frozen=True)
class Format:
    members: Callable[[IO[bytes], str | None], list[Member]]
    unpack: Callable[[IO[bytes], str | None, Path, Written], None]


def is_archive(path: Path) -> bool:
    """True for a file that `extract` takes: by its suffix; of an archive in parts only part .001."""
    return path.is_file() and _format_of(path) is not None


def is_later_part(path: Path) -> bool:
    """True for part .002 and on, which belong to their part .001."""
    found = PART.fullmatch(path.name)
    return found is not None and found["number"] != "001" and path.with_name(f"{found['stem']}.001").is_file()


def extracted_bytes(archive: Path, password: str | None = None, max_expansion: float = MAX_EXPANSION) -> int:
    """Bytes that the archive will take on disk.

    Raises BadInput where it is damaged or encrypted, where a member would leave the target folder (absolute path, "..", a link
    out) and where it would grow beyond max_expansion times its own size.
    """
    with _joined(archive) as file, _errors_named(archive):
        members = _known_format(archive).members(file, password)
        packed_bytes = file.seek(0, io.SEEK_END)
    for member in members:
        if member.leads_away or not _stays_inside(member.name):
            raise BadInput(archive, f"unsafe member {member.name!r}", "plain files and folders below the archive's own top")
    total_bytes = sum(member.size_bytes for member in members)
    limit_bytes = max(MIN_LIMIT_BYTES, packed_bytes * max_expansion)
    if total_bytes > limit_bytes:
        raise BadInput(
            archive, f"would expand to {total_bytes:,} bytes", f"at most {limit_bytes:,.0f} ({max_expansion:g} times its size)"
        )
    return total_bytes


def extract(
    archive: Path, folder: Path, written: Written, password: str | None = None, max_expansion: float = MAX_EXPANSION
) -> None:
    """Extract into an existing folder after all checks of `extracted_bytes`; written(n) tells of n more bytes on disk."""
    extracted_bytes(archive, password, max_expansion)
    with _joined(archive) as file, _errors_named(archive):
        _known_format(archive).unpack(file, password, folder, written)


def _stays_inside(name: str) -> bool:
    """A path of either system that is relative and never climbs."""
    return not any(
        path.is_absolute() or path.drive or path.root or ".." in path.parts
        for path in (PurePosixPath(name), PureWindowsPath(name))
    )


def _zip_members(file: IO[bytes], password: str | None) -> list[Member]:
    with zipfile.ZipFile(file) as archive:
        return [Member(m.filename, m.file_size, stat.S_ISLNK(m.external_attr >> 16)) for m in archive.infolist()]


def _unpack_zip(file: IO[bytes], password: str | None, folder: Path, written: Written) -> None:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            archive.extract(member, folder, pwd=password.encode() if password else None)
            written(member.file_size)


def _tar_members(file: IO[bytes], password: str | None) -> list[Member]:
    with tarfile.open(fileobj=file) as archive:
        members = [Member(m.name, m.size, not (m.isfile() or m.isdir() or m.islnk() or m.issym())) for m in archive]
        _require_end(archive)
        return members


def _require_end(archive: tarfile.TarFile) -> None:
    """After the last member comes a block of zeros, and nothing behind it: tarfile takes a header that it cannot read, and a file
    that is cut off between two members, for the end without a word. Reading on to the end also has gzip compare its check sum.
    """
    content = archive.fileobj
    if content is None:
        return
    content.seek(archive.offset)
    rest = content.read(CHUNK_BYTES)
    if len(rest) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends without an end mark")
    while rest:
        if any(rest):
            raise tarfile.ReadError(f"what follows after {archive.offset:,} bytes is no member")
        rest = content.read(CHUNK_BYTES)


def _unpack_tar(file: IO[bytes], password: str | None, folder: Path, written: Written) -> None:
    with tarfile.open(fileobj=file) as archive:
        for member in archive:
            archive.extract(member, folder, filter="data")  # refuses links that lead out
            written(member.size)


def _7z_members(file: IO[bytes], password: str | None) -> list[Member]:
    with py7zr.SevenZipFile(file, password=password) as archive:
        return [Member(m.filename, m.uncompressed, not (m.is_file or m.is_directory)) for m in archive.list()]


def _unpack_7z(file: IO[bytes], password: str | None, folder: Path, written: Written) -> None:
    with py7zr.SevenZipFile(file, password=password) as archive:
        archive.extractall(folder, callback=_Told(written))


class _Told(ExtractCallback):
    """Passes on the bytes of each file that py7zr has finished."""

    def __init__(self, written: Written) -> None:
        self._written = written

    def report_end(self, processing_file_path: str, wrote_bytes: str) -> None:
        self._written(int(wrote_bytes))

    def report_start_preparation(self) -> None: ...
    def report_start(self, processing_file_path: str, processing_bytes: str) -> None: ...
    def report_update(self, decompressed_bytes: str) -> None: ...
    def report_warning(self, message: str) -> None: ...
    def report_postprocess(self) -> None: ...


ZIP, TAR, SEVEN_ZIP = Format(_zip_members, _unpack_zip), Format(_tar_members, _unpack_tar), Format(_7z_members, _unpack_7z)
FORMATS = {
    ".zip": ZIP,
    ".7z": SEVEN_ZIP,
    ".tar": TAR,
    ".tar.gz": TAR,
    ".tgz": TAR,
    ".tar.bz2": TAR,
    ".tar.xz": TAR,
}


def _format_of(path: Path) -> Format | None:
    found = PART.fullmatch(path.name)
    name = found["stem"] if found and found["number"] == "001" else path.name
    return next((kind for suffix, kind in FORMATS.items() if name.lower().endswith(suffix)), None)


def _known_format(path: Path) -> Format:
    if (kind := _format_of(path)) is None:
        raise BadInput(path, "not an archive by its name", f"one of {', '.join(FORMATS)}, whole or in parts .001, .002, ...")
    return kind


@contextmanager
def _errors_named(archive: Path) -> Iterator[None]:
    """What the formats raise on bad archives, as one line that names the archive."""
    try:
        yield
    except tarfile.FilterError as error:
        raise BadInput(archive, f"unsafe member ({error})", "links that stay inside") from None
    except PasswordRequired:
        raise BadInput(archive, "it is encrypted", "its password") from None
    except RuntimeError as error:  # zipfile's way of asking for a password
        raise BadInput(archive, str(error), "a zip archive and its password") from None
    except NotImplementedError as error:
        raise BadInput(archive, str(error), "a common compression method") from None
    except (zipfile.BadZipFile, tarfile.TarError, ArchiveError, zlib.error, lzma.LZMAError, EOFError, *DAMAGED) as error:
        raise BadInput(archive, f"damaged or cut short ({error})", "a whole archive") from None
    except OSError as error:
        if error.errno in OF_THE_DISK:
            raise
        raise BadInput(archive, f"damaged, or cannot be read ({error.strerror or error})", "a whole archive") from None


@contextmanager
def _joined(archive: Path) -> Iterator[IO[bytes]]:
    """The archive as one file, its parts .001, .002, ... one behind the other."""
    found = PART.fullmatch(archive.name)
    if not found:
        with _opened(archive) as file:
            yield file
        return
    parts = sorted(p for p in archive.parent.glob(f"{found['stem']}.*") if PART.fullmatch(p.name))
    expected = [archive.with_name(f"{found['stem']}.{number:03}") for number in range(1, len(parts) + 1)]
    if parts != expected:
        missing = next(path for path in expected if path not in parts)
        raise BadInput(missing, "no such file", f"one of the {len(parts) + 1} parts of {found['stem']}")
    files = [_opened(part) for part in parts]
    try:
        yield io.BufferedReader(_Chain(files))
    finally:
        for part in files:
            part.close()


def _opened(part: Path) -> IO[bytes]:
    try:
        return part.open("rb")
    except OSError as error:
        raise BadInput(part, f"cannot be opened ({error.strerror})", "an archive") from None


class _Chain(io.RawIOBase):
    """Open files read as one."""

    def __init__(self, files: Iterable[IO[bytes]]) -> None:
        self._files = list(files)
        self._ends = list(accumulate(file.seek(0, io.SEEK_END) for file in self._files))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._ends[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        number = bisect_right(self._ends, self._position)
        if number == len(self._files):
            return 0
        start = self._ends[number - 1] if number else 0
        wanted = min(len(buffer), self._ends[number] - self._position)
        self._files[number].seek(self._position - start)
        chunk = self._files[number].read(wanted)
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)
