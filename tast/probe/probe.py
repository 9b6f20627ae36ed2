"""What each step of preprocessing keeps of the signal, on phantoms whose truth is known."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tast.datasets.phantom import write_pure_session
from tast.datasets.phantom_recordings import stamped
from tast.datasets.phantom_vipl import vipl_coding
from tast.phantom.filmed import filmed
from tast.phantom.render import FACE_PLACE, render
from tast.phantom.scenarios import SCENARIOS, SCENARIOS_OF_LAYOUT
from tast.phantom.session import Session, Truth, in_worlds, phantom_sessions, truth
from tast.pictures import RgbImage
from tast.preprocessing.mask import drawn, face_outlines
from tast.preprocessing.steps import Settings
from tast.probe.chains import CHAINS
from tast.probe.signal import signal_errors
from tast.probe.stability import jitter_px, share_inside
from tast.ratio_of_ratios import pulse_signals
from tast.records import FaceVideo, VideoSource
from tast.video.read import read_frames, read_pictures
from tast.video.write_coded import write_coded

BOX_SHARE = (0.7, 0.85)  # of the face's height: width and height of the still box that a decoded frame is averaged in
HIGHEST_BYTE = 255


@dataclass(frozen=True)
class StepReading:
    """What one session's signal is worth after one step; units in the names, NaN where it is not asked.

    group: "steady" or "moving", or the world that the session is filmed in.
    """

    chain: str
    group: str
    step: str
    session: str
    rate_error_per_min: float
    snr_db: float
    log_std: float
    log_proj: float
    log_blue: float
    saturated_share: float
    beyond_8_bit_share: float
    jitter_px: float = float("nan")
    inside_share: float = float("nan")


@dataclass(frozen=True)
class ProbeRow:
    """All sessions' readings after one step of one chain: root mean squares of errors, means of the rest."""

    chain: str
    group: str
    step: str
    sessions: int
    rate_error_per_min: float
    snr_db: float
    log_std: float
    log_proj: float
    log_blue: float
    saturated_share: float
    beyond_8_bit_share: float
    jitter_px: float
    inside_share: float


MEASURES = tuple(field.name for field in fields(ProbeRow) if field.type == "float")
ROOT_MEAN_SQUARE = ("rate_error_per_min", "log_std", "log_proj", "log_blue")


def probe_sessions(*, layout: str, scenarios: tuple[str, ...] | None, **plan: Any) -> tuple[Session, ...]:
    """One session a subject in the layout's first steady scenario, then one a subject in its moving ones by turns.

    scenarios: these by turns instead. plan: the rest of phantom_sessions. Raises TastError for a plan that cannot be.
    """
    known = SCENARIOS_OF_LAYOUT.get(layout, ())
    steady, moving = (tuple(name for name in known if motion_in(name) == motion) for motion in ("steady", "moving"))
    groups = (scenarios,) if scenarios or not known else (steady[:1], moving)
    planned = (phantom_sessions(layout=layout, sessions=1, scenarios=group or "all", **plan) for group in groups)
    return tuple(chain.from_iterable(planned))


def world_sessions(*, worlds: int, scenarios: tuple[str, ...] | None, **plan: Any) -> tuple[Session, ...]:
    """Sessions of `plan` in so many worlds that people take turns in; steady ones unless scenarios say otherwise."""
    planned = phantom_sessions(layout="csv", sessions=1, scenarios=scenarios or ("steady",), **plan)
    return in_worlds(planned, count=worlds)


def group_of(session: Session) -> str:
    return session.world.name if session.world is not None else motion_in(session.scenario)


def motion_in(scenario: str) -> str:
    """Whether the head is asked to move: "moving", else "steady"."""
    setup = SCENARIOS[scenario].setup
    return "steady" if not setup.talks and setup.shift_speed == setup.turn_deg == setup.nod_deg == 0 else "moving"


