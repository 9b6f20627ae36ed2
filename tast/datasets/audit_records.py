"""What the audit asks of a recording, and how every data set answers it: face videos and colour series alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tast.clip_store import Reject
from tast.datasets.finger_series import FingerSeries
from tast.datasets.looks import Look, Looks
from tast.datasets.oximetry_phone_cam import HANDS
from tast.datasets.readers import READERS, read_dataset
from tast.datasets.waves import WAVES
from tast.records import FloatArray, SourceFacts, Spo2Trace, VideoRecord
from tast.video.containers import container_times_s
from tast.video.facts import doubts


@dataclass(frozen=True, eq=False)
class AuditRecord:
    """One camera's recording of one subject.

    take: what cameras that film at once have in common; they share their readings rightly. times_s (T,): of the frames, on the
    clock of spo2. wave (N,): of the pulse, empty where there is none. files: the camera's own, in order.
    source: what the video is made of, by its first frames; None of a series, and of a video that cannot be decoded.
    """

    record_id: str
    subject_id: str
    take: str
    scenario: str
    camera: str
    skin_type: str
    times_s: FloatArray
    times_are_estimated: bool
    spo2: Spo2Trace
    wave: FloatArray
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    source: SourceFacts | None = None


Read = tuple[list[AuditRecord], list[Reject]]


def read_videos(layout: str, root: Path, name: str, looks: Looks) -> Read:
    """The face videos of a data set in a layout of READERS."""
    records, rejects = read_dataset(layout, root, dataset=name)
    seen = looks([record.video for record in records])
    return [of_video(record, look) for record, look in zip(records, seen, strict=True)], rejects


def read_finger_series(layout: str, root: Path, name: str, looks: Looks) -> Read:
    """The recordings of a set without videos, in a layout of WAVES."""
    series, rejects = WAVES[layout].read(root)
    return [of_series(one) for one in series], rejects


AUDITED: dict[str, Callable[[Path, str, Looks], Read]] = {  # layout -> (root, name of the set, looks) -> records and rejects
    **{layout: partial(read_videos, layout) for layout in READERS},
    **{layout: partial(read_finger_series, layout) for layout in WAVES},
}


def of_video(record: VideoRecord, look: Look) -> AuditRecord:
    video, source = record.video, look.facts
    notes = (*record.notes, f"cannot be decoded: {look.fault}") if look.fault else record.notes
    return AuditRecord(
        record_id=record.record_id,
        subject_id=record.subject_id,
        take=record.record_id.removesuffix(f"_{record.camera}"),
        scenario=record.scenario,
        camera=record.camera,
        skin_type=record.skin_type,
        times_s=container_times_s(video.path) if video.frame_times_s is None else video.frame_times_s,
        times_are_estimated=video.times_are_estimated,
        spo2=record.spo2,
        wave=record.pulse.value if record.pulse else np.empty(0),
        files=(video.path,) if video.frame_files is None else tuple(video.path / name for name in video.frame_files),
        notes=notes + doubts(source),
        source=source,
    )


def of_series(series: FingerSeries) -> AuditRecord:
    """A hand is a camera's place; no set but traces has time stamps, and there they are spread evenly."""
    silent = {name: int(np.isnan(percent).sum()) for name, percent in series.spo2_by_oximeter.items()}
    n_seconds = len(series.reading_times_s)
    return AuditRecord(
        record_id=f"{series.subject_id}_{series.hand}".rstrip("_"),
        subject_id=series.subject_id,
        take=series.subject_id,
        scenario="",
        camera=f"{series.hand} hand" if series.hand in HANDS else "",
        skin_type="",
        times_s=series.times_s,
        times_are_estimated=True,
        spo2=Spo2Trace(series.reading_times_s, series.spo2_percent),
        wave=np.empty(0),
        files=(series.path,),
        notes=series.notes
        + tuple(f"oximeter {name}: no reading in {n} of {n_seconds} seconds" for name, n in silent.items() if n),
    )
