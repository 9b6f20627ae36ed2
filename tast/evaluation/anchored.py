"""Anchored predictions, scored: what is known of a recording's first seconds, and how well the rest of it is read from there.

The anchor's seconds are never scored. Beside the model stands who reads nothing: SpO2 stays where it was in the anchor.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tast.anchors import SPAN_S
from tast.evaluation.predictions import labelled, traced
from tast.people import recording_of
from tast.seconds import BRIGHTNESS, KEY
from tast.training.anchored_interval import AnchoredInterval
from tast.training.change_scale import scale_in, scaled
from tast.training.interval import around

ANCHORED = ("predicted_percent", "lower_percent", "upper_percent", "stays_percent")


def anchored_predictions(
    predictions: pd.DataFrame, interval: AnchoredInterval | None, *, lowest_percent: float = 50.0, highest_percent: float = 100.0
) -> pd.DataFrame:
    """The labelled seconds that come after each recording's first SPAN_S, predicted from the mean label of those.

    As the table of tast.evaluation.predictions, with ANCHORED in place of what was predicted without an anchor. interval: of the
    model's card, None where it has none: the ends are NaN then. Recordings that are no longer than an anchor, or that one spot
    reading stands for, have no row. A method that says nothing of a recording's first seconds (NaN) stays where it was.
    """
    rows = traced(labelled(predictions))
    parts = [
        part for _, recording in rows.groupby(recording_of(rows), sort=True)
        if len(part := _after_anchor(recording, interval, lowest_percent, highest_percent))
    ]  # fmt: skip
    if not parts:
        return rows.iloc[:0].assign(**dict.fromkeys(ANCHORED, np.nan))
    return pd.concat(parts).sort_values(KEY, ignore_index=True)


def _after_anchor(recording: pd.DataFrame, interval: AnchoredInterval | None, lowest: float, highest: float) -> pd.DataFrame:
    start_s = recording["start_s"].to_numpy(dtype=np.float64)
    known = start_s + 0.5 < start_s[0] + SPAN_S
    predicted = recording["predicted_percent"]
    given = recording.get("changing_percent", predicted).fillna(predicted).to_numpy(dtype=np.float64)
    true_percent = float(recording.loc[known, "true_percent"].mean())
    mean_given = float(np.nanmean(given[known])) if np.isfinite(given[known]).any() else np.nan
    read = np.where(np.isfinite(given - mean_given), given - mean_given, 0.0)
    moved = scaled(scale_in(recording), read, true_percent) + true_percent
    after, since_s = ~known, np.maximum(0.0, start_s - (start_s[0] + SPAN_S))
    width = np.full(len(moved), np.nan)
    if interval is not None:
        brightness = recording.get(BRIGHTNESS, recording["start_s"] * np.nan).to_numpy(dtype=np.float64)
        light = np.nan_to_num(np.abs(brightness - brightness[known].mean()))  # as tast.anchors.light_from
        width = interval.half_width_percent(moved - true_percent, since_s, 0.0, light)
    anchored = np.clip(moved, lowest, highest)
    lower, upper = around(anchored, width, lowest, highest)
    table = recording.assign(predicted_percent=anchored, lower_percent=lower, upper_percent=upper, stays_percent=true_percent)
    return table[after]
