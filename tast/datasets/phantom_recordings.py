"""The phantom on disk, as people bring their own recordings: a table, and for each row a video and the oximeter's readings.

recordings.csv                   as tast.datasets.recordings reads it; camera names the world, skin_type is of the face
worlds.csv                       what each world is made of
p003-1/video.mp4, spo2.csv       the video in its world's coding; a reading a second since its first frame
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tast.files import whole_file, whole_folder
from tast.phantom.develop import Picture
from tast.phantom.filmed import filmed
from tast.phantom.physiology import PhysiologyOf, simulated_physiology
from tast.phantom.session import Session
from tast.phantom.world import World, facts
from tast.records import FITZPATRICK
from tast.video.coding import Coding
from tast.video.write_coded import write_coded

log = logging.getLogger(__name__)

TABLE, WORLDS, READINGS, VIDEO = "recordings.csv", "worlds.csv", "spo2.csv", "video"


def write_recording(session: Session, folder: Path, physiology_of: PhysiologyOf = simulated_physiology) -> None:
    """Film one session in its world and write folder/<name>/: all or nothing, the bytes those of the session alone."""
    world, body = session.in_world, physiology_of(session)
    with whole_folder(Path(folder) / name_of(session), durable=False) as unfinished:
        first_s: list[float] = []
        pictures = _noting_first(filmed(session, world, body.drive, body.beat), first_s)
        video = write_coded(unfinished / VIDEO, pictures, stamped(world.coding))
        since_s = np.arange(round(session.seconds))
        at_s = first_s[0] + since_s
        readings = pd.DataFrame(
            {"times_s": since_s, "percent": body.oximeter.spo2_percent(at_s), "pulse_per_min": body.oximeter.pulse_per_min(at_s)}
        )
        readings.to_csv(unfinished / READINGS, index=False, float_format="%d")
    log.info("filmed %s in %s: %s", name_of(session), world.name, video.name)


def write_recordings_table(sessions: Sequence[Session], folder: Path) -> None:
    """recordings.csv and worlds.csv, once all sessions are there."""
    rows = [
        {
            "subject_id": f"p{session.subject:03d}", "record_id": name_of(session), "video": _video_of(session, folder),
            "spo2": f"{name_of(session)}/{READINGS}", "scenario": session.scenario, "camera": session.in_world.name,
            "skin_type": FITZPATRICK[session.looks.fitzpatrick - 1],
        }
        for session in sessions
    ]  # fmt: skip
    worlds = {session.in_world.number: session.in_world for session in sessions}
    for name, table in ((TABLE, rows), (WORLDS, worlds_table(worlds[number] for number in sorted(worlds)))):
        with whole_file(Path(folder) / name) as part:
            pd.DataFrame(table).to_csv(part, index=False)


def worlds_table(worlds: Iterable[World]) -> pd.DataFrame:
    """A row per world: its name and what its parts are."""
    return pd.DataFrame([{"world": world.name, **facts(world)} for world in worlds])


def stamped(coding: Coding) -> Coding:
    """The coding in a container with time stamps: in AVI a frame that is missing would shift all that is read after it."""
    return replace(coding, suffix=".mkv") if coding.suffix == ".avi" else coding


def name_of(session: Session) -> str:
    """The recording's id and its folder: p003-1."""
    return f"p{session.subject:03d}-{session.number}"


def _video_of(session: Session, folder: Path) -> str:
    (video,) = (Path(folder) / name_of(session)).glob(f"{VIDEO}*")
    return video.relative_to(folder).as_posix()


def _noting_first(pictures: Iterator[tuple[float, Picture]], first_s: list[float]) -> Iterator[tuple[float, Picture]]:
    """The pictures as they come; the time of the first is put into first_s."""
    for time_s, picture in pictures:
        if not first_s:
            first_s.append(time_s)
        yield time_s, picture
