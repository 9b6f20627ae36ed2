"""What mere position foretells: SpO2 from a recording's place among its person's and the second within it, without any light.

Where it beats the constant predictor, the protocol of the data set gives the answer away, and every other score is to be read
against it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tast.evaluation.series import fitted_percent, position_features
from tast.people import person_of, recording_of
from tast.seconds import KEY, labels_per_second


def position_predictions(manifest: pd.DataFrame, train_ids: Sequence[str], test_ids: Sequence[str]) -> pd.DataFrame:
    """Table (KEY, predicted_percent) of the test seconds, fitted on the labelled seconds of the training clips.

    manifest: of a clip store, indexed by clip_id.
    """
    parts = [labels_per_second(manifest.loc[list(ids)]) for ids in (train_ids, test_ids)]
    rows = pd.concat(parts, ignore_index=True)
    place = recording_of(rows).map(places(manifest)).to_numpy(dtype=np.float64)
    features = position_features(place, rows["start_s"].to_numpy(dtype=np.float64))
    percent = rows["true_percent"].to_numpy(dtype=np.float64)
    test = np.arange(len(rows)) >= len(parts[0])
    train = ~test & np.isfinite(percent)
    predicted = fitted_percent(features[train], percent[train], features[test])
    return rows.loc[test, KEY].reset_index(drop=True).assign(predicted_percent=predicted)


def places(manifest: pd.DataFrame) -> pd.Series:
    """Of each recording (dataset/subject_id/record_id), its place among its person's: 0, 1, ..., by the numbers in the names."""
    records = manifest.assign(recording=recording_of(manifest), person=person_of(manifest)).drop_duplicates("recording")
    ordered = records.iloc[sorted(range(len(records)), key=lambda place: _numbers(records["record_id"].iloc[place]))]
    return ordered.set_index("recording").groupby("person").cumcount()


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]
