"""Is this machine ready? Python, system libraries, models and disk, each with what to do when it is not.

`python -m tast.doctor --system` checks what pip cannot install and needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SYSTEM_LIBRARIES = {  # shared library -> apt package that brings it
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
}
NEEDED_DISK_GB = 8.0
LANDMARK_MODEL_PACKAGE = "face_recognition_models"


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    detail: str
    advice: str = ""


def check_python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", sys.version_info[:2] == (3, 11), found, "use Python 3.11")


def check_system_libraries() -> list[Check]:
    return [_check_library(library, package) for library, package in SYSTEM_LIBRARIES.items()]


def _check_library(library: str, package: str) -> Check:
    try:
        ctypes.CDLL(library)
    except OSError:
        return Check(library, False, "missing", f"apt-get install {package}")
    return Check(library, True, "found")


def check_packages() -> list[Check]:
    return [
        _check_package(name) for name in ("torch", "dlib-bin", "mediapipe", "opencv-contrib-python", "dvc", "prefect", "mlflow")
    ]


def _check_package(name: str) -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "not installed", "make setup")


def check_landmark_model() -> Check:
    """dlib's 68-point predictor is a file inside a package that must not be imported."""
    spec = importlib.util.find_spec(LANDMARK_MODEL_PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = any((Path(folder) / "models/shape_predictor_68_face_landmarks.dat").is_file() for folder in folders)
    return Check(
        "68-point landmark model", found, "found" if found else "missing", f"pip install {LANDMARK_MODEL_PACKAGE}==0.3.0"
    )


def check_disk(folder: Path = Path()) -> Check:
    free_gb = shutil.disk_usage(folder).free / 1e9
    return Check(
        "free disk", free_gb >= NEEDED_DISK_GB, f"{free_gb:.0f} GB", f"free at least {NEEDED_DISK_GB:.0f} GB for the default run"
    )


def check_git() -> Check:
    found = shutil.which("git")
    return Check("git", found is not None, "found" if found else "missing", "apt-get install git")


def all_checks() -> list[Check]:
    """Every check, cheap ones only: nothing is imported that takes seconds."""
    return [check_python(), check_git(), *check_system_libraries(), *check_packages(), check_landmark_model(), check_disk()]


def main(arguments: list[str]) -> int:
    checks: Callable[[], list[Check]] = check_system_libraries if "--system" in arguments else all_checks
    failed = [check for check in checks() if not check.ok]
    for check in failed:
        sys.stderr.write(f"{check.name}: {check.detail}; {check.advice}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
