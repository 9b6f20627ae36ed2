"""What opening many containers leaves behind in memory: what was read of them, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.planted import write_videos
from tests.end_to_end.conftest import PROJECT

RECORDINGS = 400
READ_ALL = """
from pathlib import Path
import flows.clips, psutil
from tast.datasets.readers import read_dataset
memory = psutil.Process().memory_info
read_dataset("csv", Path("set"))  # once for all that a process loads and keeps
before = memory().rss
records, rejects = read_dataset("csv", Path("set"))
print(len(records), memory().rss - before)
"""


def test_the_heap_remembers_no_video_that_was_opened(tmp_path: Path) -> None:
    """In a process of its own, whose heap nobody else has filled. Larger buffers left 180 KB of each video."""
    write_videos(tmp_path / "set", RECORDINGS)
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    n, grown_bytes = map(int, done.stdout.split())
    assert n == RECORDINGS and grown_bytes < 40_000 * RECORDINGS
