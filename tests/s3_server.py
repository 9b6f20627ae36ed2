"""A real S3 server on this machine (moto's), that counts what it is asked and refuses as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
import requests
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET = "team"


@dataclass
class S3Server:
    """address: its endpoint. client: boto3's. requests: (method, path, Range header) of each request.

    refuse_after: so many GETs of objects are answered, the others refused (403); None: all are answered. truncate: so many
    of the next GETs of objects break off in the middle.
    """

    address: str = ""
    client: Any = None
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    refuse_after: int | None = None
    truncate: int = 0

    @property
    def reads(self) -> list[tuple[str, str]]:
        """(path, Range header) of the GETs of objects."""
        return [(path, wanted) for method, path, wanted in self.requests if method == "GET" and path.count("/") > 1]

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def answer(self, application: Callable[..., Any], environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path, environ.get("HTTP_RANGE", "")))
        reads_object = method == "GET" and path.strip("/").count("/") > 0
        if reads_object and self.refuse_after is not None:
            if self.refuse_after == 0:
                start("403 Forbidden", [("Content-Type", "application/xml")])
                return [b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"]
            self.refuse_after -= 1
        body: Iterable[bytes] = application(environ, start)
        if reads_object and self.truncate:
            self.truncate -= 1
            whole = b"".join(body)
            return [whole[: len(whole) // 2]]
        return body


@contextmanager
def running_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """Yields the server, with one bucket in it; the environment of this process names it and its credentials."""
    running = S3Server()
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, lambda environ, start: running.answer(application, environ, start), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    running.address = f"http://127.0.0.1:{server.server_port}"
    for name, value in environment_of(running).items():
        monkeypatch.setenv(name, value)
    requests.post(f"{running.address}/moto-api/reset", timeout=60).raise_for_status()  # one memory for all servers of a process
    running.client = boto3.client("s3")
    running.client.create_bucket(Bucket=BUCKET)
    running.requests.clear()
    try:
        yield running
    finally:
        running.client.close()
        server.shutdown()
        thread.join()
        server.server_close()


def environment_of(server: S3Server) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_ENDPOINT_URL": server.address,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
