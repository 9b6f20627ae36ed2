"""Tables on disk as CSV, for programs that read nothing else, with a digest that is looked at when they are read here.

The digest of the other columns' text stands in each row, as column `sha256`.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pandas as pd

from tast.digests import CHANGED, OWN
from tast.errors import BadInput
from tast.texts import read_text


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Columns without the index, and OWN; the same table gives the same bytes. To be written whole: see tast.files."""
    cells = pd.read_csv(io.StringIO(_text(table)), dtype=str, keep_default_na=False)
    path.write_text(_text(cells.assign(**{OWN: _digest(cells)})), encoding="utf-8")


def read_csv(path: Path, expected: str) -> pd.DataFrame:
    """Without OWN. Raises BadInput where the file is missing, or does not hold what was written.

    expected: what the file should be, in words, and what makes it.
    """
    text = read_text(path, expected)
    try:
        cells = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
        digests = set(cells.pop(OWN))
    except (ValueError, KeyError):  # pandas' own are ValueErrors
        raise BadInput(path, CHANGED, expected) from None
    if digests != {_digest(cells)}:
        raise BadInput(path, CHANGED, expected)
    return pd.read_csv(io.StringIO(_text(cells)))


def _digest(cells: pd.DataFrame) -> str:
    """sha256 of a table of texts."""
    return hashlib.sha256(_text(cells).encode()).hexdigest()


def _text(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")
