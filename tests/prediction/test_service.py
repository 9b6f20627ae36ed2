"""`tast serve`: who may ask, how much, and how many at once; each mistake is one line, and never the server's."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.errors import TastError
from tast.tracking.door import Door, DoorLimits, Message, Receive, Send
from tast.tracking.serving import COLUMNS
from tests.prediction.served import TOKEN, Films, Served, films_in, request_of, save_service, serving

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return films_in(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def served(films: Films, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with serving(save_service(folder, films), folder, "--max-request-mb", "8") as found:
        yield found


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as found:
        yield found


def test_a_video_is_read_and_the_interface_is_described(client, films):
    answer = client.post("/invocations", json=request_of(films.face))
    assert answer.status_code == 200, answer.text
    rows = answer.json()["predictions"]
    assert len(rows) == 5 and all(list(row) == list(COLUMNS) for row in rows)
    described = client.get("/openapi.json").json()
    row = described["components"]["schemas"]["Row"]["properties"]
    assert set(row) == {"video", "path", "anchor", "profile"} and "base64" in row["video"]["description"]
    assert set(described["paths"]["/invocations"]["post"]["responses"]) >= {"200", "400", "401", "413", "415", "429", "504"}


@pytest.mark.parametrize(
    ("status", "said", "content"),
    [
        (400, "no face found in 3 frames", None),
        (400, "JSON decode error", b"{"),
        (400, "error parsing the body", b"\xff\xfe\x00"),
        (400, "error parsing the body", b"[" * 100_000),
        (400, "dataframe_records: List should have at least 1 item", b'{"dataframe_records": []}'),
        (400, "dataframe_records.0: Value error, expected either `video`", b'{"dataframe_records": [{}]}'),
        (400, "dataframe_records.0.video: Value error, expected base64", b'{"dataframe_records": [{"video": "%%"}]}'),
        (400, "dataframe_records.0.shell: Extra inputs", b'{"dataframe_records": [{"video": "", "shell": "rm"}]}'),
        (400, "no video that is known by its first bytes", b'{"dataframe_records": [{"video": "aGVsbG8="}]}'),
        (400, "reads no files of its machine", b'{"dataframe_records": [{"path": "/etc/passwd"}]}'),
        (400, "min_quality", b'{"dataframe_records": [{"video": ""}], "params": {"min_quality": NaN}}'),
        (400, "9 rows are too many", json.dumps({"dataframe_records": 9 * [{"video": ""}]}).encode()),
    ],
)
def test_a_mistake_is_one_line(client, films, status, said, content):
    body = json.dumps(request_of(films.wall)).encode() if content is None else content
    answer = client.post("/invocations", content=body, headers=JSON)
    line = answer.json()["message"]
    assert (answer.status_code, set(answer.json())) == (status, {"message"}) and said in line and "\n" not in line, answer.text


def test_what_is_no_request_is_said(client):
    assert client.post("/invocations", content=b"a,b", headers={"content-type": "text/csv"}).status_code == 415
    assert (
        client.post("/invocations", content=b"{}", headers={"content-type": "application/json; charset=latin-1"}).status_code
        == 415
    )
    assert client.get("/invocations").status_code == 405
    assert client.get("/docs").status_code == 404
    assert client.post("/invocations/", json={}).status_code == 404  # and no way to where its Host header says


def test_nobody_without_the_token_is_answered_and_it_is_never_logged(served, films):
    with httpx.Client(base_url=served.url, trust_env=False) as stranger:
        assert stranger.get("/health").status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            for answer in (
                stranger.post("/invocations", json=request_of(films.wall), headers=headers),
                stranger.get("/openapi.json", headers=headers),
            ):
                assert answer.status_code == 401 and TOKEN not in answer.text
    assert TOKEN not in served.log.read_text()


def test_a_request_that_is_too_large_is_refused_by_what_it_announces_and_by_what_comes(client, served):
    large = b" " * 9 * 2**20
    for content in (large, iter([large])):  # with its length, and in pieces without one
        answer = client.post("/invocations", content=content, headers=JSON)
        assert answer.status_code == 413 and answer.json()["message"].endswith("expected at most 8 MiB")
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=30) as waiting:
        headers = f"POST /invocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        waiting.sendall(f"{headers}Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n".encode())
        assert waiting.recv(100).startswith(b"HTTP/1.1 413")  # before any of it was sent


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])
def test_it_is_opened_to_others_with_a_token_alone(host, monkeypatch):
    monkeypatch.delenv("TAST_SERVICE_TOKEN", raising=False)
    result = CliRunner().invoke(app, ["serve", "--host", host])
    assert isinstance(result.exception, TastError)
    assert str(result.exception).startswith(f"--host {host} opens the service to others: set TAST_SERVICE_TOKEN")


class Client:
    """One request to a door, in pieces; its answer."""

    def __init__(self, *parts: bytes, breaks_off: bool = False, stops: bool = False) -> None:
        last = {"type": "http.disconnect"} if breaks_off else {"type": "http.request", "body": b"", "more_body": False}
        self.parts = [{"type": "http.request", "body": part, "more_body": True} for part in parts] + ([] if stops else [last])
        self.status = 0

    async def ask(self, door: Door) -> int:
        headers = [(b"content-type", b"application/json")]
        await door({"type": "http", "method": "POST", "path": "/invocations", "headers": headers}, self._receive, self._send)
        return self.status

    async def _receive(self) -> Message:
        if not self.parts:
            await asyncio.sleep(3600)
        return self.parts.pop(0)

    async def _send(self, message: Message) -> None:
        self.status = int(message.get("status", self.status))


class Slow:
    """An application that answers when it is told to, and keeps the bodies in the order in which they came."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.came.append((await receive())["body"])
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200})


def door_of(behind: Any, **limits: float) -> Door:
    return Door(behind, DoorLimits(**({"max_body_bytes": 10, "max_inside": 1, "max_outside": 2} | limits)))


def test_those_who_wait_come_in_by_their_order_and_one_too_many_is_refused():
    async def run() -> None:
        behind = Slow()
        door = door_of(behind)
        clients = [Client(str(number).encode()) for number in range(4)]
        asked = []
        for one in clients:
            asked.append(asyncio.create_task(one.ask(door)))
            await asyncio.sleep(0)
        assert await asked[3] == 429 and behind.came == [b"0"] and clients[1].parts  # nobody outside is read
        asked[1].cancel()  # gone before its turn
        behind.go_on.set()
        assert [await asked[0], await asked[2]] == [200, 200] and behind.came == [b"0", b"2"]
        assert await Client(b"4").ask(door) == 200

    asyncio.run(run())


def test_who_breaks_off_or_sends_too_slowly_makes_room():
    async def run() -> None:
        behind = Slow()
        behind.go_on.set()
        door = door_of(behind, body_s=0.05)
        assert await Client(b"1", breaks_off=True).ask(door) == 400
        assert await Client(b"1", stops=True).ask(door) == 408
        assert await Client(b"123456", b"789012").ask(door) == 413
        assert await Client(b"1").ask(door) == 200 and behind.came == [b"1"]

    asyncio.run(run())


def test_who_waits_too_long_is_told_to_come_again():
    async def run() -> None:
        behind = Slow()
        door = door_of(behind, wait_s=0.05)
        first = asyncio.create_task(Client(b"1").ask(door))
        await asyncio.sleep(0)
        assert await Client(b"2").ask(door) == 429
        behind.go_on.set()
        assert await first == 200 and await Client(b"3").ask(door) == 200

    asyncio.run(run())
