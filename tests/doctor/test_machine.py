"""The doctor names what is missing on a machine and what brings it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tast.doctor import machine as doctor


def test_a_missing_library_is_named_with_its_apt_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "SYSTEM_LIBRARIES", {"libnothere.so.9": "libnothere9"})
    assert doctor.main(["--system"]) == 1
    assert capsys.readouterr().err == "libnothere.so.9: missing; apt-get install libnothere9\n"


def test_this_machine_is_ready(any_disk_and_memory: None) -> None:
    checks = doctor.machine_checks()
    assert [check for check in checks if not check.ok] == []
    assert {"Python", "git", "torch", "68-point landmark model", "Face Mesh model", "free disk", "memory", "GPU"} <= {
        check.name for check in checks
    }


@pytest.mark.parametrize(("found", "ok"), [((3, 10, 4), False), ((3, 11, 2), True), ((3, 12, 3), True), ((3, 13, 0), False)])
def test_a_python_that_the_package_is_not_for_is_named(
    monkeypatch: pytest.MonkeyPatch, found: tuple[int, int, int], ok: bool
) -> None:
    monkeypatch.setattr(doctor.sys, "version_info", found)
    check = doctor.check_python()
    assert (check.ok, check.detail) == (ok, ".".join(map(str, found)))
    assert check.what_to_do == ("" if ok else "use Python 3.11 or 3.12")


def test_missing_packages_and_models_say_what_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("no-such-package",))
    monkeypatch.setattr(doctor, "MODELS", {"a model": ("numpy", "none.dat", "pip install it"), "another": ("nothere", "x", "y")})
    (package,) = doctor.check_packages()
    assert (package.ok, package.detail, package.what_to_do) == (False, "not installed", "make setup")
    assert [(model.ok, model.what_to_do) for model in doctor.check_models()] == [(False, "pip install it"), (False, "y")]


@pytest.mark.parametrize(("limit", "ok"), [("max", True), ("500000000", False), (None, True)])
def test_memory_is_no_more_than_a_container_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, ok: bool
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8e9))
    if limit:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
    check = doctor.check_memory(tmp_path / "memory.max")
    assert check.ok is ok, check
    assert ok or ((check.detail == "0 GB available" or check.detail == "1 GB available") and "runner.workers" in check.what_to_do)


def test_a_full_disk_says_how_much_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED_DISK_GB", 1e9)
    assert doctor.check_disk().what_to_do.startswith("free at least 1000000000 GB")


@pytest.mark.parametrize(
    ("body", "ok", "detail"),
    [
        ("echo 'NVIDIA X, 81559 MiB'; echo 'NVIDIA Y, 1 MiB'", True, "NVIDIA X, 81559 MiB; NVIDIA Y, 1 MiB"),
        ("exit 9", False, "nvidia-smi fails"),
    ],
)
def test_the_drivers_program_is_asked_for_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, ok: bool, detail: str
) -> None:
    """A script in place of the driver's program: what is tested is how its answer is read."""
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{body}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    check = doctor.check_gpu()
    assert (check.ok, check.detail) == (ok, detail)
    assert check.what_to_do
