"""The phantom on disk, in the layout of VIPL-HR: face-cropped videos of four cameras, an oximeter without time stamps.

Cameras 1, 3 and 4 film one take; camera 2, the phone, another one, with a truth of its own and no time.txt.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import scipy.io

from tast.datasets.phantom_defects import MISSING_SOURCE, RETAKE, damage, defect_of
from tast.datasets.vipl_hr import WAVE_RATE_HZ
from tast.errors import TastError
from tast.files import whole_file, whole_folder
from tast.phantom.cameras import CAMERAS, arriving_frames, cameras_of, seen_by
from tast.phantom.delivery import delivered
from tast.phantom.drive import InfraredDrive
from tast.phantom.physiology import Physiology, PhysiologyOf, simulated_physiology
from tast.phantom.render import render
from tast.phantom.scenarios import SCENARIOS_OF_LAYOUT
from tast.phantom.session import Session
from tast.records import FloatArray
from tast.video.coding import Coding
from tast.video.write_coded import Timed, write_coded

log = logging.getLogger(__name__)

CONTAINER_FPS_HZ = 25.0  # what VIPL-HR's containers announce, whatever the true rate
CODECS = ("mjpeg", "h264")
OFFICIAL_FOLDS = 5
MATLAB_HEADING, MATLAB_HEADING_BYTES = b"MATLAB 5.0 MAT-file", 116  # free text at the start of the format's header
RETAKE_NUMBER = 1000  # a retake is a session of its own, beyond all that are planned


def write_vipl_session(
    session: Session,
    folder: Path,
    physiology_of: PhysiologyOf = simulated_physiology,
    *,
    codec: str = "mjpeg",
    quality: int = 3,
    sources: Sequence[int] = (1, 2, 3, 4),
    defects: bool = False,
) -> None:
    """Render one session and write it as folder/data/p<subject>/v<scenario>/source<camera>/.

    sources: the cameras wanted; the phone's scenarios have none but 2. defects: give the session the one defect of the real data
    set whose turn it is. Each scenario's folder appears whole or not at all; the bytes depend on the arguments alone.
    """
    defect, coding = defect_of(session) if defects else "", vipl_coding(codec, quality)
    for take in takes(session, defect):
        with whole_folder(Path(folder) / "data" / place(take), durable=False) as unfinished:
            for camera in wanted_cameras(take, sources, defect):
                source = unfinished / camera
                source.mkdir()
                _write_source(seen_by(take, camera), source, physiology_of, coding)
                damage(source, defect)
    log.info("rendered session %s", place(session))


def write_vipl_lists(
    sessions: Sequence[Session], folder: Path, *, sources: Sequence[int] = (1, 2, 3, 4), defects: bool = False
) -> None:
    """Write what the data set says of itself: fold/fold1.mat to fold5.mat, NIR.txt, Missing_data.txt and Additional_data.txt."""
    subjects = sorted({session.subject for session in sessions})
    (folder / "fold").mkdir(parents=True, exist_ok=True)
    for number in range(1, min(OFFICIAL_FOLDS, len(subjects)) + 1):
        members = np.array([subjects[number - 1 :: OFFICIAL_FOLDS]])
        with whole_file(folder / "fold" / f"fold{number}.mat") as part:
            part.write_bytes(_matlab_file(f"fold{number}", members))
    infrared, missing, additional = [], [], []
    for session in sessions:
        defect = defect_of(session) if defects else ""
        for take in takes(session, defect):
            wanted = wanted_cameras(take, sources, "")
            given = wanted_cameras(take, sources, defect)
            infrared += [f"{place(take)}/{camera}" for camera in given if CAMERAS[camera].infrared]
            missing += [f"{place(take)}/{camera}" for camera in wanted if camera not in given]
            additional += [place(take)] if take.take > 1 else []
    for name, lines in (("NIR.txt", infrared), ("Missing_data.txt", missing), ("Additional_data.txt", additional)):
        with whole_file(folder / name) as part:
            part.write_text("".join(f"{line}\n" for line in lines))


def vipl_coding(codec: str, quality: int) -> Coding:
    """An AVI at a constant 25 Hz. Raises TastError for a codec that is not in CODECS."""
    if codec not in CODECS:
        raise TastError(f"codec {codec!r} is unknown in VIPL-HR's layout; expected one of {', '.join(CODECS)}")
    return Coding(codec, ".avi", quality=quality, full_range=codec == "mjpeg", rate_hz=CONTAINER_FPS_HZ)


def place(session: Session) -> str:
    """The session's folder below data/: p3/v1, a retake p3/v1-2."""
    scenario = 1 + SCENARIOS_OF_LAYOUT["vipl_hr"].index(session.scenario)
    return f"p{session.subject}/v{scenario}" + (f"-{session.take}" if session.take > 1 else "")


def takes(session: Session, defect: str) -> tuple[Session, ...]:
    """The session, and its repetition where the scenario was recorded again."""
    again = replace(session, number=session.number + RETAKE_NUMBER, take=session.take + 1)
    return (session, again) if defect == RETAKE else (session,)


def wanted_cameras(session: Session, sources: Sequence[int], defect: str) -> tuple[str, ...]:
    """The cameras of a session's scenario that were asked for and not lost."""
    cameras = [camera for camera in cameras_of(session) if int(camera.removeprefix("source")) in sources]
    return tuple(cameras[1:] if defect == MISSING_SOURCE and len(cameras) > 1 else cameras)


def _write_source(seen: Session, folder: Path, physiology_of: PhysiologyOf, coding: Coding) -> None:
    body, arrives = physiology_of(seen), arriving_frames(seen)
    write_coded(folder / "video", delivered(_pictures(seen, body), arrives), coding)
    times_s = seen.frame_times_s()[arrives >= 0]
    if CAMERAS[seen.camera].stamped:
        _write_numbers(folder / "time.txt", None, np.rint(1000 * (times_s - times_s[0])))
    readings_s = times_s[0] + np.arange(round(seen.seconds))
    wave_s = times_s[0] + np.arange(round(seen.seconds * WAVE_RATE_HZ)) / WAVE_RATE_HZ
    _write_numbers(folder / "gt_SpO2.csv", "SpO2", body.oximeter.spo2_percent(readings_s))
    _write_numbers(folder / "gt_HR.csv", "HR", body.oximeter.pulse_per_min(readings_s))
    _write_numbers(folder / "wave.csv", "Wave", body.oximeter.wave(wave_s))


def _pictures(seen: Session, body: Physiology) -> Iterator[Timed]:
    """The frames that are taken; near infrared sees skin as red light does, where melanin takes little."""
    infrared = CAMERAS[seen.camera].infrared
    drive = InfraredDrive(body.drive, body.spo2) if infrared else body.drive
    for time_s, rgb in render(seen, drive, body.beat):
        yield time_s, np.asarray(cv2.cvtColor(rgb[..., 0], cv2.COLOR_GRAY2RGB), np.uint8) if infrared else rgb


def _matlab_file(name: str, values: npt.NDArray[np.int64]) -> bytes:
    """A MATLAB 5 file of one array, with a heading that does not name the day."""
    file = io.BytesIO()
    scipy.io.savemat(file, {name: values})
    return MATLAB_HEADING.ljust(MATLAB_HEADING_BYTES) + file.getvalue()[MATLAB_HEADING_BYTES:]


def _write_numbers(path: Path, header: str | None, values: FloatArray) -> None:
    lines = ([] if header is None else [header]) + [str(int(value)) for value in values]
    path.write_text("".join(f"{line}\n" for line in lines))
