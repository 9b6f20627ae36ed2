"""The predictions table: one row per second of a recording, what was true and what a user would have been given.

Every score, interval, contest, picture and page is made from it. A second that several clips show has the mean of what they give,
taken before anything is scored; `lower_percent` and `upper_percent` are the interval that `predict` draws around it. `quality` is
the mean of those clips' qualities (0 to 1: share of the frames in which the face was seen), NaN where none of them has one.
`spot_sd_percent` is NaN where truth is a trace; where one spot reading stands for the whole recording, its uncertainty (1 SD).
`changing_percent` is what the model follows a change by, which an anchor moves (tast.anchors); its level means nothing.
`brightness` is the logarithm of the light behind the face, whose changes the interval of anchored predictions knows.
`codec` and `bits_per_pixel` are those of the recording's video (tast.records.SourceFacts), missing where they are not known.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from tast.errors import BadInput, TastError
from tast.parquet import read_table
from tast.people import recording_of
from tast.seconds import BRIGHTNESS, KEY, SOURCE_COLUMNS, SPOT, is_spot, per_second
from tast.training import change_scale
from tast.training.interval import around

EXPECTED = "a table of predictions (run `dvc repro evaluate`)"
LATER_COLUMNS = (  # which tables of earlier releases lack
    "quality", SPOT, *SOURCE_COLUMNS, "changing_percent", BRIGHTNESS, *change_scale.COLUMNS
)  # fmt: skip
COLUMNS = (
    "dataset", "subject_id", "record_id", "scenario", "second", "start_s", "true_percent", "predicted_percent", "lower_percent",
    "upper_percent", "n_clips", *LATER_COLUMNS,
)  # fmt: skip


def predictions_per_second(
    clip_rows: pd.DataFrame, *, half_width_percent: float, lowest_percent: float, highest_percent: float
) -> pd.DataFrame:
    """The table (COLUMNS, sorted by KEY) from one row per clip and second, as tast.training.inference.predict gives them.

    half_width_percent: of the model's interval, NaN where it has none; lowest_percent, highest_percent: what the model can give,
    where the interval ends. Raises TastError where a prediction is not finite.
    """
    broken = clip_rows.loc[~np.isfinite(clip_rows["predicted_percent"]), "clip_id"]
    if len(broken):
        raise TastError(f"{len(broken)} predictions are not finite, the first of clip {broken.iloc[0]}")
    rows = _with_later_columns(clip_rows)
    averaged = ["true_percent", "predicted_percent", "quality", SPOT, "bits_per_pixel", "changing_percent", BRIGHTNESS]
    table = per_second(rows, averaged).assign(**{name: rows[name].iloc[0] for name in change_scale.COLUMNS})  # of the model
    codecs = rows.groupby(recording_of(rows))["codec"].first()
    table["codec"] = recording_of(table).map(codecs).replace("", None)
    predicted = table["predicted_percent"].to_numpy()
    lower, upper = around(predicted, half_width_percent, lowest_percent, highest_percent)
    return table.assign(lower_percent=lower, upper_percent=upper)[list(COLUMNS)]


def read_predictions(path: Path) -> pd.DataFrame:
    """predictions.parquet.

    Raises BadInput where it is damaged, a column is missing, the same second occurs twice or a number cannot be one.

    A table that an earlier release wrote lacks some of LATER_COLUMNS: it is read with nothing known in them.
    """
    try:
        table = read_table(path, EXPECTED)
    except FileNotFoundError:
        raise BadInput(path, "no such file", EXPECTED) from None
    table = _with_later_columns(table)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise BadInput(path, f"no column {', '.join(missing)}", f"the columns {', '.join(COLUMNS)}")
    if table.duplicated(KEY).any():
        raise BadInput(path, "the same second of a recording twice", f"one row for each {', '.join(KEY)}")
    if not np.isfinite(table["predicted_percent"]).all():
        raise BadInput(path, "a predicted_percent that is not finite", "a prediction for every second")
    return table[[*COLUMNS, *(column for column in table.columns if column not in COLUMNS)]]


def _with_later_columns(table: pd.DataFrame) -> pd.DataFrame:
    absent = {name: None if name == "codec" else np.nan for name in LATER_COLUMNS if name not in table}
    return table.assign(**absent)


def labelled(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows that can be scored, in the order of KEY; a prediction that is not finite is an error and not a row less."""
    broken = predictions.loc[~np.isfinite(predictions["predicted_percent"]), KEY]
    if len(broken):
        first = "/".join(str(value) for value in broken.iloc[0])
        raise TastError(f"{len(broken)} predictions are not finite, the first of second {first}")
    rows = predictions.loc[np.isfinite(predictions["true_percent"])].sort_values(KEY, ignore_index=True)
    if rows.empty:
        raise TastError("no second of the test recordings has a label: nothing to evaluate")
    return rows


def traced(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose truth is a trace: of a recording with one spot reading nobody knows how SpO2 moved within it."""
    return rows[~is_spot(rows)]


def covered(rows: pd.DataFrame) -> pd.Series:
    """1 for each second whose true SpO2 the interval holds, 0 where it does not, NaN where there is no interval."""
    inside = rows["true_percent"].between(rows["lower_percent"], rows["upper_percent"])
    return inside.astype(float).where(rows["lower_percent"].notna())


def digest_of_test(predictions: pd.DataFrame) -> str:
    """sha256 of which seconds were tested, with which labels; the same for every method on the same test set."""
    rows = labelled(predictions)
    keys = zip(*(rows[name] for name in KEY), rows["true_percent"], strict=True)
    text = "\n".join("\t".join([*map(str, key), f"{true:.6f}"]) for *key, true in keys)
    return hashlib.sha256(text.encode()).hexdigest()
