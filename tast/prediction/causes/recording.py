"""What the way from the camera to the file leaves: movement, frames lost or shown twice, compression."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from tast.prediction.causes.evidence import Evidence
from tast.records import FloatArray, SourceFacts
from tast.video.facts import DROPPED_AFTER_STEPS

STEADIED_S = 0.4  # landmarks jitter from frame to frame
# Bits a pixel below which little of the ratio of red to green is left. Of a rendered face of 120 px, an H.264 phone's .19 left an
# error of 128 %, MPEG-4's .13 one of 52 %, Motion JPEG's .57 one of 12 % (`python -m benchmarks.door`); the others are assumed.
# Codecs that are not named lose nothing, or are rare.
ENOUGH_BITS = {
    "mjpeg": 0.3, "mpeg2video": 0.5, "mpeg4": 0.35, "vp8": 0.35, "h264": 0.3, "vp9": 0.25, "hevc": 0.25, "av1": 0.2,
}  # fmt: skip


def speed(evidence: Evidence) -> FloatArray:
    """(S,) root mean square speed of the face in the frame, in eye distances a second; towards the camera and away as well."""
    box = max(round(STEADIED_S * evidence.fps_hz), 1)
    place = evidence.place / np.nanmean(evidence.place[:, 2])
    steps = np.gradient(uniform_filter1d(place, box, axis=0, mode="nearest"), axis=0) * evidence.fps_hz
    return np.sqrt(evidence.per_second((steps**2).sum(axis=1), lambda squares: float(squares.mean())))


def missing_frames(evidence: Evidence) -> FloatArray:
    """(S,) share of a second's frames that are lost, or that show the one before once more."""
    times_s = evidence.frame_times_s
    steps_s = np.diff(times_s)
    usual_s = float(np.median(steps_s))
    lost = np.where(steps_s > DROPPED_AFTER_STEPS * usual_s, np.rint(steps_s / usual_s) - 1, 0)
    second = np.minimum(times_s[1:].astype(int), evidence.n_seconds - 1)
    missing, arrived = (
        np.bincount(second, weights=counts, minlength=evidence.n_seconds) for counts in (lost + evidence.repeated[1:], 1 + lost)
    )
    return np.asarray(missing / np.maximum(arrived, 1))


def frozen_colour(evidence: Evidence) -> FloatArray:
    """(S,) share of the face's blocks of chroma that the codec left as they were in the frame before; see frozen.py."""
    return evidence.per_second(evidence.frozen, lambda share: float(share.mean()))


def bits_of_enough(facts: SourceFacts) -> float:
    """Bits a pixel, in parts of what is enough for the codec; infinite for codecs that lose nothing or are not known."""
    return facts.bits_per_pixel / ENOUGH_BITS[facts.codec] if facts.codec in ENOUGH_BITS else float("inf")
