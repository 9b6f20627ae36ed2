"""SUMS: ten people at high altitude, at rest and after climbing stairs, face and finger filmed at once beside an oximeter.

K. Liu, J. Tang et al., "Summit Vitals: multi-camera and multi-signal biosensing at high altitudes", UIC 2024 (arXiv:2409.19223);
layout by the repository thuhci/SUMS. Logitech C922 at 60 Hz nominal, oximeter CMS50E+. The videos of the finger are not read:
they show no face.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tast.clip_store import Reject
from tast.datasets.layout import folder_holding, records_or_rejects, visible_folders
from tast.datasets.stamped import Take, read_take
from tast.errors import BadInput
from tast.records import VideoRecord

STATES = {  # of the paper's procedure: two rests of 3 min, each before stairs and 2 min of recovery, the second with oxygen
    "v01": "rest_morning",
    "v02": "after_stairs",
    "v03": "rest_afternoon",
    "v04": "after_stairs_oxygen",
}
LAYOUT = "SUMS's layout: 0602<person>/v<state>/ with video_*_H264_face.avi, frames_timestamp.csv, SpO2.csv, HR.csv, BVP.csv"
SUBJECT, STATE = re.compile(r"\d{6}"), re.compile(r"v\d\d")
CAMERA, STAMPS = "face", "frames_timestamp.csv"


def read_sums(
    root: Path, *, spo2_range_percent: tuple[float, float] = (50.0, 100.0), dataset: str = "sums"
) -> Iterator[VideoRecord | Reject]:
    """Yield a record per state below root, ordered by record_id ("060203_v01_face"); subject_id is the folder's number.

    Readings are masked (NaN) where they are fault codes or outside spo2_range_percent. Raises BadInput where root holds no state
    in this layout.
    """
    root = Path(root)
    top = folder_holding(root, lambda folder: bool(_places(folder)), LAYOUT)

    def read_one(record_id: str, folder: Path) -> VideoRecord:
        subject_id, state, _ = record_id.split("_")
        take = Take(subject_id, STATES.get(state, state), CAMERA, _face_video(folder), folder / STAMPS)
        return read_take(record_id, take, spo2_range_percent=spo2_range_percent, dataset=dataset)

    yield from records_or_rejects(root, _places(top), read_one)


def _places(top: Path) -> list[tuple[str, Path]]:
    return [
        (f"{subject.name}_{state.name}_{CAMERA}", state)
        for subject in visible_folders(top)
        if SUBJECT.fullmatch(subject.name)
        for state in visible_folders(subject)
        if STATE.fullmatch(state.name)
    ]


def _face_video(folder: Path) -> Path:
    """The one video whose name holds "face"; of several codings H.264, which is the one given out."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".avi" and "face" in path.name.lower())
    coded = [path for path in found if "h264" in path.name.lower()] or found
    if len(coded) != 1:
        shown = ", ".join(path.name for path in coded) or "none"
        raise BadInput(folder, f"videos of the face: {shown}", "one, named like video_ZIP_H264_face.avi")
    return coded[0]