def probe_session(
    session: Session, settings: Settings, compression: dict[str, Any] | None, chains: Sequence[str] = tuple(CHAINS)
) -> Iterator[StepReading]:
    """The readings of one session: decoded frames first, then each chain's steps.

    compression: codec and quality of the video it is written as; None: as lossless images, in PURE's layout. In a world it is
    that of the world.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = _written(session, Path(folder), compression)
        true = truth(session)
        yield _decoded_reading(session, read_frames(source), true)
        for name in chains:
            yield from _chain_readings(name, session, source, true, settings)


def summarised(readings: Iterable[StepReading]) -> list[ProbeRow]:
    """One row for each chain, group and step, in the order in which they first appear."""
    groups: dict[tuple[str, str, str], list[StepReading]] = {}
    for reading in readings:
        groups.setdefault((reading.group, reading.chain, reading.step), []).append(reading)
    return [_row(group) for group in groups.values()]


def _row(readings: Sequence[StepReading]) -> ProbeRow:
    first, values = readings[0], {}
    for name in MEASURES:
        column = np.array([getattr(reading, name) for reading in readings])
        known = column[np.isfinite(column)]
        if not len(known):
            values[name] = float("nan")
        else:
            values[name] = float(np.sqrt(np.mean(known**2)) if name in ROOT_MEAN_SQUARE else np.mean(known))
    return ProbeRow(first.chain, first.group, first.step, len(readings), **values)


def _written(session: Session, folder: Path, compression: dict[str, Any] | None) -> VideoSource:
    if session.world is not None:
        pictures = filmed(session, session.world)
        return VideoSource(write_coded(folder / "video", pictures, stamped(session.world.coding)))
    if compression is None:
        write_pure_session(session, folder)
        images = folder / session.name / session.name
        return VideoSource(images, tuple(sorted(path.name for path in images.iterdir())), session.frame_times_s())
    path = write_coded(folder / "video", render(session), vipl_coding(**compression))
    return VideoSource(path, None, session.frame_times_s())


def _decoded_reading(session: Session, frames: Iterable[tuple[float, RgbImage]], true: Truth) -> StepReading:
    """The light of a box that stands still where the face is on average."""
    width_px, height_px = (share * session.face_height_px for share in BOX_SHARE)
    x, y = FACE_PLACE[0] * session.width_px, FACE_PLACE[1] * session.height_px
    rows, columns = (slice(round(a - b / 2), round(a + b / 2)) for a, b in ((y, height_px), (x, width_px)))
    times_s, boxes = zip(*((time_s, rgb[rows, columns].copy()) for time_s, rgb in frames), strict=True)
    video = np.stack(boxes)
    face = FaceVideo("probe", video, np.array(times_s), np.ones(len(video)))
    return _signal_reading("frames", "decode (still box)", session, true, face)


def _chain_readings(name: str, session: Session, source: VideoSource, true: Truth, settings: Settings) -> Iterator[StepReading]:
    aligned: FaceVideo | None = None
    for step, face in CHAINS[name](read_pictures(source), settings):
        reading = _signal_reading(name, step, session, true, face)
        if step == "align":
            aligned = face
            reading = replace(reading, jitter_px=jitter_px(face.frames.astype(np.uint8, copy=False), face.times_s))
        elif step == "mask" and aligned is not None:
            reading = replace(reading, inside_share=_inside_share(aligned, face))
        yield reading


def _inside_share(aligned: FaceVideo, masked: FaceVideo) -> float:
    """Share of the pixels that the mask keeps in any frame that lie inside each frame's own contour."""
    shape = aligned.frames.shape[1:3]
    kept = (masked.frames != 0).any(axis=(0, 3))
    outlines = face_outlines(aligned.frames)
    return share_inside(kept, (drawn(outline, shape, skin_only=False) for outline in outlines if outline is not None))


def _signal_reading(name: str, step: str, session: Session, true: Truth, face: FaceVideo) -> StepReading:
    errors = signal_errors(
        pulse_signals(face.frames), face.times_s,
        float(true.pulse_rate_hz.mean()), float(true.ratio_of_ratios.mean()), float(true.blue_over_green.mean()),
    )  # fmt: skip
    return StepReading(
        name, group_of(session), step, f"{session.subject:02d} {session.scenario}", **asdict(errors),
        saturated_share=_saturated_share(face.frames), beyond_8_bit_share=_beyond_8_bit_share(face.frames),
    )  # fmt: skip


def _saturated_share(frames: npt.NDArray[np.generic]) -> float:
    """Share of the values of lit pixels that stand at the end of what their type can hold."""
    lit = frames[:, (frames != 0).any(axis=(0, 3))]
    if frames.dtype == np.uint8:
        return float(np.mean(lit == HIGHEST_BYTE))
    return float(np.mean(~np.isfinite(lit)))


def _beyond_8_bit_share(frames: npt.NDArray[np.generic]) -> float:
    """Share of the values of lit pixels that a byte would clip."""
    lit = np.asarray(frames[:, (frames != 0).any(axis=(0, 3))], dtype=np.float32)
    return float(np.mean((lit < 0) | (lit > HIGHEST_BYTE)))
