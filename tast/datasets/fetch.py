"""Fetch files over HTTP: resumed where a transfer broke off, retried with jitter, and named only once their bytes are proved."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
from tenacity import RetryCallState, Retrying, before_sleep_log, retry_if_exception_type, wait_exponential_jitter

from tast.datasets.catalog import RemoteFile
from tast.datasets.download import Percent, Progress, require_space
from tast.errors import BadInput, TastError

log = logging.getLogger(__name__)

CHUNK_BYTES = 2**16  # at most this much is lost when a connection breaks
TIMEOUT_S = 60.0
LONGEST_WAIT_S = 60.0
WORTH_ANOTHER_TRY = (408, 425, 429, 500, 502, 503, 504)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _Interrupted(Exception):
    """A failure that another try may mend."""


def is_url(text: str) -> bool:
    return urlsplit(text).scheme in ("http", "https")


def file_name_of(url: str) -> str:
    """The name under which a URL's file is kept. Raises BadInput where its path names none."""
    name = Path(unquote(urlsplit(url).path)).name
    if not name:
        raise BadInput(_shown(url), "no file name", "the URL of one file")
    return name


def fetch(
    url: str,
    target: Path,
    *,
    progress: Progress,
    sha256: str | None = None,
    credentials: Mapping[str, str] | None = None,
    tries: int = 8,
    first_wait_s: float = 1.0,
) -> None:
    """Make `target` hold the file at url; does nothing where it already does.

    Bytes gather in target.part, from which a later call goes on if the server still has the same file. A call gives up after
    `tries` failures in a row without a byte gained, waiting about first_wait_s, 2, 4, ... s with jitter in between.
    credentials: {"user", "password"} or {"token"}, sent to the URL's own host only, over https only, and never logged.
    Raises TastError where the server refuses, the disk is too small, or the bytes are not those of sha256 (then discarded).
    """
    if target.exists() and (sha256 is None or sha256_of(target) == sha256):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with requests.Session() as session:
        _authorise(session, url, credentials or {})
        transfer = _Transfer(url, target.with_name(f"{target.name}.part"), session, Percent(progress, 0))
        _persist(transfer, tries, first_wait_s)
    if sha256 is not None and (found := sha256_of(transfer.part)) != sha256:
        transfer.discard()
        raise BadInput(_shown(url), f"bytes with sha256 {found}", f"{sha256}; they are discarded")
    transfer.part.replace(target)
    transfer.discard()


def fetch_files(base_url: str, files: tuple[RemoteFile, ...], folder: Path, *, progress: Progress) -> None:
    """Fetch the files of a public data set into folder, each checked by its sha256; those already there are left alone."""
    tell = Percent(progress, sum(file.size_bytes for file in files))
    for file in files:
        fetch(f"{base_url}/{file.path}", folder / file.path, sha256=file.sha256, progress=lambda percent, note: None)
        tell.add(file.size_bytes)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _persist(transfer: _Transfer, tries: int, first_wait_s: float) -> None:
    retrying = Retrying(
        retry=retry_if_exception_type(_Interrupted),
        wait=wait_exponential_jitter(initial=first_wait_s, max=LONGEST_WAIT_S, jitter=first_wait_s),
        stop=_stalled(transfer.part, tries),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )
    try:
        retrying(transfer.go_on)
    except _Interrupted as error:
        raise TastError(f"{_shown(transfer.url)}: {error}; given up for now, what has come is kept") from None


def _stalled(part: Path, tries: int) -> Callable[[RetryCallState], bool]:
    """True after `tries` failures in a row during which nothing was gained."""
    largest, in_vain = _size(part), 0

    def stop(_: RetryCallState) -> bool:
        nonlocal largest, in_vain
        gained = _size(part) > largest
        largest, in_vain = max(largest, _size(part)), 0 if gained else in_vain + 1
        return in_vain >= tries

    return stop


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


