"""Fetch files over HTTP: resumed where a transfer broke off, retried with jitter, and named only once their bytes are proved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from tast.addresses import refuse_secrets, shown
from tast.datasets.catalog import RemoteFile
from tast.datasets.download import Percent, Progress
from tast.datasets.transfer import Interrupted, PartFile, persist
from tast.digests import file_digest
from tast.errors import BadInput, TastError

CHUNK_BYTES = 2**16  # at most this much is lost when a connection breaks
TIMEOUT_S = 60.0
WORTH_ANOTHER_TRY = (408, 425, 429, 500, 502, 503, 504)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_url(text: str) -> bool:
    return urlsplit(text).scheme in ("http", "https")


def file_name_of(url: str) -> str:
    """The name under which a URL's file is kept. Raises BadInput where its path names none."""
    name = Path(unquote(urlsplit(url).path)).name
    if not name:
        raise BadInput(shown(url), "no file name", "the URL of one file")
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
    if target.exists() and (sha256 is None or file_digest(target) == sha256):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = PartFile(target)
    with requests.Session() as session:
        _authorise(session, url, credentials or {})
        persist(_Transfer(url, part, session, Percent(progress, 0)).go_on, part, url, tries=tries, first_wait_s=first_wait_s)
    part.finish(url, sha256)


def fetch_files(base_url: str, files: tuple[RemoteFile, ...], folder: Path, *, progress: Progress) -> None:
    """Fetch the files of a public data set into folder, each checked by its sha256; those already there are left alone."""
    tell = Percent(progress, sum(file.size_bytes for file in files))
    for file in files:
        fetch(f"{base_url}/{file.path}", folder / file.path, sha256=file.sha256, progress=lambda percent, note: None)
        tell.add(file.size_bytes)


class _Transfer:
    """One file on its way over HTTP."""

    def __init__(self, url: str, part: PartFile, session: requests.Session, tell: Percent) -> None:
        self._url, self._part, self._session, self._tell = url, part, session, tell

    def go_on(self) -> None:
        """Fetch what is still missing; Interrupted where the connection or the server fails on the way."""
        have_bytes = self._part.usable_bytes
        try:
            with self._session.get(self._url, headers=self._headers(have_bytes), stream=True, timeout=TIMEOUT_S) as response:
                if not self._is_complete(response, have_bytes):
                    self._prepare(response, have_bytes)
                    more_bytes = int(response.headers.get("Content-Length", 0))
                    self._part.append(response.iter_content(CHUNK_BYTES), more_bytes, self._tell)
        except requests.RequestException as error:  # its text may hold the URL with its secrets: only its kind is told
            raise Interrupted(f"the connection failed ({type(error).__name__})") from None
        self._tell.finish()

    def _headers(self, have_bytes: int) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if have_bytes:
            headers |= {"Range": f"bytes={have_bytes}-", "If-Range": self._part.mark}
        return headers

    @staticmethod
    def _is_complete(response: requests.Response, have_bytes: int) -> bool:
        """All had come before: the server has the same version and no byte beyond."""
        beyond = response.status_code == requests.codes.requested_range_not_satisfiable
        return beyond and response.headers.get("Content-Range", "").endswith(f"/{have_bytes}")

    def _prepare(self, response: requests.Response, have_bytes: int) -> None:
        """Leave what has come as it is where the answer goes on with it, else begin anew; raises where it carries no bytes."""
        status = response.status_code
        if status == requests.codes.partial and response.headers.get("Content-Range", "").startswith(f"bytes {have_bytes}-"):
            return
        if status == requests.codes.ok:
            self._begin(response)
            return
        if status in (requests.codes.requested_range_not_satisfiable, requests.codes.partial):
            self._part.discard()
            raise Interrupted("what had come does not fit the server's file and is begun anew")
        if status in WORTH_ANOTHER_TRY:
            raise Interrupted(f"the server answered {status}")
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            raise TastError(f"{shown(self._url)}: the server refused ({status}); it wants valid credentials")
        raise TastError(f"{shown(self._url)}: the server answered {status} {response.reason}")

    def _begin(self, response: requests.Response) -> None:
        """The mark of its version: a strong ETag, else the date of change, else none."""
        tag = response.headers.get("ETag", "")
        self._part.begin(tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", ""))


def _authorise(session: requests.Session, url: str, credentials: Mapping[str, str]) -> None:
    """Equip the session with the credentials; requests drops them when a redirect leads to another host."""
    refuse_secrets(url, user_too=True)
    if not credentials:
        return
    where = urlsplit(url)
    if where.scheme != "https" and where.hostname not in LOOPBACK:
        raise TastError(f"{shown(url)}: credentials are sent over https only")
    if "token" in credentials:
        session.headers.update(Authorization=f"Bearer {credentials['token']}")
    elif {"user", "password"} <= set(credentials):
        session.auth = (credentials["user"], credentials["password"])
    else:
        raise TastError(f"credentials hold {', '.join(sorted(credentials))}; expected user and password, or token")
