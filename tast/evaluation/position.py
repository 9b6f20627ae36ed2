"""What mere position foretells: SpO2 from a recording's place among its subject's and the second within it, without any light.

Where it beats the constant predictor, the protocol of the data set gives the answer away, and every other score is to be read
against it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tast.evaluation.series import fitted_percent, position_features


def position_predictions(manifest: pd.DataFrame, train_ids: Sequence[str], test_ids: Sequence[str]) -> pd.DataFrame:
    """Table (clip_id, second, predicted_percent) of the test clips, fitted on the labelled seconds of the training clips.

    manifest: indexed by clip_id, with clip_id, subject_id, record_id, start_s and spo2_percent (one label a second).
    """
    rows = _seconds(manifest.loc[[*train_ids, *test_ids]].assign(place=places(manifest)))
    features = position_features(*(rows[name].to_numpy(dtype=np.float64) for name in ("place", "time_s")))
    percent = rows["spo2_percent"].to_numpy(dtype=np.float64)
    test = rows["clip_id"].isin(list(test_ids)).to_numpy()
    train = ~test & np.isfinite(percent)
    said = fitted_percent(features[train], percent[train], features[test])
    return rows.loc[test, ["clip_id", "second"]].reset_index(drop=True).assign(predicted_percent=said)


def places(manifest: pd.DataFrame) -> pd.Series:
    """Of each clip, the place of its recording among its subject's: 0, 1, ..., by the numbers in the recordings' names."""
    records = manifest[["subject_id", "record_id"]].drop_duplicates("record_id")
    ordered = records.iloc[sorted(range(len(records)), key=lambda place: _numbers(records["record_id"].iloc[place]))]
    place_of = dict(zip(ordered["record_id"], ordered.groupby("subject_id").cumcount(), strict=True))
    return manifest["record_id"].map(place_of)


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _seconds(clips: pd.DataFrame) -> pd.DataFrame:
    """One row per second of each clip."""
    rows = clips[["clip_id", "place", "start_s", "spo2_percent"]].reset_index(drop=True).explode("spo2_percent")
    second = rows.groupby("clip_id", sort=False).cumcount()
    return rows.assign(second=second, time_s=rows["start_s"] + second)
