"""Who a row of a table is about: a person is `dataset/subject_id`, a recording `dataset/subject_id/record_id`, everywhere.

Subject "01" of one data set is not subject "01" of another. A split that keeps people apart, a bootstrap that draws them and a
table that counts them all have to mean the same by it.
"""

from __future__ import annotations

import pandas as pd

PERSON_COLUMNS = ("dataset", "subject_id")
RECORDING_COLUMNS = (*PERSON_COLUMNS, "record_id")


def person_of(table: pd.DataFrame) -> pd.Series:
    """`dataset/subject_id` of each row; without a column `dataset` (one unnamed set) `subject_id` alone."""
    return _joined(table, PERSON_COLUMNS)


def recording_of(table: pd.DataFrame) -> pd.Series:
    """`dataset/subject_id/record_id` of each row; without a column `dataset`, the rest of it."""
    return _joined(table, RECORDING_COLUMNS)


def _joined(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    first, *others = [table[name].astype(str) for name in columns if name != "dataset" or name in table]
    for other in others:
        first = first + "/" + other
    return first
