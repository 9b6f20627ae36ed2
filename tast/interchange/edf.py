"""Predictions as EDF+ (Kemp & Olivan 2003, "European data format 'plus'"), a sample a second, for viewers of biosignals.

EDF holds 16-bit integers between two physical limits, and no NaN. So the lower limit stands where a channel has no value (MISSING
for most, which no SpO2 is), `Valid` is 0 where SpO2 has none, and an annotation says why. SpO2 is off by half of STEP_PERCENT at
most.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import edfio
import numpy as np

from tast import __version__
from tast.interchange.seconds import NO_PERCENTAGE, NO_VALUE, EvenSeconds, FloatArray, even_seconds, runs, sentences

if TYPE_CHECKING:
    from tast.prediction.trace import PredictedTrace

MISSING = -1.0
STEPS = 65535
PERCENT_RANGE = (MISSING, 101.0)
STEP_PERCENT = (PERCENT_RANGE[1] - PERCENT_RANGE[0]) / STEPS

CHANNELS = {  # label -> column of the trace's table, unit, physical range
    "SpO2": ("spo2_percent", "%", PERCENT_RANGE),
    "SpO2 lower": ("lower_percent", "%", PERCENT_RANGE),
    "SpO2 upper": ("upper_percent", "%", PERCENT_RANGE),
    "Quality": ("quality", "", (MISSING, 1.0)),
    "Pulse": ("pulse_per_minute", "/min", (MISSING, 300.0)),
}
VALID, OFFSET, TREND = "Valid", "Offset", "Trend"


def write_edf(path: Path, trace: PredictedTrace) -> None:
    """Of nobody by name, and of no date: EDF's 1985-01-01, as its rules for anonymous recordings have it."""
    even = even_seconds(trace)
    signals = [_signal(label, even.columns[column], unit, limits) for label, (column, unit, limits) in CHANNELS.items()]
    known = np.isfinite(even.columns["spo2_percent"])
    signals.append(_signal(VALID, known.astype(np.float64), "", (0.0, 1.0)))
    signals.append(_signal(OFFSET, np.nan_to_num(even.columns["start_s"] - np.arange(len(even))), "s", (-1.0, 1.0)))
    if trace.trend is not None:
        beyond = float(np.ceil(abs(trace.trend).max())) + 1  # where it is missing, it lies below all that it is
        signals.append(_signal(TREND, even.columns["trend"], "", (-beyond, beyond)))
    edf = edfio.Edf(
        signals,
        recording=edfio.Recording(equipment_code=f"TAST_{__version__}"),
        data_record_duration=1,
        annotations=_annotations(trace, even),
    )
    edf.write(path)


def _signal(label: str, values: FloatArray, unit: str, limits: tuple[float, float]) -> edfio.EdfSignal:
    """values (G,): NaN becomes the lower limit, which no value reaches."""
    data = np.clip(np.where(np.isnan(values), limits[0], values), *limits)
    return edfio.EdfSignal(data, 1, label=label, physical_dimension=unit, physical_range=limits)


def _annotations(trace: PredictedTrace, even: EvenSeconds) -> list[edfio.EdfAnnotation]:
    found = [edfio.EdfAnnotation(0, None, text) for text in (f"video: {trace.name}", *sentences(trace))]
    if trace.anchor is not None:
        for one in trace.anchor.readings:
            text = f"anchor: {one.spo2_percent:g} % (1 SD {one.sd_percent:g})"
            found.append(edfio.EdfAnnotation(max(0.0, one.begin_s), one.end_s - max(0.0, one.begin_s), text))
    untold = np.isnan(even.columns["spo2_percent"])
    for of, text in ((even.refused, NO_VALUE), (untold & ~even.refused, NO_PERCENTAGE)):
        found += [edfio.EdfAnnotation(first, last - first, text) for first, last in runs(of)]
    for name, holds in even.causes.items():
        found += [edfio.EdfAnnotation(first, last - first, f"may be wrong: {name}") for first, last in runs(holds)]
    return found
