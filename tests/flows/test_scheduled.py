"""The benchmark deployment: its form offers what there is, it waits for the pipeline, and changes no tracked file."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import get_args

import pytest
from filelock import FileLock

from benchmarks.__main__ import BENCHMARKS, GROUPS
from flows import PROJECT, scheduled
from flows.pipeline import LOCK
from flows.scheduled import BenchmarkName, benchmark
from tast.errors import TastError


def test_the_form_offers_every_benchmark_and_group() -> None:
    assert set(get_args(BenchmarkName)) == {*BENCHMARKS, *GROUPS}


def test_benchmarks_wait_for_the_pipeline_and_leave_tracked_results_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scheduled.LOCK == LOCK
    ignored = subprocess.run(["git", "check-ignore", "-q", str(scheduled.BENCHMARKS)], cwd=PROJECT, check=False)
    assert ignored.returncode == 0
    monkeypatch.setattr(scheduled, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(scheduled, "BENCHMARKS", tmp_path / "made")
    monkeypatch.setattr(scheduled, "PATIENCE_S", 0.1)
    monkeypatch.chdir(PROJECT)
    tracked = PROJECT / "benchmarks" / "results" / "metadata.json"
    before = tracked.stat()
    with FileLock(tmp_path / "lock"), pytest.raises(TastError, match="holds this workspace"):
        benchmark.fn(["metadata"])
    assert not (tmp_path / "made").exists()
    benchmark.fn(["metadata"])
    assert (tmp_path / "made" / "metadata.json").is_file()
    assert (tracked.stat().st_mtime_ns, tracked.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
