"""The pulse wave that an oximeter recorded beside a video, on the video's frames: what a method may learn beside SpO2.

    data/clips/pulse/<record_id>.npy     (T,) float32, in the device's own units; NaN where none is known

One file per recording whose data set has a wave, beside the recording's frames. The finger's pulse comes some tenths of a second
after the face's, and no data set says by how much: the wave stays on the clock that the set gives it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tast.arrays import save_array
from tast.files import whole_file
from tast.records import FloatArray, PulseTrace

FOLDER = "pulse"
LONGEST_GAP_S = 0.25  # between samples: over a longer one there is no wave


def pulse_on_frames(pulse: PulseTrace, times_s: FloatArray) -> npt.NDArray[np.float32]:
    """(T,) the wave at (T,) frame times on the same clock, between samples linearly; NaN outside and in gaps."""
    known = np.isfinite(pulse.value) & np.isfinite(pulse.times_s)
    order = np.argsort(pulse.times_s[known], kind="stable")
    at_s, value = pulse.times_s[known][order], pulse.value[known][order]
    if not len(at_s):
        return np.full(len(times_s), np.nan, dtype=np.float32)
    wave = np.interp(times_s, at_s, value, left=np.nan, right=np.nan)
    after = np.clip(np.searchsorted(at_s, times_s), 1, len(at_s) - 1) if len(at_s) > 1 else np.zeros(len(times_s), dtype=int)
    gap_s = at_s[after] - at_s[after - 1] if len(at_s) > 1 else np.zeros(len(times_s))
    return np.where(gap_s > LONGEST_GAP_S, np.nan, wave).astype(np.float32)


def pulse_path(clips: Path, record_id: str) -> Path:
    return clips / FOLDER / f"{record_id}.npy"


def write_pulse(clips: Path, record_id: str, wave: npt.NDArray[np.float32]) -> None:
    """Beside the clips of a store."""
    with whole_file(pulse_path(clips, record_id), durable=False) as part:
        save_array(part, wave)


def read_pulse(clips: Path, record_id: str) -> npt.NDArray[np.float32] | None:
    """(T,), or None where the recording has no wave."""
    path = pulse_path(clips, record_id)
    return np.load(path) if path.is_file() else None
