"""The phantom on disk, in the layout of PURE: rendered sessions as PNG frames named by nanoseconds beside the oximeter's JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tast.files import whole_folder
from tast.phantom.physiology import Oximeter, PhysiologyOf, simulated_physiology
from tast.phantom.render import render
from tast.phantom.session import Session
from tast.records import FloatArray

log = logging.getLogger(__name__)

EPOCH_NS = 1_392_640_000_000_000_000  # PURE was recorded in February 2014; a constant, so that the bytes are
SESSION_NS, SESSION_SLOTS = 600_000_000_000, 10_000_000  # so that the stamps of any subject fit into 64 bits

# The oximeter samples at 60 Hz, but its clock ticks every 16 ms: most steps are 16 ms, every 24th is 32 ms.
OXIMETER_HZ, OXIMETER_TICK_S = 60.0, 0.016
OXIMETER_LEAD_S = 0.5  # it runs that much longer than the camera at either end

# Run lengths are nearly all that noisy pictures give away: the fastest setting that halves them.
PNG_SETTINGS = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]


def write_pure_session(session: Session, folder: Path, physiology_of: PhysiologyOf = simulated_physiology) -> None:
    """Render one session and write it as folder/<name>/<name>/Image<ns>.png and folder/<name>/<name>.json.

    All or nothing: written beside the target under another name, then renamed; an earlier session of that name is replaced.
    The bytes depend on the session alone.
    """
    name, body = session.name, physiology_of(session)
    with whole_folder(Path(folder) / name, durable=False) as unfinished:
        images = unfinished / name
        images.mkdir()
        frames_ns = []
        for time_s, rgb in render(session, body.drive, body.beat):
            frames_ns.append(_nanoseconds(session, time_s))
            path = images / f"Image{frames_ns[-1]}.png"
            path.write_bytes(cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), PNG_SETTINGS)[1].tobytes())
        content = {
            "/FullPackage": list(_oximeter_entries(session, body.oximeter)),
            "/Image": [_image_entry(ns) for ns in frames_ns],
        }
        (unfinished / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    log.info("rendered session %s: %d frames", name, len(frames_ns))


def _nanoseconds(session: Session, time_s: float) -> int:
    start_ns = EPOCH_NS + SESSION_NS * ((100 * session.subject + session.number) % SESSION_SLOTS)
    return start_ns + 1000 * round(1e6 * time_s)


def _oximeter_entries(session: Session, oximeter: Oximeter) -> Iterator[dict[str, Any]]:
    times_s = oximeter_times_s(session.seconds)
    spo2, rate, wave = oximeter.spo2_percent(times_s), oximeter.pulse_per_min(times_s), oximeter.wave(times_s)
    for i, time_s in enumerate(times_s):
        value = {
            "barGraph": int(wave[i]) // 7,
            "beep": bool(i > 0 and wave[i] >= 50 > wave[i - 1]),
            "droppingo2Sat": False,
            "o2saturation": int(spo2[i]),
            "probeError": False,
            "pulseRate": int(rate[i]),
            "searching": False,
            "searchingToLong": False,
            "signalStrength": 5,
            "waveform": int(wave[i]),
        }
        yield {"Timestamp": _nanoseconds(session, time_s), "Value": value, "FrameID": ""}


def oximeter_times_s(seconds: float) -> FloatArray:
    """When the oximeter samples (N,), on the clock of the frames: 60 Hz on ticks of 16 ms."""
    samples = np.arange(round((seconds + 2 * OXIMETER_LEAD_S) * OXIMETER_HZ))
    ticks = np.floor(samples / OXIMETER_HZ / OXIMETER_TICK_S + 1e-9)
    return ticks * OXIMETER_TICK_S - OXIMETER_LEAD_S


def _image_entry(frame_ns: int) -> dict[str, Any]:
    return {"Timestamp": frame_ns, "Value": {}, "FrameID": "/CameraFrame"}
