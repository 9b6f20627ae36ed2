"""A table comes back as it was written, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tast.errors import BadInput
from tast.parquet import KEY, read_table, write_table

TABLE = pd.DataFrame(
    {"who": ["a", "b", None], "second": [0, 1, 2], "percent": [97.123456789012345, np.nan, 0.1], "few": np.float32([1, 2, 0.1])}
)


def test_a_table_comes_back_and_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table(tmp_path / name, TABLE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    pd.testing.assert_frame_equal(read_table(tmp_path / "one", "a table"), TABLE)
    TABLE.to_parquet(tmp_path / "before")
    pd.testing.assert_frame_equal(read_table(tmp_path / "before", "a table"), TABLE)


def test_a_table_with_another_number_in_it_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "a", TABLE)
    columns = pq.read_table(tmp_path / "a")
    other = columns.set_column(1, "second", [[0, 1, 3]])
    assert other.schema.metadata[KEY] == columns.schema.metadata[KEY]
    pq.write_table(other, tmp_path / "a")
    with pytest.raises(BadInput, match="a: its bytes are not those that were written; expected a table"):
        read_table(tmp_path / "a", "a table")


def test_any_turned_bit_leaves_the_table_or_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_table(path, TABLE)
    sound, refused = path.read_bytes(), 0
    for at in range(0, len(sound), 7):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 8]) + sound[at + 1 :])
        try:
            found = read_table(path, "a table")
        except BadInput:
            refused += 1
        else:
            pd.testing.assert_frame_equal(found, TABLE, check_dtype=False)
    assert refused > 20
