"""A person is `dataset/subject_id`: two data sets with a subject 01 each have two people."""

from __future__ import annotations

import pandas as pd

from tast.people import person_of, recording_of

ROWS = pd.DataFrame({"dataset": ["pure", "csv"], "subject_id": ["01", "01"], "record_id": ["01-01", "a"]})


def test_the_same_subject_of_two_data_sets_is_two_people() -> None:
    assert person_of(ROWS).tolist() == ["pure/01", "csv/01"]
    assert recording_of(ROWS).tolist() == ["pure/01/01-01", "csv/01/a"]


def test_a_table_without_data_sets_and_one_without_rows() -> None:
    assert person_of(ROWS.drop(columns="dataset")).tolist() == ["01", "01"]
    assert person_of(ROWS.iloc[:0]).empty
