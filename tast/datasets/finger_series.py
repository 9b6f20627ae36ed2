"""What a camera saw of a finger, without a video: mean colours of each frame beside SpO2, real waves that can drive a phantom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tast.records import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class FingerSeries:
    """One recording of one subject; camera and oximeters start together.

    hand: Left or Right where the set has both, else empty. path: of the table of rgb. times_s (T,): of the frames, evenly
    spaced. rgb (T, 3): mean grey levels of each frame. reading_times_s (N,): 1 Hz. spo2_by_oximeter: percent (N,) of each
    oximeter that gave any reading, NaN where it gave none. spo2_percent, pulse_per_min (N,): the medians over the oximeters, NaN
    where none gave a reading. notes: defects that were met and mended.
    """

    subject_id: str
    hand: str
    path: Path
    times_s: FloatArray
    rgb: FloatArray
    reading_times_s: FloatArray
    spo2_by_oximeter: dict[str, FloatArray]
    spo2_percent: FloatArray
    pulse_per_min: FloatArray
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        who = f"{self.subject_id} {self.hand}".rstrip()
        return f"FingerSeries({who}, {len(self.times_s)} frames, {len(self.spo2_percent)} readings)"
