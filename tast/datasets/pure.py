"""PURE: ten subjects in six setups of head motion, as PNG sequences beside a finger oximeter.

R. Stricker, S. Müller, H.-M. Gross, "Non-contact video-based pulse rate measurement on a mobile service robot", RO-MAN 2014.
A session's folder is named subject-setup; each image is named by its time stamp in nanoseconds, on the oximeter's clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tast.clip_store import Reject
from tast.datasets.labels import pulse_rate_trace, require_overlap, spo2_trace
from tast.datasets.layout import folder_holding, load_json, records_or_rejects, visible_folders
from tast.errors import BadInput
from tast.records import FloatArray, PulseTrace, VideoRecord, VideoSource

SETUPS = {
    "01": "steady",
    "02": "talking",
    "03": "slow_translation",
    "04": "fast_translation",
    "05": "small_rotation",
    "06": "medium_rotation",
}
LAYOUT = "PURE's layout: <subject>-<setup>/<subject>-<setup>/Image<nanoseconds>.png and <subject>-<setup>/<subject>-<setup>.json"
SESSION = re.compile(r"(\d+)-(\d+)")
IMAGE = re.compile(r"Image(\d{1,18}|[1-8]\d{18})\.png")  # ns since the epoch, within int64
READING_KEYS = ("o2saturation", "pulseRate", "waveform", "probeError", "searching")


def read_pure(
    root: Path, *, spo2_range_percent: tuple[float, float] = (50.0, 100.0), dataset: str = "pure"
) -> Iterator[VideoRecord | Reject]:
    """Yield a record per session below root, ordered by record_id ("01-01"); a session that cannot be read yields a Reject.

    Times are seconds since the session's first image. Readings are masked (NaN) where the oximeter reports probeError or
    searching, and outside spo2_range_percent. Only metadata is read. Raises BadInput where root holds no session at all.
    """
    root = Path(root)
    top = folder_holding(root, lambda folder: bool(_sessions(folder)), LAYOUT)

    def read_one(record_id: str, session: Path) -> VideoRecord:
        return _read_session(record_id, session, spo2_range_percent, dataset)

    yield from records_or_rejects(root, _sessions(top), read_one)


def image_source(folder: Path) -> VideoSource:
    """The images of one session alone, without its readings: its folder, or the images' own. Raises BadInput without any."""
    named = folder.name not in ("", "..") and not folder.is_symlink()  # else its own name takes a look at every folder above
    images = _image_folder(folder, folder.name if named else folder.resolve().name)
    names, image_ns = _images(images)
    return VideoSource(images, frame_files=names, frame_times_s=_seconds_since(image_ns[0], image_ns))


def _sessions(folder: Path) -> list[tuple[str, Path]]:
    return [(child.name, child) for child in visible_folders(folder) if SESSION.fullmatch(child.name)]


def _read_session(record_id: str, session: Path, spo2_range_percent: tuple[float, float], dataset: str) -> VideoRecord:
    subject_id, setup = record_id.split("-")
    images = _image_folder(session, record_id)
    names, image_ns = _images(images)
    content, source = _session_json(session, record_id)
    readings, stamps_ns, repeats = _readings(content, source)
    frame_times_s, times_s = _seconds_since(image_ns[0], image_ns), _seconds_since(image_ns[0], stamps_ns)
    require_overlap(record_id, frame_times_s, times_s)
    faulty = _column(readings, "probeError", source) + _column(readings, "searching", source) > 0
    spo2, masked = spo2_trace(
        record_id, times_s, _column(readings, "o2saturation", source), valid_range=spo2_range_percent, faulty=faulty
    )
    return VideoRecord(
        dataset=dataset,
        subject_id=subject_id,
        scenario=SETUPS.get(setup, setup),
        record_id=record_id,
        video=VideoSource(images, frame_files=names, frame_times_s=frame_times_s),
        spo2=spo2,
        pulse=PulseTrace(times_s, _column(readings, "waveform", source)),
        pulse_rate=pulse_rate_trace(times_s, _column(readings, "pulseRate", source), faulty),
        notes=masked + repeats + _missing_images(content, image_ns),
    )


def _image_folder(session: Path, record_id: str) -> Path:
    nested = session / record_id
    return nested if nested.is_dir() else session


def _images(folder: Path) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Names and time stamps (ns) of a session's images, in order of time: names of unequal length do not sort as text."""
    stamped = sorted(
        (int(found[1]), name) for name in (path.name for path in folder.iterdir()) if (found := IMAGE.fullmatch(name))
    )
    if not stamped:
        raise BadInput(folder, "no image", "images named Image<nanoseconds>.png")
    return tuple(name for _, name in stamped), np.array([stamp for stamp, _ in stamped], dtype=np.int64)


def _session_json(session: Path, record_id: str) -> tuple[dict[str, Any], Path]:
    """The session's JSON, which is met in two places: beside the images' folder, and one level up."""
    name = f"{record_id}.json"
    places = (session / name, session.parent / name, session / record_id / name)
    source = next((place for place in places if place.is_file()), None)
    if source is None:
        raise BadInput(session, f"no {name}", "the oximeter's readings beside the images' folder or one level up")
    content = load_json(source)
    readings = content.get("/FullPackage") if isinstance(content, dict) else None
    if not readings or not isinstance(readings, list):
        raise BadInput(source, "no readings under '/FullPackage'", "the oximeter's readings")
    return content, source


def _readings(content: dict[str, Any], source: Path) -> tuple[list[dict[str, Any]], npt.NDArray[np.int64], tuple[str, ...]]:
    """The oximeter's packages in order of time, each stamp once (ns), and a note where stamps were repeated."""
    listed = content["/FullPackage"]
    for number, package in enumerate(listed):
        if not (isinstance(package, dict) and _is_stamp(package.get("Timestamp")) and isinstance(package.get("Value"), dict)):
            raise BadInput(source, f"package {number} lacks its Timestamp or Value", "packages of Timestamp (ns) and Value")
    packages = {package["Timestamp"]: package["Value"] for package in reversed(listed)}  # of repeated stamps the first counts
    stamps = sorted(packages)
    n_repeated = len(listed) - len(stamps)
    notes = (f"{n_repeated} oximeter packages with a repeated time stamp left out",) if n_repeated else ()
    return [packages[stamp] for stamp in stamps], np.array(stamps, dtype=np.int64), notes


def _is_stamp(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < 2**63


def _column(readings: list[dict[str, Any]], key: str, source: Path) -> FloatArray:
    try:
        return np.array([reading[key] for reading in readings], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        raise BadInput(source, f"a package without a number under {key!r}", f"packages with {', '.join(READING_KEYS)}") from None


def _seconds_since(start_ns: np.int64, stamps_ns: npt.NDArray[np.int64]) -> FloatArray:
    """Nanoseconds since the epoch need 61 bits: subtract as integers, only then divide."""
    return (stamps_ns - start_ns) / 1e9


def _missing_images(content: dict[str, Any], image_ns: npt.NDArray[np.int64]) -> tuple[str, ...]:
    entries = content.get("/Image")
    entries = entries if isinstance(entries, list) else []
    listed = [entry["Timestamp"] for entry in entries if isinstance(entry, dict) and _is_stamp(entry.get("Timestamp"))]
    n_missing = len(set(listed) - set(image_ns.tolist()))
    return (f"{n_missing} of {len(listed)} images listed in the JSON have no file",) if n_missing else ()
