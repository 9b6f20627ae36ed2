"""The contact sheet of a preprocessed video: its stored frames beside a few of the camera's, which are decoded for it alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tast.preprocessing.resample import mean_rate_hz
from tast.preview.overlay import close_up, watch
from tast.preview.preview import COLUMNS, RAW, SIGHT_PX, shown
from tast.preview.pulse import pulse_of, telling_times_s
from tast.preview.sheet import Strip, contact_sheet
from tast.records import FaceVideo, VideoSource
from tast.video.read import read_frames_at

HIGHEST_SHARE = 0.45  # of the stored frame rate: the filter needs some room below half of it


def stored_sheet(heading: str, remark: str, source: VideoSource, stored: FaceVideo, magnify: Mapping[str, Any]) -> bytes:
    """PNG bytes. stored: masked and magnified frames on a uniform grid; magnify: the settings they were magnified with.

    Raises BadInput where one of the camera's frames cannot be read.
    """
    high_hz = min(magnify["high_hz"], HIGHEST_SHARE * mean_rate_hz(stored.times_s))
    amplification = 1 + magnify["alpha"] if magnify["residual"] else 1.0
    pulse = pulse_of(stored, low_hz=magnify["low_hz"], high_hz=high_hz, amplification=amplification)
    times_s = telling_times_s(pulse, COLUMNS)
    sights = list(watch(read_frames_at(source, times_s), detect_every_s=0, height_px=SIGHT_PX))
    nearest = [abs(stored.times_s - time_s).argmin() for time_s in times_s]
    title = f"Masked and magnified x {magnify['alpha']:g}, as stored ({stored.frames.shape[1]} px)"
    strips = [Strip(RAW, close_up(sights)), Strip(title, list(shown(stored.frames[nearest])))]
    return contact_sheet(heading, remark, times_s, strips, pulse)
