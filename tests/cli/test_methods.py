"""`tast methods` and `tast use`: the methods by name, and params.yaml set to one of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.methods import own_names
from tast.methods.method import method_named
from tast.params import load_params
from tests.end_to_end.conftest import PROJECT


@pytest.fixture(autouse=True)
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text((PROJECT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return path


def test_every_method_is_listed_with_its_presets() -> None:
    page = CliRunner().invoke(app, ["methods"]).stdout
    for name in own_names():
        (line,) = (one for one in page.splitlines() if one.strip().startswith(f"{name} "))
        assert ", ".join(method_named(name).presets) in line


def test_a_preset_is_one_word(params: Path) -> None:
    before = params.read_text()
    done = CliRunner().invoke(app, ["use", "tast_net", "paper"])
    assert done.exit_code == 0
    made = load_params(params)
    assert (made.train.options["sizes"], made.train.input, made.train.frame_size_px) == ("paper", "magnified", 128)
    assert made.preprocess.clips.size_px == 128
    assert "preprocess.clips.size_px: 64 -> 128" in done.stdout
    differing = [pair for pair in zip(before.splitlines(), params.read_text().splitlines(), strict=True) if pair[0] != pair[1]]
    assert len(differing) == 5  # nothing but the preset's own lines, comments and nulls as they were
    assert all("#" in now for old, now in differing if "#" in old)


def test_there_and_back_leaves_the_file_as_it_was(params: Path) -> None:
    before = params.read_text()
    for preset in ("paper", "small"):
        assert CliRunner().invoke(app, ["use", "tast_net", preset]).exit_code == 0
    assert load_params(params) == load_params(PROJECT / "params.yaml")
    assert [line.split() for line in params.read_text().splitlines()] == [line.split() for line in before.splitlines()]


def test_a_dry_run_writes_nothing(params: Path) -> None:
    before = params.read_text()
    done = CliRunner().invoke(app, ["use", "tast_net", "paper", "--dry-run"])
    assert "train.input: pulse_locked -> magnified" in done.stdout
    assert params.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["tasty"], "'tasty' is unknown; one of"), (["tast_net", "large"], "'large' is no preset of tast_net")],
)
def test_what_there_is_not_is_refused(params: Path, arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["use", *arguments])
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())
