"""What a training takes of its machine: CPU, memory, disk, network and GPUs, sampled beside it into a file for MLflow's page.

That file is no output: its times and loads differ from run to run. It lies below .tast, named after the saved model, so that
publishing finds it again whatever became of the database. Names and units are those of MLflow's own monitor, which cannot be used
here: it writes into a run of its own while the training lasts, and DVC's stages know no MLflow.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import psutil

from flows import STATE
from tast.csv_tables import read_csv, write_csv
from tast.files import whole_file
from tast.saved_model import CARD

SAMPLES = STATE / "system_metrics"
FIRST_EVERY_S = 2.0
MOST_SAMPLES = 240  # then pairs become one and the pace halves: a day's training fits MLflow's page as well as a minute's
MIB = 2**20

Sample = dict[str, float]
GPU_QUERY = ("index", "utilization.gpu", "memory.used", "memory.total", "power.draw", "enforced.power.limit")


@contextmanager
def sampled(every_s: float = FIRST_EVERY_S, most: int = MOST_SAMPLES) -> Iterator[list[Sample]]:
    """Yields a list that a thread fills as long as the block lasts, with one sample at its end at least.

    A sample holds time_ms (since 1970) and one value per metric. most: an even number, the largest length of the list.
    """
    samples: list[Sample] = []
    done = threading.Event()
    thread = threading.Thread(target=_sample, args=(samples, done, every_s, most), name="system metrics", daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def write_samples(samples: list[Sample], model_folder: Path) -> None:
    """Keep the samples of the training that made this saved model."""
    with whole_file(_place(model_folder)) as part:
        write_csv(part, pd.DataFrame(samples))


def read_samples(model_folder: Path) -> pd.DataFrame | None:
    """time_ms and one column per metric; None where this saved model was trained elsewhere."""
    place = _place(model_folder)
    return read_csv(place, "what was sampled beside the training (remove it: nothing rests on it)") if place.is_file() else None


def _place(model_folder: Path) -> Path:
    return SAMPLES / f"{hashlib.sha256((model_folder / CARD).read_bytes()).hexdigest()}.csv"


def _sample(samples: list[Sample], done: threading.Event, every_s: float, most: int) -> None:
    psutil.cpu_percent()  # the first call only starts the count
    at_start = _network_megabytes()
    ended = False
    while not ended:
        ended = done.wait(every_s)
        sent = {name: value - at_start[name] for name, value in _network_megabytes().items()}
        samples.append({"time_ms": int(time.time() * 1000)} | _machine() | sent | gpus())
        if len(samples) == most and not ended:
            samples[:] = [_mean(*pair) for pair in zip(samples[::2], samples[1::2], strict=True)]
            every_s *= 2


def _mean(one: Sample, other: Sample) -> Sample:
    return {"time_ms": other["time_ms"]} | {
        name: (value + other[name]) / 2 for name, value in one.items() if name in other and name != "time_ms"
    }


def _machine() -> Sample:
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(os.sep)
    return {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / 1e6,
        "system_memory_usage_percentage": memory.used / memory.total * 100,
        "disk_usage_percentage": disk.percent,
        "disk_usage_megabytes": disk.used / 1e6,
        "disk_available_megabytes": disk.free / 1e6,
    }


def _network_megabytes() -> Sample:
    counted = psutil.net_io_counters()
    return {"network_receive_megabytes": counted.bytes_recv / 1e6, "network_transmit_megabytes": counted.bytes_sent / 1e6}


def gpus() -> Sample:
    """Load, memory and power of each NVIDIA GPU as `nvidia-smi` tells them; empty where there is none, or no such program."""
    if shutil.which("nvidia-smi") is None:
        return {}
    query = ["nvidia-smi", f"--query-gpu={','.join(GPU_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # a driver that does not answer is no reason to lose a training
        return {}
    return {name: value for line in output.splitlines() for name, value in _gpu(line).items()}


def _gpu(line: str) -> Sample:
    index, *values = (part.strip() for part in line.split(","))
    load, used_mib, total_mib, watts, limit_watts = (_number(value) for value in values)
    found = {
        "utilization_percentage": load,
        "memory_usage_megabytes": used_mib * MIB / 1e6,
        "memory_usage_percentage": used_mib / total_mib * 100,
        "power_usage_watts": watts,
        "power_usage_percentage": watts / limit_watts * 100,
    }
    return {f"gpu_{index}_{name}": value for name, value in found.items() if value == value}


def _number(text: str) -> float:
    """NaN for what a device does not tell ("[N/A]")."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
