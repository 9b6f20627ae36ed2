"""What rPPG-Toolbox has preprocessed (github.com/ubicomplab/rPPG-Toolbox), as own recordings: lossless videos and tables.

    <record>_input<N>.npy    (T, H, W, C) numbers: chunk N of a recording, C = 3 for each of its DATA_TYPEs
    <record>_label<N>.npy    (T,) the pulse wave on its frames
    <list>.csv               column input_files: the paths of some of the inputs

Only DATA_TYPE Raw has the colours that SpO2 is read from: RGB, 0 to 255. Chunks follow each other without a gap; what was left at
a recording's end is not in them. Rate, person and SpO2 are in none of these files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.datasets.recordings import RECORD_ID, TABLE, readings_of
from tast.datasets.tables import read_columns
from tast.errors import BadInput
from tast.video.coding import Coding
from tast.video.write_coded import write_coded

CHUNK = re.compile(r"(.+)_input(\d+)\.npy")
EXPECTED = "a folder that rPPG-Toolbox has preprocessed (NAME_input0.npy beside NAME_label0.npy), or one of its lists of files"
RAW = "frames of DATA_TYPE Raw, RGB from 0 to 255"
LEVEL_IS_GONE = (
    "its frames are standardised or differences: the level of the colours, which SpO2 is read from, is gone; preprocess them "
    "again with DATA_TYPE: ['Raw']"
)
UNKNOWN = "unknown"  # a person: of recordings whose people nobody told, none may be taken for another's
BESIDE_COLUMNS = ("record", "subject_id")
KEPT_COLUMNS = ("scenario", "camera", "skin_type")


@dataclass(frozen=True)
class ToolboxRecording:
    """chunks: number -> file, in order."""

    name: str
    chunks: Mapping[int, Path]

    @property
    def notes(self) -> tuple[str, ...]:
        gaps = [f"chunks {a + 1} to {b - 1} are missing" for a, b in pairwise(self.chunks) if b > a + 1]
        return (*([f"begins with chunk {next(iter(self.chunks))}"] if 0 not in self.chunks else []), *gaps)


@dataclass
class Written:
    """What became of a recording. rounded: frames whose values lay between whole numbers."""

    name: str
    notes: tuple[str, ...]
    n_frames: int = 0
    rounded: int = 0
    wave: list[npt.NDArray[np.float64]] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)


def recordings_in(path: Path) -> list[ToolboxRecording]:
    """Of a folder, or of a list of files, by their names. Raises BadInput where there is none, or a listed file is missing."""
    if not path.exists():
        raise BadInput(path, "no such file or folder", EXPECTED)
    files = sorted(path.glob("*_input*.npy")) if path.is_dir() else [_listed(path, row["input_files"]) for row in _rows(path)]
    found: dict[str, dict[int, Path]] = {}
    for file in files:
        if named := CHUNK.fullmatch(file.name):
            known = found.setdefault(named[1], {}).setdefault(int(named[2]), file)
            if known != file:
                raise BadInput(path, f"{known} and {file}", "each chunk of a recording once")
    if not found:
        raise BadInput(path, "no NAME_input0.npy in it", EXPECTED)
    if unfit := [name for name in found if not RECORD_ID.fullmatch(name)]:
        raise BadInput(path, f"a recording called {unfit[0]!r}", "letters, digits, '_', '-' and '.', since it names files")
    return [ToolboxRecording(name, dict(sorted(chunks.items()))) for name, chunks in sorted(found.items())]


def _rows(path: Path) -> list[dict[str, str]]:
    return read_columns(path, ("input_files",))


def _listed(table: Path, given: str) -> Path:
    """Lists hold paths of the machine that made them: there, beside the list, or in a folder of that name beside the list's."""
    named = Path(given)
    places = (named, table.parent / named.name, table.parent.parent / named.parent.name / named.name)
    for place in places:
        if place.is_file():
            return place
    raise BadInput(table, f"{given} is not here", f"it there, in {places[1].parent} or in {places[2].parent}")


def write_recording(folder: Path, recording: ToolboxRecording, fps_hz: float) -> Written:
    """<name>.mkv: H.264 without loss, in YUV of full range: a value is off by 1 of 255 at most.

    Times, of the wave too, count from the first chunk that is there. Raises BadInput for other data.
    """
    written = Written(recording.name, recording.notes)
    write_coded(folder / recording.name, _frames(recording, fps_hz, written), _lossless(fps_hz))
    return written


def _lossless(fps_hz: float) -> Coding:
    return Coding("h264", ".mkv", quality=0, subsampling="444", matrix="bt709", full_range=True, rate_hz=fps_hz)


