"""`tast export`: a file in the format that its ending names, and one line where that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.saved_model import save_model
from tests.test_export import RUNTIMES, SMALL, card_of, net_of


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    net = net_of(*SMALL)
    save_model(folder, net, card_of(net))
    return folder


@pytest.mark.parametrize("kind", RUNTIMES)
def test_the_ending_names_the_format(saved: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"spo2.{kind}"
    result = CliRunner().invoke(app, ["export", str(path), "--model", str(saved)])
    assert result.exit_code == 0, result.output
    assert "MiB" in result.output
    _, card = RUNTIMES[kind](path)
    assert '"input_kind": "normalised"' in card


def test_another_ending_is_refused(saved: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(tmp_path / "spo2.tflite"), "--model", str(saved)])
    assert result.exit_code == 2
    assert "spo2.tflite" in result.output
    assert ".onnx or .pt2" in result.output
    assert list(tmp_path.iterdir()) == []
