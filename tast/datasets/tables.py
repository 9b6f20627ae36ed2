"""Small text tables of numbers, where every mistake is named with its file and line.

Tables may be European: cells parted by semicolons (or tabs), a comma before the decimals, a byte order mark, CRLF at line ends.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tast.errors import BadInput
from tast.records import FloatArray
from tast.texts import read_text

SEPARATORS = (";", "\t", ",")


def read_numbers(path: Path, header: str | None) -> FloatArray:
    """(N,) numbers, one a line, below a header line if one is named; blank lines are skipped."""
    lines = text_lines(path)
    if header is not None:
        found = lines[0].strip().strip('"') if lines else "an empty file"
        if found != header:
            raise BadInput(path, f"first line {found!r}" if lines else found, f"the header {header!r}")
    first = 1 if header is None else 2
    rows = [(number, line.strip()) for number, line in enumerate(lines[first - 1 :], start=first) if line.strip()]
    return np.array([_number(path, number, text) for number, text in rows], dtype=np.float64)


def read_columns(path: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV table as text by column name. Raises BadInput where a required column or a row's cell is missing.

    Cells are parted by the first of SEPARATORS that the header has.
    """
    lines = text_lines(path)
    header = lines[0] if lines else ""
    separator = next((mark for mark in SEPARATORS if mark in header), ",")
    try:
        rows = list(csv.DictReader(lines, delimiter=separator, skipinitialspace=True))
    except csv.Error as error:  # a quotation mark that nothing closes makes one cell of all that follows
        raise BadInput(path, f"not a table ({error})", f"a table with the columns {', '.join(required)}") from None
    known = tuple(rows[0]) if rows else ()
    if missing := [name for name in required if name not in known]:
        shown = ", ".join(str(name) for name in known) or "no row"
        raise BadInput(
            path, f"no column {', '.join(missing)} (found: {shown})", f"a table with the columns {', '.join(required)}"
        )
    for number, row in enumerate(rows, start=2):
        if None in row or any(row[name] is None for name in required):
            too_many = separator == "," and None in row
            hint = " (a comma before the decimals needs semicolons between the cells)" if too_many else ""
            raise BadInput(
                path, f"line {number} has not one cell for each column", f"the columns {', '.join(required)}{hint}"
            )  # fmt: skip
    return rows


def number_or_nan(path: Path, line: int, text: str) -> float:
    """A cell's number; NaN where it is empty. "97,5" is 97.5: no table here groups its thousands."""
    cell = text.strip()
    if cell.count(",") == 1 and "." not in cell:
        cell = cell.replace(",", ".")
    return _number(path, line, cell) if cell else float("nan")


def text_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file, with or without a byte order mark."""
    return read_text(path, "a text file").splitlines()


def _number(path: Path, line: int, text: str) -> float:
    try:
        if "_" in text:  # Python takes 9_7 for 97
            raise ValueError
        return float(text)
    except ValueError:
        raise BadInput(path, f"{text[:30]!r} in line {line}", "a number") from None
