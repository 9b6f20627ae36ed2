"""Tables on disk as Parquet, with a digest of what they hold, which is looked at when they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tast.digests import CHANGED
from tast.errors import BadInput

KEY = b"tast.sha256"  # in the metadata of the schema


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Columns without the index; the same table gives the same bytes. To be written whole: see tast.files."""
    columns = pa.Table.from_pandas(table, preserve_index=False)
    stamped = columns.replace_schema_metadata({**(columns.schema.metadata or {}), KEY: _digest(table).encode()})
    with path.open("wb") as file:  # Python's, whose errors say what is wrong with the disk
        pq.write_table(stamped, file, write_page_checksum=True)


def read_table(path: Path, expected: str) -> pd.DataFrame:
    """Raises BadInput where the file is no Parquet, or does not hold what was written; FileNotFoundError where there is none.

    expected: what the file should be, in words, and what makes it. A table without a digest is one of an earlier release's.
    """
    try:
        found = pq.read_table(pa.BufferReader(path.read_bytes()), page_checksum_verification=True)
        table = found.to_pandas()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError) as error:  # the last two: of pandas' own facts
        reason = " ".join(str(error).split())[:120]
        raise BadInput(path, f"{CHANGED} ({reason})", expected) from None
    digest = (found.schema.metadata or {}).get(KEY)
    if digest is not None and digest != _digest(table).encode():
        raise BadInput(path, CHANGED, expected)
    return table


def _digest(table: pd.DataFrame) -> str:
    """sha256 of the columns' names and of every value; floats with all their digits."""
    return hashlib.sha256(table.to_csv(index=False, lineterminator="\n").encode()).hexdigest()
