"""`--json`: stdout is one object that a program can read, stderr has the rest, and the exit code is that of the words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.cli.output import say_json
from tast.methods import own_names
from tests.cli.test_data import damaged_recordings
from tests.datasets.layouts import write_pure_session
from tests.end_to_end.conftest import PROJECT
from tests.terminal import TAST, environment, in_pipe


def answer(*arguments: object, code: int = 0) -> Any:
    """Of the command with --json; without it, the exit code is the same."""
    words = [str(one) for one in arguments]
    done = CliRunner().invoke(app, [*words, "--json"], env={"COLUMNS": "160"})
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_where_one_stands_and_what_lacks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stands = answer()
    assert stands["project"] == ["none in this folder"] and len(stands["next"]) == 3
    assert CliRunner().invoke(app, ["--json", "methods"]).exit_code == 2
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    lacks = answer("doctor", code=1)
    checks = {one["name"]: one for one in lacks["checks"]}
    assert not lacks["ok"] and "does not answer" in checks["Prefect server"]["found"] and checks["Python"]["ok"]
    assert "prefect server start" in checks["Prefect server"]["what_to_do"]


def test_methods_and_what_a_preset_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    methods = {one["name"]: one for one in answer("methods")["methods"]}
    assert set(own_names()) <= set(methods) and "paper" in methods["tast_net"]["presets"]
    assert methods["multi_physnet"]["parameters_as_published"] is None or methods["multi_physnet"]["parameters_as_published"] > 0
    (tmp_path / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    before = (tmp_path / "params.yaml").read_text()
    planned = answer("use", "tast_net", "paper", "--dry-run")
    changes = {one["key"]: (one["before"], one["after"]) for one in planned["changes"]}
    assert not planned["written"] and changes["train.input"] == ("pulse_locked", "magnified")
    assert (tmp_path / "params.yaml").read_text() == before
    assert answer("use", "tast_net", "paper")["written"] and not answer("use", "tast_net", "paper")["changes"]


def test_an_audit_and_a_check(tmp_path):
    write_pure_session(tmp_path / "PURE", n_images=31)
    (audit,) = answer("audit", tmp_path / "PURE", "--layout", "pure", "--out", tmp_path / "out")["audits"]
    assert audit["page"] == str(tmp_path / "out/audit.html") and Path(audit["page"]).is_file()
    assert audit["facts"]["counts"] == json.loads((tmp_path / "out/audit.json").read_text())["counts"]
    found = answer("check", damaged_recordings(tmp_path / "mine"), code=1)
    defects = {one["record_id"]: one["defects"] for one in found["recordings"]}
    assert found["ready"] == 1 and defects["good"] == [] and "lost.csv: cannot be read" in defects["lost"][0]
    assert {one["record_id"] for one in found["recordings"] if one["ready"]} == {"good"}


def test_of_a_program_of_its_own_nothing_else_is_on_stdout_and_a_mistake_is_a_line_on_stderr(tmp_path):
    damaged_recordings(tmp_path / "mine")
    done = in_pipe([*TAST, "check", "mine", "--json"], tmp_path, environment())
    assert done.returncode == 1 and len(json.loads(done.stdout)["recordings"]) == 4 and done.stdout.count("\n") == 1
    assert done.stderr.splitlines()[-1] == "decode: 4 of 4"
    done = in_pipe([*TAST, "import", "vitallens", "none.csv", "--out", "x", "--json"], tmp_path, environment())
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("error: none.csv: ")


def test_no_number_is_null_and_any_name_is_ascii(capsys):
    say_json({"a": [float("nan"), float("inf"), 1.5], "b": Path("é\n"), "c": (1, None)})
    line = capsys.readouterr().out
    assert line.isascii() and line.count("\n") == 1
    assert json.loads(line) == {"a": [None, None, 1.5], "b": "é\n", "c": [1, None]}


@pytest.mark.parametrize("command", ["predict", "calibrate", "phantom", "traces"])
def test_what_prints_a_table_has_a_form_for_programs(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "--json" in CliRunner().invoke(app, [command, "--help"]).stdout
