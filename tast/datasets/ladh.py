"""LADH and LADH+: people at high altitude in daily care, colour and near infrared at once, some of them on ten days.

X. Ma, J. Tang et al., "Non-contact health monitoring during daily personal care routines", BSN 2025; layout by the repository
McJackTang/FusionVitals. 640x480 at 30 Hz nominal, oximeter CMS50E. Folders bear people's names, p_<month>_<day>_<name>: a person
is the name, on whatever date, and stands in records, tables and reasons as a token made from it, never as the name itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tast.clip_store import Reject
from tast.datasets.layout import folder_holding, records_or_rejects, visible_folders
from tast.datasets.stamped import Take, read_take
from tast.records import VideoRecord

STATIONS = {  # of the paper's procedure, 2 min each
    "v01": "sitting",
    "v02": "sitting_care",  # brushes teeth and combs hair
    "v03": "standing",
    "v04": "standing_care",
    "v05": "after_exercise",
}
LAYOUT = (
    "LADH's layout: <month>_<day>/p_<month>_<day>_<name>/v<station>/ with video_RGB_H264.avi, frames_timestamp_RGB.csv, "
    "SpO2.csv, HR.csv, BVP.csv"
)
PERSON, STATION = re.compile(r"p_(?:(?P<month>\d+)_(?P<day>\d+)_)?(?P<name>.+)"), re.compile(r"v\d\d")
COLOUR, INFRARED = "RGB", "IR"
TOKEN_LETTERS = 8


def read_ladh(
    root: Path,
    *,
    spo2_range_percent: tuple[float, float] = (50.0, 100.0),
    dataset: str = "ladh",
    include_nir: bool = False,
) -> Iterator[VideoRecord | Reject]:
    """Yield a record per video below root, ordered by record_id ("s4b1c02f7_12-05_v01_RGB"): person, day, station, camera.

    Readings are masked (NaN) where they are fault codes or outside spo2_range_percent. Near infrared is left out unless
    include_nir. Raises BadInput where root holds no session in this layout.
    """
    root = Path(root)
    top = folder_holding(root, lambda folder: bool(_places(folder, (COLOUR,))), LAYOUT)
    cameras = (COLOUR, INFRARED) if include_nir else (COLOUR,)
    read_one = partial(read_take, spo2_range_percent=spo2_range_percent, dataset=dataset)
    yield from records_or_rejects(root, _places(top, cameras), read_one, folder_of=lambda take: take.folder)


def person_token(name: str) -> str:
    """Who bears this name, wherever and whenever, without the name: it keeps names out of tables, and is no encryption, since
    who knows a name can compute its token.
    """
    return "s" + hashlib.sha256(b"ladh " + name.strip().lower().encode()).hexdigest()[:TOKEN_LETTERS]


def _places(top: Path, cameras: tuple[str, ...]) -> list[tuple[str, Take]]:
    """Every video's record_id and place; a person's folder lies in its day's, or at the top."""
    return [
        (f"{person_token(found['name'])}_{_day(person, found)}_{station.name}_{camera}", _take(station, found["name"], camera))
        for person in [*visible_folders(top), *(child for day in visible_folders(top) for child in visible_folders(day))]
        if (found := PERSON.fullmatch(person.name))
        for station in visible_folders(person)
        if STATION.fullmatch(station.name)
        for camera in cameras
    ]


def _day(person: Path, found: re.Match[str]) -> str:
    """The day in the folder's own name, else that of the folder above: one person's sessions of two days are two recordings."""
    if found["month"]:
        return f"{found['month']}-{found['day']}"
    above = person.parent.name
    return re.sub(r"\W|_", "-", above) if re.search(r"\d", above) else "day"


def _take(station: Path, name: str, camera: str) -> Take:
    return Take(
        subject_id=person_token(name),
        scenario=STATIONS.get(station.name, station.name),
        camera=camera,
        video=station / f"video_{camera}_H264.avi",
        stamps=station / f"frames_timestamp_{camera}.csv",
    )
