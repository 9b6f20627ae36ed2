"""The service under requests that nobody means well by: each answer is right, or one line that says what is wrong.

`tast serve` is a real process. Schemathesis makes requests of its description at /openapi.json, and such as it forbids; others
are a good request with bytes of it changed: of the JSON, of the video in it, of the HTTP around it. Then a hundred clients come
at once. All the while its memory is watched.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil

from tests.chaos.bad.requests import JSON, LONGEST_S, changed_json, changed_video, of_another_kind, raw, sent
from tests.chaos.outcome import Outcome, Tries
from tests.prediction.served import TOKEN, Films, Served, films_in, request_of, save_service, serving

SCHEMA_REQUESTS, CHANGED_REQUESTS, CHANGED_VIDEOS, RAW_REQUESTS, OTHER_REQUESTS = 10_000, 2400, 300, 300, 600  # with time
FULL_S = 1400.0  # with so much time, all of them, and ten minutes of load
SHORTEST_S = 45.0
SCHEMA_CHUNK = 100
CLIENTS = 100
OVERTAKEN_S = 3.0  # who came so much earlier must be answered first
GROWTH_MB = 300.0  # of all its processes, from when it has answered some until the end; a request may hold 90 MiB and more
ONE_LINE = "200 with rows, or 4xx with one line; nothing hangs, no 500"


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


def load(served: Served, films: Films, ends_s: float) -> Iterator[Outcome]:
    """A hundred clients, each with a connection of its own, ask as fast as they are answered until the time is over."""
    right = answers_to(served, films)
    contents = {name: json.dumps(request_of(getattr(films, name))).encode() for name in right}
    tally, guard = Tally("the right rows or the right refusal, or 429 with Retry-After"), threading.Lock()
    answered: Counter[int] = Counter()
    closed: Counter[int] = Counter()  # connections in a row, of each client
    again = [0]
    served_s: dict[str, list[tuple[float, float]]] = {name: [] for name in right}  # asked, and answered
    most_mb = [0.0]
    over = threading.Event()

    def one_client(number: int) -> None:
        chance = random.Random(number)
        with served.client() as client:
            while not over.is_set():
                video = "face" if chance.random() < 0.03 else "wall"
                began_s = time.monotonic()
                try:
                    answer = client.post("/invocations", content=contents[video], headers=JSON)
                except httpx.TransportError as error:  # a connection that had been idle for too long is closed: asked again, once
                    with guard:
                        closed[number] += 1
                        if closed[number] > 1:
                            tally.statuses[0] += 1
                            tally.wrong.append(f"no answer twice in a row: {error}")
                    continue
                ended_s = time.monotonic()
                with guard:
                    again[0] += closed.pop(number, 0)
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
    slowest = f"{len(took_s)} answers, slowest after {max(took_s, default=0.0):.1f} s"
    reopened = f"; {again[0]} idle connections were closed, and opened again" if again[0] else ""
    yield tally.outcome(f"{CLIENTS} clients at once", f"{slowest}{reopened}")
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
