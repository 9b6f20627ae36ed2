from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.errors import TastError


def test_the_table_is_shown_and_written(tmp_path: Path) -> None:
    markdown, rows_file = tmp_path / "probe.md", tmp_path / "probe.json"
    options = ["--seconds", "4", "--subjects", "1", "--scenario", "steady", "--markdown", str(markdown), "--json", str(rows_file)]
    result = CliRunner().invoke(app, ["probe", *options], catch_exceptions=False)
    assert result.exit_code == 0
    assert "tast probe, 1 recordings a row" in result.output
    rows = json.loads(rows_file.read_text())
    steps = [(row["chain"], row["step"]) for row in rows]
    assert steps[0] == ("frames", "decode (still box)")
    assert ("pipeline", "store, load") in steps
    assert steps[-1] == ("per-frame reference", "mask")
    assert len(markdown.read_text().splitlines()) == 2 + len(rows)


def test_a_mistake_is_told_before_anything_is_rendered() -> None:
    with pytest.raises(TastError, match="phantom scenario 'sleeping' is unknown in the layout pure"):
        CliRunner().invoke(app, ["probe", "--scenario", "sleeping"], catch_exceptions=False)
