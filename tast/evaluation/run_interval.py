"""The interval that a trained model's anchored predictions have, as columns beside them, the same in each row of a run.

What a training predicts is kept as one table; the card that the interval stands in is not.
"""

from __future__ import annotations

import math
from dataclasses import fields

import pandas as pd

from tast.training.anchored_interval import AnchoredInterval

PREFIX = "anchored_"
COLUMNS = tuple(f"{PREFIX}{one.name}" for one in fields(AnchoredInterval))


def interval_columns(interval: AnchoredInterval | None) -> dict[str, float]:
    """Column -> its value in each row; NaN where the model has no such interval."""
    return {name: math.nan if interval is None else float(getattr(interval, name.removeprefix(PREFIX))) for name in COLUMNS}


def interval_in(run: pd.DataFrame) -> AnchoredInterval | None:
    """The interval of a run's rows; None where they have none, or an earlier release kept them."""
    known = run.reindex(columns=list(COLUMNS)).iloc[0].rename(lambda name: name.removeprefix(PREFIX))
    known = known.fillna({"of_light": 0.0})  # of a run of before
    if known.isna().any():
        return None
    values = known.astype(float).to_dict()
    return AnchoredInterval(**values | {name: round(values[name]) for name in ("n_subjects", "n_seconds")})
