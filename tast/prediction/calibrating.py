"""A camera's profile (tast.prediction.profiles), learnt from recordings with an oximeter beside them, and a trace read by it.

The gain is how much of a change shows under this camera and lamp, and comes from what moves within recordings; the level is the
mean over people, who differ in it. Both are tried on recordings left out: each person's in turn, or each recording of the one
person there is. What cannot be learnt is refused: no gain comes from a level that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tast.errors import TastError
from tast.people import person_of, recording_of
from tast.prediction.profiles import CameraProfile
from tast.prediction.trace import PredictedTrace
from tast.preprocessing.clips import labels_per_second
from tast.records import FloatArray, VideoRecord
from tast.seconds import BRIGHTNESS
from tast.training.anchored_interval import anchored_errors, fit_anchored_interval
from tast.training.interval import COVERAGE, PredictionInterval, conformal_quantile

LEAST_SECONDS = 20  # of a recording, with a reading each: an anchor takes ten of them
LEAST_SPAN_PERCENT = 4.0  # between the 5th and 95th percentile of SpO2 in the recording in which it moves most
LEAST_R = 0.3  # within recordings, of what is read and what is true: below it nothing is followed


@dataclass(frozen=True)
class LeftOut:
    """What a profile of the others says of recordings left out, RMSE in points of SpO2: alone, beside the others' mean; and from
    their first seconds on, beside who stays there. covered: share of the seconds inside the interval."""

    rmse: float
    constant_rmse: float
    anchored_rmse: float
    stays_rmse: float
    covered: float


def seconds_of(record: VideoRecord, trace: PredictedTrace, label_delay_s: float) -> pd.DataFrame:
    """A row for each second of a recording that has a reading: what is read, and what an oximeter showed."""
    true = [labels_per_second(record.spo2, float(at_s) + label_delay_s, 1)[0] for at_s in trace.start_s]
    table = pd.DataFrame({
        "dataset": record.dataset, "subject_id": record.subject_id, "record_id": record.record_id, "scenario": record.scenario,
        "clip_id": record.record_id, "first_frame": np.arange(len(true)), "fps_hz": 1.0, "start_s": trace.start_s, "second": 0,
        "true_percent": true, "changing_percent": trace.changing_percent, BRIGHTNESS: trace.brightness,
    })  # fmt: skip
    return table[table["true_percent"].notna()]


def calibrate(recordings: Iterable[pd.DataFrame]) -> tuple[CameraProfile, LeftOut]:
    """Of the seconds of each recording, see seconds_of. Raises TastError where there is nothing to learn a profile from."""
    kept = [one for one in recordings if len(one) >= LEAST_SECONDS]
    if len(kept) < 2:
        raise TastError(
            f"{len(kept)} recordings of at least {LEAST_SECONDS} s with readings; expected two or more, so that one is left out "
            "(`tast check FOLDER` names what is wrong with others)"
        )
    rows = pd.concat(kept, ignore_index=True)
    _require_change(rows)
    people = sorted(set(person_of(rows)))
    unit = person_of(rows) if len(people) > 1 else recording_of(rows)
    tried = pd.concat([_left_out(rows, unit == one) for one in sorted(set(unit))], ignore_index=True)
    gain, level = _line(rows)
    errors = (tried["predicted_percent"] - tried["true_percent"]).abs().to_numpy()
    half_width = conformal_quantile(errors, COVERAGE)
    profile = CameraProfile(
        gain, level, PredictionInterval(COVERAGE, half_width, len(people), len(tried)), fit_anchored_interval(tried),
        float(rows["true_percent"].min()), float(rows["true_percent"].max()), people[0] if len(people) == 1 else "", len(kept),
    )  # fmt: skip
    return profile, _scores(tried, half_width)


def _require_change(rows: pd.DataFrame) -> None:
    spans = rows.groupby(recording_of(rows))["true_percent"].quantile([0.05, 0.95]).unstack()
    span = float((spans[0.95] - spans[0.05]).max())
    if span < LEAST_SPAN_PERCENT:
        raise TastError(
            f"SpO2 moves by at most {span:.1f} points within a recording; expected {LEAST_SPAN_PERCENT:g}: one level fixes an "
            "offset, which `tast anchor` keeps, and never a slope"
        )
    read, true = _moved(rows, "changing_percent"), _moved(rows, "true_percent")
    r = float(np.corrcoef(read, true)[0, 1]) if read.std() > 0 else 0.0
    if r < LEAST_R:
        raise TastError(f"what the model reads does not follow SpO2 here (r within recordings {r:.2f}, expected {LEAST_R:g})")


def _moved(rows: pd.DataFrame, column: str) -> FloatArray:
    means = rows.groupby(recording_of(rows))[column].transform("mean")
    return np.asarray((rows[column] - means).to_numpy(), dtype=np.float64)


def _line(rows: pd.DataFrame) -> tuple[float, float]:
    """Gain and level; each person weighs the same in the level."""
    read, true = _moved(rows, "changing_percent"), _moved(rows, "true_percent")
    gain = float(read @ true / max(float(read @ read), 1e-9))
    levels = (rows["true_percent"] - gain * rows["changing_percent"]).groupby(person_of(rows)).mean()
    return gain, float(levels.mean())


def _left_out(rows: pd.DataFrame, left: pd.Series) -> pd.DataFrame:
    """Those rows as the others' line reads them; constant_percent: the others' mean."""
    gain, level = _line(rows[~left])
    read = gain * rows.loc[left, "changing_percent"] + level
    mean = float(rows.loc[~left, "true_percent"].mean())
    return rows[left].assign(changing_percent=read, predicted_percent=read.clip(upper=100.0), constant_percent=mean)


def _scores(tried: pd.DataFrame, half_width: float) -> LeftOut:
    true = tried["true_percent"]

    def rmse(off: pd.Series) -> float:
        return float(np.sqrt(np.mean(off**2)))

    anchored = anchored_errors(tried)
    stays = anchored_errors(tried.assign(changing_percent=0.0))
    inside = (tried["predicted_percent"] - true).abs() <= half_width
    return LeftOut(
        rmse(tried["predicted_percent"] - true), rmse(tried["constant_percent"] - true), rmse(anchored["error"]),
        rmse(stays["error"]), float(inside.mean()),
    )  # fmt: skip


def calibrated(trace: PredictedTrace, profile: CameraProfile) -> PredictedTrace:
    """The trace as the profile reads it, with the profile's intervals, inside of what is known."""
    read = profile.gain * trace.changing_percent + profile.level_percent
    return replace(
        trace, spo2_percent=np.clip(read, trace.lowest_percent, trace.highest_percent), changing_percent=read, profile=profile,
        interval=profile.interval, anchored_interval=profile.anchored_interval, change_scale=None,
    )  # fmt: skip


def table_of(left_out: LeftOut) -> Sequence[tuple[str, float, str, float]]:
    """What is shown of recordings left out: how it is read, RMSE, beside what, RMSE of that."""
    return (
        ("by the profile alone", left_out.rmse, "the others' mean", left_out.constant_rmse),
        ("from their first seconds on", left_out.anchored_rmse, "stays there", left_out.stays_rmse),
    )
