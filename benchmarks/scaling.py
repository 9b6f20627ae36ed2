"""What PURE, VIPL-HR, MCD-rPPG and 100,000 hours of video take, from what the other benchmarks measured on this machine.

    python -m benchmarks.scaling [--publish]      (after `python -m benchmarks preprocessing workers growth`)

Nothing is run: frames of each data set times the CPU time per frame of its kind of file, over the workers times the share of
their time that two workers kept. Beyond one machine nothing was measured: the share is taken as it is between two. What DVC takes
to find nothing to do, and the memory of the step that needs most, are what the benchmark `growth` saw each recording add to them,
times the recordings. --publish writes the table into docs/scaling.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS, Row, write_between, write_rows
from tast.params import load_params


@dataclass(frozen=True)
class Set:
    """A data set as published: VIPL-HR's three cameras that see colour. kind: of its files, as in the benchmark preprocessing."""

    frames: float
    hours: float
    recordings: int
    kind: str


SETS = {
    "PURE": Set(118_000, 118_000 / 30 / 3600, 59, "png"),
    "VIPL-HR": Set(1_800_000, 1_800_000 / 27 / 3600, 2378, "h264"),
    "MCD-rPPG": Set(3600 * 180 * 27, 180, 3600, "h264"),  # of three minutes each, at 24 to 30 Hz
    "100,000 hours": Set(100_000 * 3600 * 30, 100_000, 6_000_000, "h264"),  # in recordings of a minute
}
WORKERS = (1, 8, 64)
BYTES_PER_VALUE = 2  # float16
MACHINE_MIB = 16 * 1024.0
FIRST = "recordings at which a step first needs 16 GiB"
NO_OP = "dvc repro, nothing to do"
PAGE, BEGIN, END = Path("docs/scaling.md"), "<!-- scaling: python -m benchmarks.scaling --publish -->", "<!-- end of scaling -->"


def measured(benchmark: str, containing: str) -> float:
    """The value of the one row whose name contains a phrase. Ends the program where it was not measured."""
    found = [row for row in rows_of(benchmark) if containing in row["name"]]
    if len(found) != 1:
        sys.exit(f"{RESULTS / benchmark}.json: {len(found)} rows with {containing!r} in their name; "
                 f"run `python -m benchmarks {benchmark}` first")  # fmt: skip
    return float(found[0]["ratio"] if benchmark == "workers" else found[0]["value"])


def rows_of(benchmark: str) -> list[dict[str, Any]]:
    """What a benchmark left; empty where it was not run."""
    path = RESULTS / f"{benchmark}.json"
    return list(json.loads(path.read_text())) if path.is_file() else []


def growing(what: str) -> dict[str, tuple[float, float]]:
    """Step -> what it takes of `what` (CPU, memory) without any recording, and what each adds, by the line through the two
    largest sets that `growth` measured. Ends the program where there are not two."""
    by_step: dict[str, list[tuple[int, float]]] = {}
    for row in rows_of("growth"):
        if found := re.fullmatch(rf"(.+), ([\d,]+) recordings: {what}", str(row["name"])):
            by_step.setdefault(found[1], []).append((int(found[2].replace(",", "")), float(row["value"])))
    twice = {step: sizes for step, sizes in by_step.items() if len(sizes) > 1}
    if NO_OP not in twice:
        sys.exit(f"{RESULTS / 'growth.json'}: not two sizes of {NO_OP!r}; run `python -m benchmarks growth` first")
    lines = {}
    for step, sizes in twice.items():
        (n_small, small), (n_large, large) = sorted(sizes)[-2:]
        each = (large - small) / (n_large - n_small)
        lines[step] = large - each * n_large, max(0.0, each)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    asked = parser.parse_args()
    clips = load_params().preprocess.clips
    kept_by_two = measured("workers", "two workers") / 2
    cpu_s, memory_mib = growing("CPU"), growing("memory")
    rows = []
    for name, one in SETS.items():
        frames_per_s = measured("preprocessing", f"{one.kind}: whole preprocessing")
        core_hours = one.frames / frames_per_s / 3600
        for workers in WORKERS:
            share = 1.0 if workers == 1 else kept_by_two
            rows.append(Row(f"{name} on {workers} workers", core_hours / workers / share, "h", better="lower"))
        stored = one.hours * 3600 * clips.fps_hz * clips.size_px**2 * 3 * BYTES_PER_VALUE
        largest = max(memory_mib, key=lambda step: _at(memory_mib[step], one.recordings))
        rows += [
            Row(f"{name}, core hours per hour of video", core_hours / one.hours, "h", better="lower"),
            Row(f"{name}, clips on disk", stored / 1e9, "GB", better="lower"),
            Row(f"{name}, {NO_OP}", _at(cpu_s[NO_OP], one.recordings), "CPU s", better="lower"),
            Row(f"{name}, memory of the largest step", _at(memory_mib[largest], one.recordings), "MiB", largest, better="lower"),
        ]
    fit = {step: (MACHINE_MIB - line[0]) / line[1] for step, line in memory_mib.items() if line[1] > 0}
    first = min(fit, key=lambda step: fit[step])
    rows.append(Row(FIRST, fit[first], "recordings", first))
    write_rows("scaling", rows)
    if asked.publish:
        publish(rows)


def _at(line: tuple[float, float], recordings: int) -> float:
    return line[0] + line[1] * recordings


def publish(rows: list[Row]) -> None:
    """A table into the page, a row per data set."""
    by_name = {row.name: row for row in rows}
    heads = ["data set", "hours of video", "recordings", "core hours per hour", *(f"{n} workers" for n in WORKERS),
             "clips on disk", "`dvc repro`, nothing to do", "memory of the largest step"]  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, one in SETS.items():
        memory = by_name[f"{name}, memory of the largest step"]
        cells = [
            name, f"{one.hours:,.1f}".removesuffix(".0"), f"{one.recordings:,}",
            f"{by_name[f'{name}, core hours per hour of video'].value:.2f}",
            *(_time(3600 * by_name[f"{name} on {n} workers"].value) for n in WORKERS),
            f"{by_name[f'{name}, clips on disk'].value:,.1f} GB", _time(by_name[f"{name}, {NO_OP}"].value),
            f"{memory.value / 1024:.1f} GiB ({memory.peer})",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    first = by_name[FIRST]
    lines += ["", f"What breaks first: memory of `{first.peer}`, which needs 16 GiB at {first.value:,.0f} recordings."]
    write_between(PAGE, BEGIN, END, lines)


def _time(seconds: float) -> str:
    """In the unit that reads best."""
    for unit, length_s in (("days", 86400 * 2), ("h", 3600), ("min", 90)):
        if seconds >= length_s:
            return f"{seconds / {'days': 86400, 'h': 3600, 'min': 60}[unit]:,.1f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
