"""A real `tast view` in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 120.0
ADDRESS = re.compile(rb"at (http://127\.0\.0\.1:\d+/);")


@dataclass(frozen=True)
class Viewed:
    """url: of the page. process: which serves it. temporary: where it lays what it is sent. log: all that it said."""

    url: str
    process: subprocess.Popen[bytes]
    temporary: Path
    log: Path


@contextmanager
def viewing(folder: Path, at: Path, *options: str) -> Iterator[Viewed]:
    """at: an empty folder for its log and its temporary files."""
    temporary, log = at / "temporary", at / "view.log"
    temporary.mkdir()
    dropped = ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "DISPLAY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    environment = kept | {
        "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary), "MLFLOW_PORT": "9", "PREFECT_PORT": "9"
    }  # fmt: skip
    command = [sys.executable, "-m", "tast", "view", str(folder), "--port", "0", "--no-browser", *options]
    with log.open("wb") as said:
        process = subprocess.Popen(command, cwd=at, stdout=said, stderr=said, env=environment, start_new_session=True)
    try:
        yield Viewed(_address(process, log), process, temporary, log)
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    ends_s = time.monotonic() + START_S
    while time.monotonic() < ends_s and process.poll() is None:
        if match := ADDRESS.search(log.read_bytes()):
            return match[1].decode()
        time.sleep(0.05)
    raise AssertionError(f"no page: {log.read_text()}")
