"""`python -m benchmarks`: every name is a module that runs, and one that fails does not end the others."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as all_benchmarks
from benchmarks import results
from benchmarks.results import OUT, Row


def test_every_name_is_a_module_with_peers_where_it_says_so() -> None:
    for name, benchmark in all_benchmarks.BENCHMARKS.items():
        spec = importlib.util.find_spec(f"benchmarks.{name}")
        assert spec is not None and spec.origin is not None
        source = Path(spec.origin).read_text()
        assert '__name__ == "__main__"' in source
        assert ('"--peer"' in source) == benchmark.peers


def test_all_run_whatever_becomes_of_one_and_what_they_wrote_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[list[str]] = []
    (tmp_path / "of_before.json").write_text("[]")

    def fake_run(command: list[str], check: bool, env: dict[str, str]) -> SimpleNamespace:
        ran.append(command[1:])
        (Path(env[OUT]) / f"{command[2].removeprefix('benchmarks.')}_set.json").write_text("[]")
        return SimpleNamespace(returncode=int("benchmarks.evm" in command))

    monkeypatch.setattr(all_benchmarks.subprocess, "run", fake_run)
    failed, written = all_benchmarks.run(["evm", "metadata"], [Path("a"), Path("b")], tmp_path)
    assert failed == ["evm"] and [path.name for path in written] == ["evm_set.json", "metadata_set.json"]
    assert ran == [["-m", "benchmarks.evm", "--peer", "a", "--peer", "b"], ["-m", "benchmarks.metadata"]]


def test_a_group_is_all_that_is_in_it_and_nothing_runs_twice() -> None:
    speed = all_benchmarks.chosen(["speed"])
    assert {"evm", "models", "training_step", "inference", "growth"} <= set(speed)
    assert all_benchmarks.chosen(["store", "speed", "door"]) == ["store", *(one for one in speed if one != "store"), "door"]
    assert all_benchmarks.chosen([]) == list(all_benchmarks.BENCHMARKS)
    assert not set(all_benchmarks.GROUPS) & set(all_benchmarks.BENCHMARKS)
    assert sorted(one for group in all_benchmarks.GROUPS.values() for one in group) == sorted(all_benchmarks.BENCHMARKS)


def test_at_the_end_stands_what_held_and_what_fell_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read from the JSON; a bar that is missed is told, and is no failure of the run."""
    rows = [
        Row("quick", 12.0, "clips", ratio=7.5, must=7.0),
        Row("slow", 30.0, "clips", ratio=6.9, must=7.0),
        Row("heavy", 0.4, "GiB", better="lower", must=0.3),
        Row("light", 0.3, "GiB", better="lower", must=0.3),
        Row("unknown", float("nan"), "1", must=0.1),
        Row("unasked", 1.0, "1"),
    ]

    def fake_run(command: list[str], check: bool, env: dict[str, str]) -> SimpleNamespace:
        monkeypatch.setattr(results, "RESULTS", Path(env[OUT]))
        results.write_rows("evm", rows)
        return SimpleNamespace(returncode=0)

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(all_benchmarks.subprocess, "run", fake_run)
    monkeypatch.setattr("sys.argv", ["benchmarks", "evm", "--out", str(tmp_path)])
    all_benchmarks.main()
    table = capsys.readouterr().out.rpartition("measured")[2]
    verdicts = {row.name: line for row in rows for line in table.splitlines() if f" {row.name} " in line}
    assert set(verdicts) == {"quick", "slow", "heavy", "light", "unknown"}
    assert {name for name, line in verdicts.items() if "fell short" in line} == {"slow", "heavy", "unknown"}
    assert {name for name, line in verdicts.items() if " held " in line} == {"quick", "light"}
    assert "7.5 times" in verdicts["quick"] and "at least 7" in verdicts["quick"]
    assert "0.4 GiB" in verdicts["heavy"] and "at most 0.3" in verdicts["heavy"]


def test_every_result_that_is_kept_can_be_read_so() -> None:
    kept = sorted((Path(__file__).parents[2] / "benchmarks" / "results").glob("*.json"))
    rows = [row for path in kept for row in all_benchmarks.barred(path)]
    assert len(rows) > 100 and all(isinstance(all_benchmarks.holds(row), bool) for row in rows)


def test_an_unknown_name_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "emv"])
    with pytest.raises(SystemExit):
        all_benchmarks.main()
    assert "no benchmark emv; known are evm, " in capsys.readouterr().err
