"""The same bytes whatever the machine is set to: workers, locale, time zone, umask, home and the order of hashes and of names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.workspace import OUTPUTS, digests, made
from tests.end_to_end.conftest import own_environment, set_params

pytestmark = pytest.mark.end_to_end
SMALLER = {"download.phantom.subjects": 2, "download.phantom.seconds": 5, "preprocess.clips.size_px": 8}
SETTINGS: tuple[tuple[int, int, dict[str, str]], ...] = (  # workers, umask, environment
    (1, 0o022, {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"}),
    (2, 0o077, {"PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu", "LC_ALL": "POSIX", "LANG": "de_DE.UTF-8", "HOME": "/nowhere"}),
)


def left_by(folder: Path, workers: int, umask: int, environment: dict[str, str]) -> dict[str, str]:
    """What download and preprocess leave; folders and files are made in reverse, so that a disk lists them in another order."""
    set_params(made(folder) / "params.yaml", SMALLER | {"runner.workers": workers})
    for stage in ("download", "preprocess"):
        subprocess.run(
            [sys.executable, "-m", f"flows.stages.{stage}"], cwd=folder, check=True, umask=umask,
            env=own_environment() | {"MPLCONFIGDIR": str(folder)} | environment,
        )  # fmt: skip
        if stage == "download" and workers > 1:
            _listed_otherwise(folder / "data/raw")
    return digests(folder, OUTPUTS["download"] + OUTPUTS["preprocess"])


def _listed_otherwise(folder: Path) -> None:
    """Every file anew, in reverse order: of many disks, that is the order in which they name them."""
    for file in sorted((one for one in folder.rglob("*") if one.is_file()), reverse=True):
        copy = file.with_name(f"{file.name}.copy")
        copy.write_bytes(file.read_bytes())
        os.replace(copy, file)  # noqa: PTH105


def test_settings_of_the_machine_change_no_byte(tmp_path: Path) -> None:
    first, second = (left_by(tmp_path / str(number), *settings) for number, settings in enumerate(SETTINGS))
    assert first == second and len(first) > 100
