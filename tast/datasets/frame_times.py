"""When the frames of a container were taken, by a file of time stamps beside it: counted against the frames, made to increase."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tast.errors import BadInput, VideoRejected
from tast.records import FloatArray, VideoSource
from tast.video.containers import container_frame_count, container_times_s

FRAME_RATE_RANGE_HZ = (10.0, 62.0)  # of the cameras of these data sets
MAX_UNMATCHED_FRACTION = 0.02  # frames without stamps, or stamps without frames, that are left out; beyond it none is trusted


def increasing_times(stamps: Path, times_s: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    """(T,) seconds since the first frame, increasing, and a note of what was mended.

    Frames that share a stamp are spread over the clock's tick, the smallest step that it shows. Raises BadInput where time goes
    back, naming the row.
    """
    steps_s = np.diff(times_s)
    if np.any(steps_s < 0):
        raise BadInput(stamps, f"time goes back at frame {int(np.argmin(steps_s)) + 2}", "increasing time stamps")
    since_s = times_s - times_s[0]
    if np.all(steps_s > 0):
        return since_s, ()
    _, start, count = np.unique(times_s, return_index=True, return_counts=True)
    tick_s = float(steps_s[steps_s > 0].min()) if np.any(steps_s > 0) else 0.0
    if not tick_s:
        raise BadInput(stamps, "all frames have one time stamp", "increasing time stamps")
    rank = np.arange(len(times_s)) - np.repeat(start, count)
    spread_s = since_s + tick_s * rank / np.repeat(count, count)
    note = f"{int(np.sum(steps_s == 0))} frames share a time stamp with the one before: spread over {1000 * tick_s:g} ms"
    return spread_s, (note,)


def stamped_source(record_id: str, path: Path, times_s: FloatArray, stamps_name: str) -> tuple[VideoSource, tuple[str, ...]]:
    """The container with a time (T,) for each of its frames, and a note where the two do not agree.

    Where the header's count is not that of the stamps, the frames themselves are counted: headers are wrong in several data
    sets. Raises VideoRejected where more than MAX_UNMATCHED_FRACTION of the frames have no stamp or the other way round.
    """
    announced = container_frame_count(path)
    n_frames = announced if announced == len(times_s) else len(container_times_s(path))
    notes: tuple[str, ...] = (
        (f"the header announces {announced} frames, the file holds {n_frames}",) if n_frames != announced else ()
    )
    n_used = min(n_frames, len(times_s))
    if abs(n_frames - len(times_s)) > max(1.0, MAX_UNMATCHED_FRACTION * n_frames):
        raise VideoRejected(record_id, f"{stamps_name} has {len(times_s)} time stamps for {n_frames} frames")
    if n_frames != len(times_s):
        notes += (f"{stamps_name} has {len(times_s)} time stamps for {n_frames} frames: the first {n_used} are used",)
    return VideoSource(path, frame_times_s=times_s[:n_used]), notes


def require_rate(record_id: str, n_frames: int, duration_s: float, how: str) -> float:
    """n_frames in duration_s as a rate in Hz. Raises VideoRejected where no camera has it; how: what the duration rests on."""
    rate_hz = n_frames / duration_s if duration_s > 0 else 0.0
    low_hz, high_hz = FRAME_RATE_RANGE_HZ
    if not low_hz <= rate_hz <= high_hz:
        found = f"{n_frames} frames in {duration_s:g} s {how} are {rate_hz:.1f} Hz"
        raise VideoRejected(record_id, f"{found}: no camera's rate ({low_hz:g}-{high_hz:g} Hz)")
    return rate_hz
