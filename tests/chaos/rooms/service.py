"""The service under requests that nobody means well by: each answer is right, or one line that says what is wrong.

`tast serve` is a real process. Schemathesis makes requests of its description at /openapi.json, and such as it forbids; others
are a good request with bytes of it changed: of the JSON, of the video in it, of the HTTP around it. Then a hundred clients come
at once. All the while its memory is watched.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil

from tests.chaos.outcome import Outcome, Tries
from tests.prediction.served import TOKEN, Films, Served, films_in, request_of, save_service, serving

SCHEMA_REQUESTS, CHANGED_REQUESTS, CHANGED_VIDEOS, RAW_REQUESTS, OTHER_REQUESTS = 10_000, 2400, 300, 300, 600  # with time
FULL_S = 1400.0  # with so much time, all of them, and ten minutes of load
SHORTEST_S = 45.0
SCHEMA_CHUNK = 100
CLIENTS = 100
OVERTAKEN_S = 3.0  # who came so much earlier must be answered first
GROWTH_MB = 300.0  # of all its processes, from when it has answered some until the end; a request may hold 90 MiB and more
LONGEST_S = 60.0  # for one answer while nobody else asks
ONE_LINE = "200 with rows, or 4xx with one line; nothing hangs, no 500"
JSON = {"content-type": "application/json"}
KINDS = (
    "multipart/form-data; boundary=b", "multipart/form-data", "application/x-www-form-urlencoded", "text/csv", "text/plain", "",
    "application/vnd.apache.parquet", "application/json; charset=utf-16", "application/json;;", "a" * 3000,
)  # fmt: skip


@dataclass
class Tally:
    """Of many requests: how often each status came, and what was wrong first."""

    expected: str
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    tracebacks: int = 0

    def take(self, status: int, text: str) -> None:
        self.statuses[status] += 1
        self.tracebacks += "Traceback" in text
        if fault := fault_of(status, text):
            self.wrong.append(fault)

    def outcome(self, fault: str, note: str = "") -> Outcome:
        tried = sum(self.statuses.values())
        counts = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        first = f"first: {self.wrong[0]}" if self.wrong else ""
        notes = "; ".join(filter(None, (counts, note, first)))
        return Outcome(fault, self.expected, tried, max(0, tried - len(self.wrong)), tracebacks=self.tracebacks, note=notes)


def fault_of(status: int, text: str) -> str:
    """What is wrong with an answer; empty where nothing is."""
    try:
        content = json.loads(text)
    except ValueError:
        return f"{status} is no JSON: {text[:80]!r}"
    if status == 200:
        rows = content.get("predictions", [])
        sound = rows and all(50 <= row["spo2_percent"] <= 100 or row["trend"] is not None for row in rows)
        return "" if sound else f"200 without sound rows: {text[:80]!r}"
    line = content.get("message", "")
    sound = 400 <= status < 500 and line and "\n" not in line and set(content) == {"message"}
    return "" if sound else f"{status}: {text[:120]!r}"


def run(tries: Tries) -> Iterator[Outcome]:
    films = films_in(tries.folder)
    service = save_service(tries.folder, films)
    options = ("--max-mb", "8", "--max-request-mb", "12", "--timeout-s", "50")
    with serving(service, tries.folder, *options) as served, served.client() as client:
        began_s = time.monotonic()
        whole_s = max(SHORTEST_S, tries.ends_s - began_s)  # whatever setting it up took
        share = min(1.0, whole_s / FULL_S)
        for video in (films.face, films.wall, films.face):  # what it imports and allocates once
            client.post("/invocations", json=request_of(video))
        before_mb = memory_mb(served)
        yield of_schema(served, tries, round(SCHEMA_REQUESTS * share), began_s + 0.44 * whole_s)
        kinds: dict[str, tuple[Callable[[random.Random], tuple[int, str]], int, float]] = {
            "a good request with bytes of its JSON changed": (
                lambda chance: sent(client, changed_json(films, chance)), CHANGED_REQUESTS, 0.52),
            "bodies of other kinds, queries and methods": (
                lambda chance: of_another_kind(client, films, chance), OTHER_REQUESTS, 0.53),
            "bytes of the video in it changed": (
                lambda chance: sent(client, changed_video(films, chance)), CHANGED_VIDEOS, 0.55),
            "HTTP that is none: headers, lengths and ends": (lambda chance: raw(served, chance), RAW_REQUESTS, 0.57),
        }  # fmt: skip
        for fault, (ask, times, until) in kinds.items():
            yield many(ask, tries, round(times * share), fault, began_s + until * whole_s)
        yield from load(served, films, began_s + whole_s)
        grown_mb = memory_mb(served) - before_mb
        note = f"{before_mb:.0f} MiB before, {grown_mb:+.0f} after"
        yield Outcome("memory after all of them", f"grown by {GROWTH_MB:g} MiB at most", 1, int(grown_mb < GROWTH_MB), note=note)
        alive = client.post("/invocations", json=request_of(films.face))
        yield Outcome("a video after all of them", "read as ever", 1, int(not fault_of(alive.status_code, alive.text)))
        said = served.log.read_text(errors="replace")
        clean = int(TOKEN not in said and "Traceback" not in said)
        first = next((line for line in said.splitlines() if "Error" in line), "")
        yield Outcome("the log after all of them", "no traceback, and not the token", 1, clean, note=first[:120])


def many(ask: Callable[[random.Random], tuple[int, str]], tries: Tries, times: int, fault: str, ends_s: float) -> Outcome:
    tally = Tally(ONE_LINE)
    slowest_s = 0.0
    for _ in range(max(1, times)):
        began_s = time.monotonic()
        tally.take(*ask(tries.random))
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        if time.monotonic() > ends_s:
            break
    if slowest_s > LONGEST_S:
        tally.wrong.append(f"{slowest_s:.0f} s for an answer")
    return tally.outcome(fault, f"slowest {slowest_s:.1f} s")


def sent(client: httpx.Client, content: bytes) -> tuple[int, str]:
    answer = client.post("/invocations", content=content, headers=JSON)
    return answer.status_code, answer.text


def of_schema(served: Served, tries: Tries, times: int, ends_s: float) -> Outcome:
    """Requests that schemathesis makes of the description, good ones and bad ones."""
    import hypothesis
    import schemathesis
    from hypothesis import HealthCheck, Phase

    tally = Tally(ONE_LINE)
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
    modes = schemathesis.GenerationMode
    for number in range(0, max(1, times), SCHEMA_CHUNK):  # it cannot be told to stop
        if time.monotonic() > ends_s:
            break
        mode = modes.NEGATIVE if number // SCHEMA_CHUNK % 2 else modes.POSITIVE
        strategy = schema["/invocations"]["POST"].as_strategy(generation_mode=mode)
        silent = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}

        @hypothesis.seed(tries.random.getrandbits(32))
        @hypothesis.settings(max_examples=SCHEMA_CHUNK, **silent)
        @hypothesis.given(case=strategy)
        def ask(case: Any) -> None:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            answer = case.call(base_url=served.url, headers=headers, timeout=LONGEST_S)
            tally.take(answer.status_code, answer.text)

        ask()
    return tally.outcome("requests made of its own description, and against it (schemathesis)")


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


def load(served: Served, films: Films, ends_s: float) -> Iterator[Outcome]:
    """A hundred clients, each with a connection of its own, ask as fast as they are answered until the time is over."""
    right = answers_to(served, films)
    contents = {name: json.dumps(request_of(getattr(films, name))).encode() for name in right}
    tally, guard = Tally("the right rows or the right refusal, or 429 with Retry-After"), threading.Lock()
    answered: Counter[int] = Counter()
    served_s: dict[str, list[tuple[float, float]]] = {name: [] for name in right}  # asked, and answered
    most_mb = [0.0]
    over = threading.Event()

    def one_client(number: int) -> None:
        chance = random.Random(number)
        with served.client() as client:
            while not over.is_set():
                video = "face" if chance.random() < 0.03 else "wall"
                began_s = time.monotonic()
                answer = client.post("/invocations", content=contents[video], headers=JSON)
                ended_s = time.monotonic()
                with guard:
                    if answer.status_code == 429 and answer.headers.get("retry-after"):
                        tally.statuses[429] += 1
                    else:
                        tally.statuses[answer.status_code] += 1
                        answered[number] += 1
                        served_s[video].append((began_s, ended_s))
                        if (answer.status_code, answer.text) != right[video]:
                            tally.wrong.append(f"{answer.status_code}: {answer.text[:100]!r}")
                if answer.status_code == 429:
                    over.wait(chance.uniform(0.2, 1.0))

    threads = [threading.Thread(target=one_client, args=(number,)) for number in range(CLIENTS)]
    before_mb = memory_mb(served)
    for thread in threads:
        thread.start()
    while time.monotonic() < ends_s and any(thread.is_alive() for thread in threads):
        most_mb[0] = max(most_mb[0], memory_mb(served))
        time.sleep(1)
    over.set()
    for thread in threads:
        thread.join()
    took_s = [ended_s - began_s for of_video in served_s.values() for began_s, ended_s in of_video]
    yield tally.outcome(f"{CLIENTS} clients at once", f"{len(took_s)} answers, slowest after {max(took_s, default=0.0):.1f} s")
    note = f"{min(answered[number] for number in range(CLIENTS))} to {max(answered.values(), default=0)} answers a client"
    alike = served_s["wall"]  # a video of 5 MB takes its time to come, once it is let in
    in_turn = len(alike) - overtaken(alike)
    yield Outcome("each of those who were let in", "answered in the order in which they came", len(alike), in_turn, note=note)
    grown_mb = most_mb[0] - before_mb
    yield Outcome("memory under them", f"grown by {GROWTH_MB:g} MiB at most", 1, int(grown_mb < GROWTH_MB),
                  note=f"{grown_mb:+.0f} MiB at most")  # fmt: skip


def overtaken(served_s: list[tuple[float, float]]) -> int:
    """How many requests (asked, answered; s) were answered after one that was asked OVERTAKEN_S later or more."""
    return sum(
        any(other > began + OVERTAKEN_S and other_end < ended for other, other_end in served_s) for began, ended in served_s
    )


def answers_to(served: Served, films: Films) -> dict[str, tuple[int, str]]:
    with served.client() as client:
        found = {name: client.post("/invocations", json=request_of(getattr(films, name))) for name in ("face", "wall")}
    return {name: (answer.status_code, answer.text) for name, answer in found.items()}


def memory_mb(served: Served) -> float:
    """What the service and all that it started hold, MiB."""
    whole = psutil.Process(served.process)
    total = 0
    for process in (whole, *whole.children(recursive=True)):
        try:
            total += process.memory_full_info().uss  # its own: what a decoder shares with its parent counts once
        except psutil.NoSuchProcess:
            continue  # a decoder that has done its work
    return total / 2**20