class _Transfer:
    """One file on its way: what has come lies in `part`, and beside it the mark of the version that it belongs to."""

    def __init__(self, url: str, part: Path, session: requests.Session, tell: Percent) -> None:
        self.url, self.part, self.version = url, part, part.with_name(f"{part.name}.version")
        self._session, self._tell = session, tell

    def go_on(self) -> None:
        """Fetch what is still missing; _Interrupted where the connection or the server fails on the way."""
        have_bytes = self._usable_bytes()
        try:
            with self._session.get(self.url, headers=self._headers(have_bytes), stream=True, timeout=TIMEOUT_S) as response:
                if not self._is_complete(response, have_bytes):
                    self._receive(response, self._kept_bytes(response, have_bytes))
        except requests.RequestException as error:  # its text may hold the URL with its secrets: only its kind is told
            raise _Interrupted(f"the connection failed ({type(error).__name__})") from None
        self._tell.finish()

    def discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.version.unlink(missing_ok=True)

    def _usable_bytes(self) -> int:
        """Bytes that can be built on: those whose version is known, since a server may have another file by now."""
        return _size(self.part) if self.version.exists() else 0

    def _headers(self, have_bytes: int) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if have_bytes:
            headers |= {"Range": f"bytes={have_bytes}-", "If-Range": self.version.read_text(encoding="utf-8")}
        return headers

    @staticmethod
    def _is_complete(response: requests.Response, have_bytes: int) -> bool:
        """All had come before: the server has the same version and no byte beyond."""
        beyond = response.status_code == requests.codes.requested_range_not_satisfiable
        return beyond and response.headers.get("Content-Range", "").endswith(f"/{have_bytes}")

    def _kept_bytes(self, response: requests.Response, have_bytes: int) -> int:
        """The number of bytes on which the answer's bytes build; raises where it carries none of the file."""
        status = response.status_code
        if status == requests.codes.partial and response.headers.get("Content-Range", "").startswith(f"bytes {have_bytes}-"):
            return have_bytes
        if status == requests.codes.ok:
            self._begin(response)
            return 0
        if status in (requests.codes.requested_range_not_satisfiable, requests.codes.partial):
            self.discard()
            raise _Interrupted("what had come does not fit the server's file and is begun anew")
        if status in WORTH_ANOTHER_TRY:
            raise _Interrupted(f"the server answered {status}")
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            raise TastError(f"{_shown(self.url)}: the server refused ({status}); it wants valid credentials")
        raise TastError(f"{_shown(self.url)}: the server answered {status} {response.reason}")

    def _begin(self, response: requests.Response) -> None:
        """An empty part file, and the mark of its version: a strong ETag, else the date of change, else none."""
        self.discard()
        self.part.touch()
        tag = response.headers.get("ETag", "")
        if mark := (tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")):
            self.version.write_text(mark, encoding="utf-8")

    def _receive(self, response: requests.Response, have_bytes: int) -> None:
        more_bytes = int(response.headers.get("Content-Length", 0))
        require_space(self.part.parent, more_bytes)
        self._tell.expect(have_bytes + more_bytes, have_bytes)
        with self.part.open("ab") as file:
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                self._tell.add(len(chunk))
        if _size(self.part) < have_bytes + more_bytes:
            raise _Interrupted(f"the connection closed after {_size(self.part)} of {have_bytes + more_bytes} bytes")


def _authorise(session: requests.Session, url: str, credentials: Mapping[str, str]) -> None:
    """Equip the session with the credentials; requests drops them when a redirect leads to another host."""
    where = urlsplit(url)
    if where.username or where.password:
        raise TastError(f"{_shown(url)}: the URL holds credentials, which would end up in files and logs; hand them over apart")
    if not credentials:
        return
    if where.scheme != "https" and where.hostname not in LOOPBACK:
        raise TastError(f"{_shown(url)}: credentials are sent over https only")
    if "token" in credentials:
        session.headers.update(Authorization=f"Bearer {credentials['token']}")
    elif {"user", "password"} <= set(credentials):
        session.auth = (credentials["user"], credentials["password"])
    else:
        raise TastError(f"credentials hold {', '.join(sorted(credentials))}; expected user and password, or token")


def _shown(url: str) -> str:
    """A URL without what may be secret in it: user, password, query."""
    where = urlsplit(url)
    host = where.hostname or ""
    return f"{where.scheme}://{host}{f':{where.port}' if where.port else ''}{where.path}"
