"""Time to read what PURE's 60 sessions say of themselves: names and times of all images, all oximeter readings, no pixel.

    python -m benchmarks.metadata [--sessions 60]

The sessions are written first, as large as PURE's: 2,000 images (empty, since only their names are read; the audit opens them
all, since files of one size may be copies) and 4,000 packages each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.results import Row, write_rows
from tast.datasets.audit import audit
from tast.datasets.audit_records import of_video
from tast.datasets.looks import look_at
from tast.datasets.readers import read_dataset

N_IMAGES, FRAME_NS = 2000, 33_333_333
N_PACKAGES, PACKAGE_NS = 4000, 16_666_667
START_NS, SESSION_NS = 1_392_643_993_642_815_000, 600_000_000_000
MUST_S = 5.0
REPEATS = 3


def write_session(root: Path, name: str, start_ns: int) -> None:
    images = root / name / name
    images.mkdir(parents=True)
    stamps = [start_ns + k * FRAME_NS for k in range(N_IMAGES)]
    for stamp in stamps:
        (images / f"Image{stamp}.png").touch()
    packages = [{"FrameID": "", "Timestamp": start_ns + k * PACKAGE_NS, "Value": reading(k)} for k in range(N_PACKAGES)]
    listed = [{"FrameID": "/CameraFrame", "Timestamp": stamp, "Value": {}} for stamp in stamps]
    content = {"/FullPackage": packages, "/Image": listed}
    (root / name / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def reading(number: int) -> dict[str, object]:
    return {
        "barGraph": number % 15, "beep": False, "droppingo2Sat": False, "o2saturation": 97 - number // 2000,
        "probeError": False, "pulseRate": 70, "searching": False, "searchingToLong": False, "signalStrength": 6,
        "waveform": number % 100,
    }  # fmt: skip


def measure(root: Path, n_sessions: int) -> list[Row]:
    """Read all and audit all, each several times; the medians."""
    read_s, audit_s = [], []
    for _ in range(REPEATS):
        start = time.perf_counter()
        records, rejects = read_dataset("pure", root)
        read_s.append(time.perf_counter() - start)
        if (len(records), len(rejects)) != (n_sessions, 0):
            raise RuntimeError(f"{len(records)} records and {len(rejects)} rejects of {n_sessions} sessions")
        start = time.perf_counter()
        audit("pure", [of_video(record, look_at(record.video)) for record in records], rejects, root)
        audit_s.append(time.perf_counter() - start)
    whole = n_sessions == 60
    return [
        Row(f"read metadata of {n_sessions} PURE-sized sessions", statistics.median(read_s), "s", better="lower",
            must=MUST_S if whole else None),
        Row(f"audit of {n_sessions} PURE-sized sessions", statistics.median(audit_s), "s", better="lower"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metadata", description=__doc__)
    parser.add_argument("--sessions", type=int, default=60)
    n_sessions = parser.parse_args().sessions
    with tempfile.TemporaryDirectory() as folder:
        for number in range(n_sessions):
            subject, setup = divmod(number, 6)
            write_session(Path(folder), f"{subject + 1:02}-{setup + 1:02}", START_NS + number * SESSION_NS)
        rows = measure(Path(folder), n_sessions)
    write_rows("metadata", rows)


if __name__ == "__main__":
    main()
