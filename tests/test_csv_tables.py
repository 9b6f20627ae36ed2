"""A table of text comes back as it was written, or not at all; others read it as any CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tast.csv_tables import read_csv, write_csv
from tast.digests import OWN
from tast.errors import BadInput

TABLE = pd.DataFrame({"epoch": [0, 1, 2], "train_loss": [3.25, 0.1, 1e-9], "val_loss": [2.0, np.nan, 1.0]})
EXPECTED = "a curve"


def test_a_table_comes_back_and_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_csv(tmp_path / name, TABLE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    pd.testing.assert_frame_equal(read_csv(tmp_path / "one", EXPECTED), TABLE)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "one").drop(columns=OWN), TABLE)


def test_any_turned_bit_leaves_the_table_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    write_csv(path, TABLE)
    sound, refused = path.read_bytes(), 0
    for at in range(0, len(sound), 3):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << at % 8]) + sound[at + 1 :])
        try:
            found = read_csv(path, EXPECTED)
        except BadInput as error:
            assert str(error).startswith(f"{path}: ") and str(error).endswith("expected a curve")
            refused += 1
        else:
            pd.testing.assert_frame_equal(found, TABLE)
    assert refused > len(sound) / 4


def test_what_was_cut_off_between_two_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    write_csv(path, TABLE)
    lines = path.read_text().splitlines(keepends=True)
    for kept in ([], lines[:1], lines[:2], lines[:-1], lines[1:], [lines[0], *lines[2:]], [*lines, lines[-1]]):
        path.write_text("".join(kept))
        with pytest.raises(BadInput, match=r"curve\.csv: its bytes are not those that were written; expected a curve"):
            read_csv(path, EXPECTED)


def test_a_table_without_a_digest_or_none_at_all(tmp_path: Path) -> None:
    TABLE.to_csv(tmp_path / "plain.csv", index=False)
    for name in ("plain.csv", "none.csv"):
        with pytest.raises(BadInput, match=f"{name}: .*; expected a curve"):
            read_csv(tmp_path / name, EXPECTED)
