"""The file of a row of the table of methods: read as it was written, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.tables.rows import CONFIGURED, read_row, row_named, write_rows
from tast.closure import ROOT
from tast.errors import BadInput
from tast.params import load_params


def test_a_row_comes_back_and_another_number_in_its_file_is_refused(tmp_path: Path) -> None:
    params = load_params(ROOT / "params.yaml")
    row = row_named(CONFIGURED, params)
    write_rows([row], tmp_path)
    found = read_row(CONFIGURED, tmp_path)
    assert found.train == row.train.model_copy(update={"seed": 0}) and found.preprocess == row.preprocess
    file = tmp_path / f"{CONFIGURED}.json"
    text = file.read_text()
    epochs = f'"epochs": {row.train.epochs}'
    assert epochs in text
    for damaged in (text.replace(epochs, f"{epochs}0"), text[:-20], "[]"):
        file.write_text(damaged)
        with pytest.raises(BadInput, match=r"configured\.json: .* expected a row as `dvc repro source` writes it"):
            read_row(CONFIGURED, tmp_path)
