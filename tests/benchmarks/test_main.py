"""`python -m benchmarks`: every name is a module that runs, and one that fails does not end the others."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as all_benchmarks


def test_every_name_is_a_module_with_peers_where_it_says_so() -> None:
    for name, takes_peers in all_benchmarks.BENCHMARKS.items():
        spec = importlib.util.find_spec(f"benchmarks.{name}")
        assert spec is not None and spec.origin is not None
        source = Path(spec.origin).read_text()
        assert '__name__ == "__main__"' in source
        assert ('"--peer"' in source) == takes_peers


def test_all_run_whatever_becomes_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def fake_run(command: list[str], check: bool, env: dict[str, str]) -> SimpleNamespace:
        ran.append(command[1:])
        return SimpleNamespace(returncode=int("benchmarks.evm" in command))

    monkeypatch.setattr(all_benchmarks.subprocess, "run", fake_run)
    assert all_benchmarks.run(["evm", "metadata"], [Path("a"), Path("b")]) == ["evm"]
    assert ran == [["-m", "benchmarks.evm", "--peer", "a", "--peer", "b"], ["-m", "benchmarks.metadata"]]


def test_an_unknown_name_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "emv"])
    with pytest.raises(SystemExit):
        all_benchmarks.main()
    assert "no benchmark emv; known are evm, " in capsys.readouterr().err
