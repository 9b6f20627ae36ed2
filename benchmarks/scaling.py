"""Hours and disk that PURE and VIPL-HR take on 1, 8 and 64 workers, from what the other benchmarks measured on this machine.

    python -m benchmarks.scaling      (after `python -m benchmarks preprocessing workers`)

Nothing is run: frames of each data set times the CPU time per frame of its kind of file, over the workers times the share of
their time that two workers kept. Beyond one machine nothing was measured: the share is taken as it is between two.
"""

from __future__ import annotations

import json
import sys

from benchmarks.results import RESULTS, Row, write_rows
from tast.params import load_params

SETS = {  # frames and hours of video as published, kind of file; VIPL-HR's three cameras that see colour
    "PURE": (118_000, 118_000 / 30 / 3600, "png"),
    "VIPL-HR": (1_800_000, 1_800_000 / 27 / 3600, "h264"),
}
WORKERS = (1, 8, 64)
BYTES_PER_VALUE = 2  # float16


def measured(benchmark: str, containing: str) -> float:
    """The value of the one row whose name contains a phrase. Ends the program where it was not measured."""
    path = RESULTS / f"{benchmark}.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    found = [row for row in rows if containing in row["name"]]
    if len(found) != 1:
        sys.exit(f"{path}: {len(found)} rows with {containing!r} in their name; run `python -m benchmarks {benchmark}` first")
    return float(found[0]["ratio"] if benchmark == "workers" else found[0]["value"])


def main() -> None:
    clips = load_params().preprocess.clips
    kept_by_two = measured("workers", "two workers") / 2
    rows = []
    for name, (frames, hours, kind) in SETS.items():
        frames_per_s = measured("preprocessing", f"{kind}: whole preprocessing")
        for workers in WORKERS:
            share = 1.0 if workers == 1 else kept_by_two
            rows.append(Row(f"{name} on {workers} workers", frames / frames_per_s / 3600 / workers / share, "h", better="lower"))
        stored = hours * 3600 * clips.fps_hz * clips.size_px**2 * 3 * BYTES_PER_VALUE
        rows.append(Row(f"{name}, clips on disk", stored / 1e9, "GB", better="lower"))
    write_rows("scaling", rows)


if __name__ == "__main__":
    main()