def _frames(recording: ToolboxRecording, fps_hz: float, written: Written) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    """(seconds, (H, W, 3)), chunk by chunk; the wave beside them goes into `written`."""
    shape: tuple[int, ...] = ()
    begin = next(iter(recording.chunks))
    for number, file in recording.chunks.items():
        chunk = _load(file)
        shape = shape or chunk.shape
        if chunk.ndim != 4 or chunk.shape[3] % 3 or not chunk.size or chunk.shape[1:] != shape[1:]:
            raise BadInput(
                file, f"an array of shape {chunk.shape}", "(T, H, W, C) with C = 3, 6 or 9, H and W those of the others"
            )
        colours = _colours(file, chunk)
        whole = np.rint(colours)
        written.rounded += int((whole != colours).any(axis=(1, 2, 3)).sum())
        times_s = ((number - begin) * shape[0] + np.arange(len(chunk))) / fps_hz
        wave = _load(file.with_name(file.name.replace("_input", "_label"))).astype(np.float64).squeeze()
        if wave.shape != (len(chunk),):
            raise BadInput(file, f"{len(chunk)} frames beside labels of shape {wave.shape}", "a label for each frame")
        written.wave.append(wave)
        written.times_s += times_s.tolist()
        written.n_frames += len(chunk)
        yield from zip(times_s.tolist(), whole.astype(np.uint8), strict=True)


def _load(file: Path) -> npt.NDArray[np.generic]:
    try:
        found: npt.NDArray[np.generic] = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise BadInput(file, "no such file", EXPECTED) from None
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(file, f"cannot be read ({error})", "an array of numbers that numpy.save wrote") from None
    if not np.issubdtype(found.dtype, np.number) or np.issubdtype(found.dtype, np.complexfloating):
        raise BadInput(file, f"an array of {found.dtype}", "an array of numbers")
    return found


def _colours(file: Path, chunk: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """The first three channels that are colours (T, H, W, 3): of several DATA_TYPEs, only Raw has no value below 0."""
    spans = []
    for first in range(0, chunk.shape[3], 3):
        colours = chunk[..., first : first + 3].astype(np.float64)
        low, high = float(colours.min()), float(colours.max())
        if low >= 0 and 1 < high <= 255:  # NaN is neither
            return colours
        spans.append(f"{low:.3g} to {high:.3g}")
    below = any(span.startswith("-") for span in spans)
    raise BadInput(file, f"values from {', '.join(spans)}{f': {LEVEL_IS_GONE}' if below else ''}", RAW)


@dataclass(frozen=True)
class Beside:
    """What a user tells of a recording. spo2: its table of readings, None where there is none."""

    subject_id: str
    spo2: Path | None
    columns: Mapping[str, str]


def read_beside(path: Path, names: Sequence[str]) -> dict[str, Beside]:
    """By the recording's name, from a table with BESIDE_COLUMNS and, if wanted, spo2 and KEPT_COLUMNS.

    Raises BadInput where a row names no recording, a readings' table cannot be read, or a recording is not named.
    """
    found: dict[str, Beside] = {}
    for line, row in enumerate(read_columns(path, BESIDE_COLUMNS), start=2):
        name, person, readings = (row.get(column) or "" for column in (*BESIDE_COLUMNS, "spo2"))
        if name.strip() not in names or not person.strip():
            raise BadInput(
                path, f"line {line}: record {name!r}, subject_id {person!r}", f"a person, and one of {', '.join(names)}"
            )
        spo2 = path.parent / readings.strip() if readings.strip() else None
        if spo2 is not None:
            readings_of(spo2)
        kept = {column: (row.get(column) or "").strip() for column in KEPT_COLUMNS}
        found[name.strip()] = Beside(person.strip(), spo2, kept)
    if absent := [name for name in names if name not in found]:
        raise BadInput(path, f"no row of {', '.join(absent[:3])}", f"one of each of the {len(names)} recordings")
    return found


def write_tables(folder: Path, written: Sequence[Written], beside: Mapping[str, Beside]) -> None:
    """recordings.csv, and of each recording <name>.wave.csv and <name>.spo2.csv, empty cells where nobody told SpO2."""
    rows = []
    for one in written:
        known = beside.get(one.name, Beside(UNKNOWN, None, {}))
        wave = pd.DataFrame({"times_s": np.round(one.times_s, 6), "value": np.concatenate(one.wave)})
        wave.to_csv(folder / f"{one.name}.wave.csv", index=False)
        _readings(one, known.spo2).to_csv(folder / f"{one.name}.spo2.csv", index=False)
        rows.append({
            "subject_id": known.subject_id, "record_id": one.name, "video": f"{one.name}.mkv", "spo2": f"{one.name}.spo2.csv",
            **{column: known.columns.get(column, "") for column in KEPT_COLUMNS},
        })  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / TABLE, index=False)


def _readings(written: Written, spo2: Path | None) -> pd.DataFrame:
    if spo2 is None:
        seconds = np.arange(int(written.times_s[0]), int(written.times_s[-1]) + 1)
        return pd.DataFrame({"times_s": seconds, "percent": np.full(len(seconds), np.nan)})
    times_s, percent, per_minute = readings_of(spo2)
    rate = {} if per_minute is None else {"pulse_per_min": per_minute}
    return pd.DataFrame({"times_s": times_s, "percent": percent, **rate})
