"""Which recordings a published data set should hold: its grid of subjects, conditions and cameras, less its known gaps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tast.datasets.catalog import OXIMETRY_PHONE_CAM_FILES

PURE_GAPS = ("06-02",)  # the data set's 59 sessions: this one was never given out
VIPL_SUBJECTS = range(1, 108)
VIPL_CAMERAS = {  # scenario -> colour cameras; the phone's own scenarios have no other
    **dict.fromkeys(("v1", "v2", "v3", "v4", "v5", "v6", "v7"), ("source1", "source2", "source3")),
    "v8": ("source2",),
    "v9": ("source2",),
}
MISSING_LIST = "Missing_data.txt"
LISTED = re.compile(r"p(?P<subject>\d+)\W+v(?P<scenario>\d+)(?:\W+source(?P<camera>\d))?", re.IGNORECASE)


def pure_sessions() -> set[str]:
    return {f"{subject:02}-{setup:02}" for subject in range(1, 11) for setup in range(1, 7)} - set(PURE_GAPS)


def vipl_hr_videos() -> set[str]:
    """Record ids of the colour videos, retakes apart: p97 to p107 have no source1, p84 no v1/source1, p56 no v6 to v9."""
    return {
        f"p{subject}_{scenario}_{camera}"
        for subject in VIPL_SUBJECTS
        for scenario, cameras in VIPL_CAMERAS.items()
        for camera in cameras
        if not _vipl_gap(subject, scenario, camera)
    }


def _vipl_gap(subject: int, scenario: str, camera: str) -> bool:
    without_webcam = camera == "source1" and (subject >= 97 or (subject, scenario) == (84, "v1"))
    return without_webcam or (subject == 56 and scenario in ("v6", "v7", "v8", "v9"))


def oximetry_phone_cam_hands() -> set[str]:
    paths = (Path(file.path) for file in OXIMETRY_PHONE_CAM_FILES)
    return {f"{path.stem}_{path.parent.name}" for path in paths if path.parent.parent.name == "ppg-csv"}


EXPECTED: dict[str, Callable[[], set[str]]] = {
    "pure": pure_sessions,
    "vipl_hr": vipl_hr_videos,
    "oximetry_phone_cam": oximetry_phone_cam_hands,
}


def compare_with_published(name: str, record_ids: Iterable[str], root: Path) -> dict[str, Any] | None:
    """What is missing against the published list of data set `name`; None where there is none.

    record_ids: of all recordings on disk, unusable ones too. n_expected; subjects_absent: none at all; missing: of subjects that
    are there; listed_missing: those of `missing` that root's own Missing_data.txt names; beyond_list: retakes and what is new.
    """
    if name not in EXPECTED:
        return None
    expected, found = EXPECTED[name](), set(record_ids)
    present = {_subject(record_id) for record_id in found}
    absent = {_subject(record_id) for record_id in expected} - present
    missing = {record_id for record_id in expected - found if _subject(record_id) in present}
    listed = _listed_missing(root)
    return {
        "beyond_list": sorted(found - expected, key=natural_order),
        "listed_missing": sorted((m for m in missing if _is_listed(m, listed)), key=natural_order),
        "missing": sorted(missing, key=natural_order),
        "n_expected": len(expected),
        "subjects_absent": sorted(absent, key=natural_order),
    }


def natural_order(text: str) -> list[tuple[int, str]]:
    """p2 before p10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]


def _subject(record_id: str) -> str:
    return re.split(r"[-_]", record_id, maxsplit=1)[0]


def _listed_missing(root: Path) -> set[str]:
    """p84_v1_source1, or p56_v6 where a line names no camera, of every Missing_data.txt at the top of the data set."""
    places = [path for path in (root / MISSING_LIST, *sorted(root.glob(f"*/{MISSING_LIST}"))) if path.is_file()]
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in places)
    return {
        f"p{found['subject']}_v{found['scenario']}" + (f"_source{found['camera']}" if found["camera"] else "")
        for found in LISTED.finditer(text)
    }


def _is_listed(record_id: str, listed: set[str]) -> bool:
    return record_id in listed or record_id.rsplit("_", 1)[0] in listed
