"""What stands before a service's application: who may ask, how much they may send, and how many are inside at once.

All of it is decided before a body is read, and bodies are read by no more than are inside: what the service holds in memory does
not grow with how many ask. Those beyond wait outside, their bodies on the way still, and come in by the order in which they came.
Pure ASGI, since what is to be limited is what a framework reads; Starlette has no middleware for it, uvicorn's limit_concurrency
counts connections, has no queue and answers 503.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/health"})  # what may be asked by anybody
JSON_TYPE = "application/json"
RETRY_AFTER_S = 5


@dataclass(frozen=True)
class DoorLimits:
    """max_body_bytes: of a request. max_inside: requests whose body is read or whose answer is computed. max_outside: those that
    wait to come in, for wait_s at most. body_s: for a body to come. token: what a request must name as `Authorization: Bearer
    TOKEN`; empty: none is asked for."""

    max_body_bytes: int
    max_inside: int
    max_outside: int
    wait_s: float = 50.0
    body_s: float = 30.0
    token: str = ""


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message
        super().__init__(message)


class Door:
    """An ASGI application before another one."""

    def __init__(self, behind: Application, limits: DoorLimits) -> None:
        self._behind, self._limits = behind, limits
        self._inside = 0
        self._outside: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._require_token(scope["path"], headers)
            if scope["method"] in ("GET", "HEAD"):
                await self._behind(scope, _nothing, send)
                return
            self._require_kind_and_size(headers)
            await self._enter()
            try:
                await self._behind(scope, _given(await self._body(receive)), send)
            finally:
                self._leave()
        except _Refused as refused:
            if "expect" not in headers:  # else it waits to hear whether it may send anything
                await self._let_it_finish(receive)
            await answer(send, refused.status, refused.message)

    async def _enter(self) -> None:
        if self._inside < self._limits.max_inside:
            self._inside += 1
            return
        if len(self._outside) >= self._limits.max_outside:
            raise _Refused(429, f"{self._inside + len(self._outside)} requests are at work or wait already; try again later")
        called = asyncio.get_running_loop().create_future()
        self._outside.append(called)
        try:
            async with asyncio.timeout(self._limits.wait_s):
                await called
        except TimeoutError:
            raise _Refused(429, f"other requests took all of the {self._limits.wait_s:g} s; try again later") from None
        finally:
            if called in self._outside:  # given up
                self._outside.remove(called)
            elif called.cancelled():  # called in, and gone in the same moment
                self._leave()

    def _leave(self) -> None:
        """The first of those outside comes in, if any."""
        while self._outside:
            called = self._outside.popleft()
            if not called.done():
                called.set_result(None)
                return
        self._inside -= 1

    def _require_token(self, path: str, headers: dict[str, str]) -> None:
        kind, _, named = headers.get("authorization", "").partition(" ")
        right = kind.lower() == "bearer" and hmac.compare_digest(named.strip().encode(), self._limits.token.encode())
        if self._limits.token and path not in OPEN and not right:
            raise _Refused(401, "expected the header `Authorization: Bearer TOKEN` with this service's token")

    def _require_kind_and_size(self, headers: dict[str, str]) -> None:
        kind, _, more = headers.get("content-type", "").partition(";")
        if kind.strip().lower() != JSON_TYPE or more.strip().lower() not in ("", "charset=utf-8"):
            raise _Refused(415, f"expected the header `Content-Type: {JSON_TYPE}`")
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > self._limits.max_body_bytes:
            raise self._too_large()

    def _too_large(self) -> _Refused:
        return _Refused(413, f"the request is too large; expected at most {self._limits.max_body_bytes / 2**20:g} MiB")

    async def _body(self, receive: Receive) -> bytes:
        content = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                while True:
                    part = await receive()
                    if part["type"] != "http.request":
                        raise _Refused(400, "the request breaks off")
                    content += part.get("body", b"")
                    if len(content) > self._limits.max_body_bytes:
                        raise self._too_large()
                    if not part.get("more_body"):
                        return bytes(content)
        except TimeoutError:
            raise _Refused(408, f"the request did not come within {self._limits.body_s:g} s") from None

    async def _let_it_finish(self, receive: Receive) -> None:
        """Let what is sent already come, and keep none of it: most clients read an answer only when they have sent all."""
        n_bytes = 0
        try:
            async with asyncio.timeout(self._limits.body_s):
                while n_bytes <= 2 * self._limits.max_body_bytes:
                    part = await receive()
                    n_bytes += len(part.get("body", b""))
                    if not part.get("more_body"):
                        return
        except TimeoutError:
            return


async def answer(send: Send, status: int, message: str) -> None:
    """One line, as JSON."""
    content = json.dumps({"message": one_line(message)}).encode()
    headers = [(b"content-type", JSON_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    if status == 429:
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def one_line(message: str, most: int = 500) -> str:
    line = " ".join(message.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def _given(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
