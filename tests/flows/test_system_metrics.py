"""Samples beside a training: MLflow's names, bounded in number, found again by the saved model alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import flows.system_metrics as system_metrics
from flows.system_metrics import gpus, read_samples, sampled, write_samples

SMI = """#!/bin/sh
[ "$1" = "--query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw,enforced.power.limit" ] || exit 2
echo "0, 90, 40000, 80000, 350.50, 701.00"
echo "1, 5, 1000, 80000, [N/A], [N/A]"
"""


def test_the_names_are_those_of_mlflows_own_monitors() -> None:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    theirs = set()
    for monitor in (CPUMonitor(), DiskMonitor(), NetworkMonitor()):
        monitor.collect_metrics()
        theirs |= set(monitor.metrics)
    with sampled(every_s=0.01) as samples:
        pass
    assert len(samples) == 1
    assert set(samples[0]) - {"time_ms"} - set(gpus()) == theirs


def test_a_busy_machine_shows_and_values_are_plausible() -> None:
    before_ms = time.time() * 1000
    with sampled(every_s=0.3) as samples:
        end_s = time.monotonic() + 1
        while time.monotonic() < end_s:
            sum(range(10_000))
    assert len(samples) >= 3
    assert max(sample["cpu_utilization_percentage"] for sample in samples) > 0
    assert all(0 < sample["system_memory_usage_percentage"] < 100 for sample in samples)
    times = [sample["time_ms"] for sample in samples]
    assert times == sorted(times) and before_ms - 1 <= times[0] <= times[-1] <= time.time() * 1000


def test_a_long_training_is_thinned_not_cut() -> None:
    with sampled(every_s=0.002, most=8) as samples:
        time.sleep(0.3)
        after_ms = time.time() * 1000
    assert 4 <= len(samples) <= 8
    assert samples[-1]["time_ms"] >= int(after_ms)
    assert samples[0]["time_ms"] < after_ms - 100


def test_samples_are_found_by_the_saved_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_metrics, "SAMPLES", tmp_path / "samples")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").write_text(name)
    write_samples([{"time_ms": 1_700_000_000_123, "cpu_utilization_percentage": 12.5}], tmp_path / "one")
    found = read_samples(tmp_path / "one")
    assert found is not None
    assert found.to_dict("list") == {"time_ms": [1_700_000_000_123], "cpu_utilization_percentage": [12.5]}
    assert read_samples(tmp_path / "other") is None


def test_gpus_are_told_as_mlflow_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert gpus() == {
        "gpu_0_utilization_percentage": 90.0,
        "gpu_0_memory_usage_megabytes": pytest.approx(41943.04),
        "gpu_0_memory_usage_percentage": 50.0,
        "gpu_0_power_usage_watts": 350.5,
        "gpu_0_power_usage_percentage": 50.0,
        "gpu_1_utilization_percentage": 5.0,
        "gpu_1_memory_usage_megabytes": pytest.approx(1048.576),
        "gpu_1_memory_usage_percentage": 1.25,
    }


def test_a_driver_that_fails_costs_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho NVIDIA-SMI has failed; exit 9\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert gpus() == {}
