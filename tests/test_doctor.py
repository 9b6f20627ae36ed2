"""The doctor names what is missing and what brings it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tast import doctor
from tast.cli import app


def test_a_missing_library_is_named_with_its_apt_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "SYSTEM_LIBRARIES", {"libnothere.so.9": "libnothere9"})
    assert doctor.main(["--system"]) == 1
    assert capsys.readouterr().err == "libnothere.so.9: missing; apt-get install libnothere9\n"


def test_this_machine_is_ready() -> None:
    assert [check for check in doctor.all_checks() if not check.ok] == []
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "68-point landmark model" in result.stdout
