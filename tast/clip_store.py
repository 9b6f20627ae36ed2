"""The clips on disk: one array file per video, one manifest of all clips, one table of rejected videos.

    data/clips/<record_id>.npy     (T, H, W, 3) frames of one video, on a uniform grid of time
    data/clips/manifest.parquet    one row per clip, sorted by clip_id
    data/clips/rejects.csv         record_id, reason: videos without clips
    data/clips/defects.csv         record_id, defect: what was met in the others, and mended or left out
    data/clips/preprocessing.json  the parameters that the clips were made with
    data/clips/digests.json        what all of them were when they were written (tast.digests)

Clips overlap, so they are windows into the video's array and share its bytes; reading one maps only its pages. Why magnified
frames in float16, and not masked ones in uint8 beside what is amplified: docs/storage.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.digests import Sealed, seal
from tast.errors import BadInput
from tast.light import light_path, read_light
from tast.people import recording_of
from tast.pulse_labels import pulse_path, read_pulse
from tast.records import Clip, FaceLight
from tast.seconds import SPOT, labels_per_second, window_starts

MANIFEST = "manifest.parquet"
REJECTS = "rejects.csv"
DEFECTS = "defects.csv"
PREPROCESSING = "preprocessing.json"
MOST_MAPPED = 8192  # files at a time, beside those whose frames are in use: Linux gives a process 65,530 mappings


@dataclass(frozen=True)
class ClipRow:
    """One row of the manifest: whose clip it is, where its frames lie, and its labels (percent, one per second, NaN unknown).

    spot_sd_percent: how uncertain the label is (1 SD) where one spot reading stands for the whole recording; None for a trace.
    codec, bits_per_pixel, bits, transfer, assumed: of the video's SourceFacts, the last in one string; "", None and 0 where these
    are not known. camera: what filmed it, as the data set names it: with its lamp and its coding, a world of the phantom.
    """

    clip_id: str
    dataset: str
    subject_id: str
    record_id: str
    scenario: str
    file: str
    first_frame: int
    n_frames: int
    start_s: float
    fps_hz: float
    quality: float
    spo2_percent: tuple[float, ...]
    spot_sd_percent: float | None = None
    codec: str = ""
    bits_per_pixel: float | None = None
    bits: int = 0
    transfer: str = ""
    assumed: str = ""
    camera: str = ""


COLUMNS = list(ClipRow.__dataclass_fields__)


@dataclass(frozen=True)
class Reject:
    record_id: str
    reason: str


@dataclass(frozen=True)
class Defect:
    record_id: str
    defect: str


def write_tables(
    folder: Path,
    rows: Iterable[ClipRow],
    rejects: Iterable[Reject],
    defects: Iterable[Defect],
    preprocessing: Mapping[str, Any],
    *,
    known_sha256: Mapping[str, str] | None = None,
) -> None:
    """Write manifest, rejects, defects and parameters, sorted, so that the same clips give the same bytes.

    Last come the digests of all that lies in the folder. known_sha256: by name, of files that need not be read for them.
    """
    manifest = pd.DataFrame([vars(row) for row in sorted(rows, key=lambda row: row.clip_id)], columns=COLUMNS)
    manifest["spo2_percent"] = [list(labels) for labels in manifest["spo2_percent"]]
    manifest = manifest.astype({SPOT: np.float64, "bits_per_pixel": np.float64})  # None becomes NaN
    manifest.to_parquet(folder / MANIFEST, index=False)
    _write_table(folder / REJECTS, Reject, rejects)
    _write_table(folder / DEFECTS, Defect, defects)
    (folder / PREPROCESSING).write_text(json.dumps(preprocessing, indent=2, sort_keys=True) + "\n")
    seal(folder, known_sha256)


def _write_table(path: Path, kind: type[Reject] | type[Defect], lines: Iterable[Reject] | Iterable[Defect]) -> None:
    table = pd.DataFrame([asdict(line) for line in lines], columns=list(kind.__dataclass_fields__))
    table.sort_values("record_id", kind="stable").to_csv(path, index=False)


class ClipStore:
    """Random access to the clips of a folder. Raises BadInput where the folder is not a clip store.

    So does every method that reads a file, where its bytes are not those that were written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        manifest = self.folder / MANIFEST
        if not manifest.is_file():
            raise BadInput(self.folder, f"no {MANIFEST}", "a clip store (run the preprocess stage: `dvc repro preprocess`)")
        self._sealed = Sealed(self.folder, "make the clips anew: `dvc repro --force preprocess`")
        self.manifest = pd.read_parquet(self._sealed.checked(MANIFEST)).set_index("clip_id", drop=False)
        if missing := [name for name in COLUMNS if name not in self.manifest]:
            raise BadInput(manifest, f"no column {', '.join(missing)}: clips of an earlier release",
                           "clips of this one (make them anew: `dvc repro preprocess`)")  # fmt: skip
        self._arrays: dict[str, npt.NDArray[np.generic]] = {}

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def clip_ids(self) -> list[str]:
        return list(self.manifest["clip_id"])

    @cached_property
    def rejects(self) -> pd.DataFrame:
        return pd.read_csv(self._sealed.checked(REJECTS), dtype=str)

    @cached_property
    def defects(self) -> pd.DataFrame:
        return pd.read_csv(self._sealed.checked(DEFECTS), dtype=str)

    @cached_property
    def preprocessing(self) -> dict[str, Any]:
        """The parameters that the clips were made with; a model carries them, and refuses clips made otherwise."""
        content: dict[str, Any] = json.loads(self._sealed.checked(PREPROCESSING).read_text())
        return content

    @cached_property
    def digest(self) -> str:
        """sha256 over the manifest's bytes: which clips, with which labels."""
        return hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()

    def with_every_second(self, clip_ids: Sequence[str]) -> tuple[ClipStore, tuple[str, ...]]:
        """This store with windows that begin with every second of the recordings of these clips, and the names of all of them.

        `predict` reads a face so, whatever hop_s the clips were cut with and whichever were left out for want of labels. Of a
        recording that has clips beside these, as where clips are dealt at random, there is none more. A window that was no clip
        has the labels that the clips give its seconds, quality NaN, and its first frame in its name.
        """
        chosen = self.manifest.loc[list(clip_ids)]
        recording = recording_of(self.manifest)
        beside = set(recording[~self.manifest["clip_id"].isin(clip_ids)])
        more = [
            window
            for name, clips in chosen.groupby(recording_of(chosen), sort=True)
            if name not in beside
            for window in self._windows_between(clips)
        ]
        if not more:
            return self, tuple(clip_ids)
        whole = copy(self)
        whole.manifest = pd.concat([self.manifest, pd.DataFrame(more).set_index("clip_id", drop=False)])
        whole.__dict__.pop("_rows", None)
        return whole, (*clip_ids, *(window["clip_id"] for window in more))

    def _windows_between(self, clips: pd.DataFrame) -> list[dict[str, Any]]:
        """Manifest rows of the windows of one recording that are none of its clips."""
        first = clips.iloc[0]
        fps_hz, seconds = float(first["fps_hz"]), len(first["spo2_percent"])
        shows = ~np.isnan(self.light(first["record_id"]).skin).any(axis=1)  # nothing between two pieces of a long video
        n_frames = int(first["n_frames"])
        starts = [k for k in window_starts(len(shows), fps_hz, n_frames) if shows[k : k + n_frames].all()]
        there = set(clips["first_frame"])
        if there.issuperset(starts):
            return []
        labels = labels_per_second(clips)
        known = dict(zip(labels["second"] - int(labels["second"].iloc[0]), labels["true_percent"], strict=True))
        offset = round(int(clips["first_frame"].min()) / fps_hz)  # of the first labelled second in the face
        begin_s = float(first["start_s"]) - int(first["first_frame"]) / fps_hz
        return [
            first.to_dict() | {
                "clip_id": f"{first['record_id']}-at-{start}", "first_frame": start, "start_s": begin_s + start / fps_hz,
                "quality": np.nan, "spo2_percent": [known.get(k - offset + second, np.nan) for second in range(seconds)],
            }
            for k, start in enumerate(starts)
            if start not in there
        ]  # fmt: skip

    def clip(self, clip_id: str) -> Clip:
        """One clip; its frames are a memory-mapped view, not a copy. Raises KeyError where there is no such clip."""
        row = self._rows[clip_id]
        frames = self._array(row.file)[row.first_frame : row.first_frame + row.n_frames]
        return Clip(
            clip_id=clip_id, dataset=row.dataset, record_id=row.record_id, subject_id=row.subject_id, scenario=row.scenario,
            start_s=float(row.start_s), fps_hz=float(row.fps_hz), frames=frames,
            spo2_percent=np.asarray(row.spo2_percent, dtype=np.float64), quality=float(row.quality),
        )  # fmt: skip

    def light(self, record_id: str) -> FaceLight:
        """Of a recording's face and background, on its frames."""
        self._sealed.checked(light_path(Path(), record_id).as_posix())
        return read_light(self.folder, record_id)

    def pulse(self, record_id: str) -> npt.NDArray[np.float32] | None:
        """(T,) of a recording's frames; None where it has no wave."""
        name = pulse_path(Path(), record_id).as_posix()
        if name in self._sealed or (self.folder / name).is_file():
            self._sealed.checked(name)
        return read_pulse(self.folder, record_id)

    @cached_property
    def _rows(self) -> dict[str, Any]:
        """The manifest's rows as tuples: pandas takes longer to find a row than the kernel to hand out its frames."""
        return {row.clip_id: row for row in self.manifest.itertuples(index=False)}

    def _array(self, file: str) -> npt.NDArray[np.generic]:
        if file not in self._arrays:
            if len(self._arrays) >= MOST_MAPPED:
                del self._arrays[next(iter(self._arrays))]
            self._arrays[file] = np.load(self._sealed.checked(file), mmap_mode="r")
        return self._arrays[file]
