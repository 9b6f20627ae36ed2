"""Requests to the service that nobody means well by: a good one with bytes changed, bodies of other kinds, HTTP that is none."""

from __future__ import annotations

import base64
import gzip
import json
import random
import socket
from typing import Any

import httpx

from tests.prediction.served import TOKEN, Films, Served, request_of

LONGEST_S = 60.0  # for one answer while nobody else asks
JSON = {"content-type": "application/json"}
KINDS = (
    "multipart/form-data; boundary=b", "multipart/form-data", "application/x-www-form-urlencoded", "text/csv", "text/plain", "",
    "application/vnd.apache.parquet", "application/json; charset=utf-16", "application/json;;", "a" * 3000,
)  # fmt: skip


def sent(client: httpx.Client, content: bytes) -> tuple[int, str]:
    answer = client.post("/invocations", content=content, headers=JSON)
    return answer.status_code, answer.text


def changed_json(films: Films, chance: random.Random) -> bytes:
    """A good request of the wall with some bytes changed, cut, doubled or put elsewhere; or a value that is another kind's."""
    values = [
        None,
        True,
        -1,
        2**70,
        1e308,
        "",
        "\ud800",
        "x" * 70_000,
        [],
        {},
        [[]],
        "0=97",
        "97" * 500,
        "../..",
        "%00",
        b"".hex(),
    ]
    row: dict[str, Any] = {"video": base64.b64encode(films.wall).decode()}
    request: dict[str, Any] = {"dataframe_records": [row], "params": {"min_quality": 0.4, "uncalibrated": False}}
    for _ in range(chance.randrange(3)):
        where = chance.choice([one for one in (request, row, request.get("params")) if isinstance(one, dict)])
        key = chance.choice((*where, "path", "anchor", "profile", "largest_face", "index", ""))
        where[key] = chance.choice(values)
    content = bytearray(json.dumps(request).encode())
    for _ in range(chance.randrange(4)):
        content = bytearray(changed(bytes(content), chance, near=400))
    return bytes(content)


def of_another_kind(client: httpx.Client, films: Films, chance: random.Random) -> tuple[int, str]:
    """A form, of one part or of several, CSV, Parquet or packed JSON, with a query, by another method, to another place."""
    kind = chance.choice((*KINDS, *[JSON["content-type"]] * 8))
    good = json.dumps(request_of(films.wall)).encode()
    mark = b"--b\r\nContent-Disposition: form-data; name=video; filename=%s\r\n\r\n"
    body = chance.choice((
        good, gzip.compress(good), b"video=" + good, b"video\nx\n", b"PAR1" + films.wall[:50] + b"PAR1", b"[]", b"",
        mark % chance.choice((b"a.avi", b"../../a", b"%00", b'"', b"x" * 5000)) + films.wall + b"\r\n--b--\r\n",
    ))  # fmt: skip
    for _ in range(chance.randrange(3)):
        body = changed(body, chance, near=120)
    query = chance.choice(
        ("", "?", "?params=1&min_quality=nan", "?x=" + "y" * 3000, "?%00=%ff", "?a[]=1&a[]=2", "?path=/etc/passwd")
    )
    place = chance.choice(("/invocations",) * 6 + ("/", "/invocations/", "/ping", "/..%2f..%2fetc/passwd"))
    encoding = {"content-encoding": "gzip"} if chance.random() < 0.3 else {}
    method = chance.choice(("POST",) * 6 + ("PUT", "GET", "PATCH", "DELETE", "OPTIONS", "HEAD"))
    answer = client.request(method, place + query, content=body, headers={"content-type": kind} | encoding)
    if method == "HEAD" and 400 <= answer.status_code < 500:  # which has no body
        return answer.status_code, json.dumps({"message": "none"})
    return answer.status_code, answer.text


def changed_video(films: Films, chance: random.Random) -> bytes:
    """A good request whose video has some bytes changed, mostly in its headers."""
    video = films.face if chance.random() < 0.1 else films.wall
    for _ in range(chance.randrange(1, 20)):
        video = changed(video, chance, near=chance.choice((300, 4000, len(video))))
    if not video.startswith(b"RIFF") and chance.random() < 0.7:  # else most are none by their first bytes
        video = films.wall[:12] + video[12:]
    return json.dumps(request_of(video)).encode()


def changed(content: bytes, chance: random.Random, near: int) -> bytes:
    """One of its first `near` bytes, or some after it, is another, is gone, or comes twice."""
    at = chance.randrange(max(1, min(near, len(content))))
    length = chance.choice((1, 1, 2, 4, 50))
    new = chance.choice(
        (b"", bytes(chance.randrange(256) for _ in range(length)), content[at : at + 2 * length], b"\xff" * length)
    )
    return content[:at] + new + content[at + length :]


def raw(served: Served, chance: random.Random) -> tuple[int, str]:
    """HTTP by hand: a header missing, doubled, wrong or endless; a body that is shorter or longer than it says. An answer may be
    uvicorn's own plain 400; a connection that it closes without one is counted as that."""
    body = b'{"dataframe_records": [{"path": "x"}]}'
    lines = [b"Host: x", b"Authorization: Bearer " + TOKEN.encode(), b"Content-Type: application/json",
             b"Content-Length: %d" % len(body)]  # fmt: skip
    kind = chance.randrange(7)
    start = b"POST /invocations HTTP/1.1"
    if kind == 0:
        start = changed(start, chance, near=len(start)).replace(b"\n", b"")
    elif kind == 1:
        lines.pop(chance.randrange(len(lines)))
    elif kind == 2:
        lines[chance.randrange(len(lines))] = changed(chance.choice(lines), chance, near=40).replace(b"\n", b"")
    elif kind == 3:
        lines.append(b"X-Long: " + b"x" * chance.choice((1000, 100_000)))
    elif kind == 4:
        lines[3] = b"Content-Length: " + chance.choice((b"-1", b"1e3", b"99999999999999999999", b"0", b"5", b"+38"))
    elif kind == 5:
        lines[3] = b"Transfer-Encoding: chunked"
        body = chance.choice((b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"ffffffffffffffffff\r\nx", b"0\r\n\r\n"))
    else:
        body = body[: chance.randrange(len(body))]
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=LONGEST_S) as talk:
        try:
            talk.sendall(b"\r\n".join((start, *lines, b"", body)))
            talk.shutdown(socket.SHUT_WR)
            said = b""
            while part := talk.recv(65536):
                said += part
        except (ConnectionResetError, BrokenPipeError):
            said = b""
    head, _, text = said.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else 400
    plain = not text or b"Invalid HTTP request" in text
    return status, json.dumps({"message": "closed"}) if plain and status < 500 else text.decode(errors="replace")
