"""A real HTTP server on this machine that serves a folder with byte ranges, and breaks off, refuses or forgets as it is told."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Behaviour:
    """What the server does; requests gathers (path, Range header, Authorization header) of each request."""

    break_after_bytes: list[int] = field(default_factory=list)  # of the next answers, one each; then whole
    answers: list[int] = field(default_factory=list)  # status codes of the next answers; then by the book
    version: str = '"v1"'
    ranges: bool = True
    authorization: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, Behaviour]]:
    """Yields the server's address and its behaviour, to be changed while it runs."""
    behaviour = Behaviour()
    handler = type("Handler", (_Handler,), {"folder": folder, "behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", behaviour
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    folder: Path
    behaviour: Behaviour

    def do_GET(self) -> None:
        how, path = self.behaviour, self.folder / urlsplit(self.path).path.lstrip("/")
        how.requests.append((self.path, self.headers.get("Range", ""), self.headers.get("Authorization", "")))
        if how.answers:
            self._refuse(how.answers.pop(0))
        elif how.authorization and self.headers.get("Authorization") != how.authorization:
            self._refuse(401)
        elif not path.is_file():
            self._refuse(404)
        else:
            self._serve(path.read_bytes())

    def _serve(self, content: bytes) -> None:
        how = self.behaviour
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, how.version)
        start = int(asked[1]) if asked and how.ranges and same else None
        if start is not None and start >= len(content):
            self._refuse(416, **{"Content-Range": f"bytes */{len(content)}"})
            return
        self.send_response(200 if start is None else 206)
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if how.version:
            self.send_header("ETag", how.version)
        body = content[start or 0 :]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: how.break_after_bytes.pop(0)] if how.break_after_bytes else body)
        self.close_connection = True

    def _refuse(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
