"""What a project folder holds, from its files alone: recordings, what became of each, predictions beside truth, where one stands.

Nothing of it needs a server, git or MLflow. A file that is missing is nothing yet; one that is damaged is a problem, which says
what mends it, and leaves the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.clip_store import MANIFEST, ClipStore
from tast.datasets.published import natural_order
from tast.doctor.standing import standing
from tast.errors import BadInput, TastError
from tast.evaluation.predictions import read_predictions
from tast.people import RECORDING_COLUMNS
from tast.records import FloatArray
from tast.seconds import is_spot, labels_per_second
from tast.texts import read_json

CLIPS, SHEETS, PREDICTIONS, SPLIT = (
    Path("data/clips"), Path("reports/contact_sheets"), Path("reports/predictions.parquet"), Path("data/split.json")
)  # fmt: skip
SCORES = (Path("reports/scores.json"), Path("reports/metrics.json"))  # the first that is there holds all of them
AUDIT = Path("data/audit/audit.json")
PAGES = {  # name in the page's address -> file, and what it is
    "report": (Path("reports/report.html"), "The report of the last run"),
    "audit": (Path("data/audit/audit.html"), "What the data hold"),
    "methods": (Path("reports/methods.html"), "The table of methods"),
}
FRAMES_IN_STRIP = 8
ROLES = {"test": "test", "val": "validation", "train": "training"}


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording with clips. start_s (S,), true_percent (S,): its labelled seconds; predicted: its rows of the predictions, of
    which lower_percent and upper_percent are NaN where the model knows no interval; None where it was not tested."""

    dataset: str
    subject_id: str
    record_id: str
    scenario: str
    camera: str
    codec: str
    file: str
    role: str
    n_clips: int
    face_seen: float
    start_s: FloatArray
    true_percent: FloatArray
    is_spot: bool
    defects: tuple[str, ...] = ()
    predicted: pd.DataFrame | None = None
    has_sheet: bool = False

    @property
    def rmse(self) -> float:
        """Points of SpO2 over its labelled seconds; NaN without a prediction."""
        if self.predicted is None:
            return float("nan")
        error = (self.predicted["predicted_percent"] - self.predicted["true_percent"]).dropna()
        return float(np.sqrt(np.mean(np.square(error)))) if len(error) else float("nan")


@dataclass(frozen=True)
class Project:
    """standing: as tast.doctor.standing. rejects: (record, reason). audited: recordings that the audit found, before any clip.
    problems: a line for each file that cannot be read. scores: of the last run, empty where there are none."""

    folder: Path
    standing: list[tuple[str, str]]
    recordings: tuple[Recording, ...] = ()
    rejects: tuple[tuple[str, str], ...] = ()
    audited: tuple[dict[str, Any], ...] = ()
    scores: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    pages: dict[str, str] = field(default_factory=dict)

    def recording(self, number: int) -> Recording | None:
        return self.recordings[number] if 0 <= number < len(self.recordings) else None


def read_project(folder: Path) -> Project:
    """All that the page tells of a folder: those recordings that were tested first, each group by name."""
    problems: list[str] = []
    parts: dict[str, Any] = {}
    for scores in [one for one in SCORES if (folder / one).is_file()][:1]:
        with _told(problems, f"`dvc checkout {scores}` brings it back"):
            parts["scores"] = _mapping(folder / scores)
    with _told(problems, "`dvc checkout data/clips` brings them back"):
        if (folder / CLIPS / MANIFEST).is_file():
            parts |= _recordings(folder, problems)
    with _told(problems, "`dvc checkout data/audit` brings it back"):
        if (folder / AUDIT).is_file():
            parts["audited"] = tuple(_mapping(folder / AUDIT)["recordings"])
    pages = {name: text for name, (file, text) in PAGES.items() if (folder / file).is_file()}
    return Project(folder, standing(folder), problems=tuple(problems), pages=pages, **parts)


@contextmanager
def _told(problems: list[str], mends: str) -> Iterator[None]:
    try:
        yield
    except TastError as error:
        problems.append(f"{error} ({mends})")
    except (ValueError, KeyError, TypeError, OSError) as error:  # of a file that somebody else wrote
        problems.append(f"{type(error).__name__}: {error} ({mends})")


def _mapping(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise BadInput(path, f"a {type(content).__name__}", "a JSON object")
    return content


def _recordings(folder: Path, problems: list[str]) -> dict[str, Any]:
    store = ClipStore(folder / CLIPS)
    predicted: dict[tuple[str, ...], pd.DataFrame] = {}
    with _told(problems, "`dvc checkout reports/predictions.parquet` brings it back, `dvc repro evaluate` makes it anew"):
        if (folder / PREDICTIONS).is_file():
            predicted = _by_recording(read_predictions(folder / PREDICTIONS))
    roles = _roles(folder, store.manifest, problems)
    labels = _by_recording(labels_per_second(store.manifest.reset_index(drop=True)))
    defects = store.defects.groupby("record_id")["defect"].agg(tuple).to_dict()
    found = []
    for key, clips in _by_recording(store.manifest).items():
        first, seconds = clips.iloc[0], labels[key]
        found.append(Recording(
            dataset=key[0], subject_id=key[1], record_id=key[2], scenario=str(first["scenario"]).replace("_", " "),
            camera=str(first["camera"]), codec=str(first["codec"]), file=str(first["file"]), role=roles.get(key, ""),
            n_clips=len(clips), face_seen=float(clips["quality"].mean()), start_s=seconds["start_s"].to_numpy(dtype=np.float64),
            true_percent=seconds["true_percent"].to_numpy(dtype=np.float64), is_spot=bool(is_spot(clips).any()),
            defects=defects.get(key[2], ()), predicted=predicted.get(key), has_sheet=sheet_of(folder, key[2]) is not None,
        ))  # fmt: skip
    found.sort(key=lambda one: (one.predicted is None, natural_order(f"{one.dataset}/{one.subject_id}/{one.record_id}")))
    rejects = tuple((str(row.record_id), str(row.reason)) for row in store.rejects.itertuples())
    return {"recordings": tuple(found), "rejects": rejects}


def _by_recording(table: pd.DataFrame) -> dict[tuple[str, ...], pd.DataFrame]:
    columns = table[list(RECORDING_COLUMNS)].astype(str)
    return {key: table.loc[rows] for key, rows in columns.groupby(list(RECORDING_COLUMNS)).groups.items()}


def _roles(folder: Path, manifest: pd.DataFrame, problems: list[str]) -> dict[tuple[str, ...], str]:
    """Of each recording, what the split uses it for; several where clips are dealt at random."""
    if not (folder / SPLIT).is_file():
        return {}
    uses: dict[tuple[str, ...], list[str]] = {}
    with _told(problems, "`dvc checkout data/split.json` brings it back"):
        split = _mapping(folder / SPLIT)
        for part, text in ROLES.items():
            clips = manifest.loc[manifest.index.intersection(split.get(part, []))]
            for key in _by_recording(clips):
                uses.setdefault(key, []).append(text)
    return {key: " and ".join(texts) for key, texts in uses.items()}


def sheet_of(folder: Path, record_id: str) -> Path | None:
    """The contact sheet that preprocessing drew of a recording; of most there is none."""
    path = folder / SHEETS / f"{record_id}.png"
    return path if Path(record_id).name == record_id and path.is_file() else None


def strip_of(folder: Path, recording: Recording) -> npt.NDArray[np.uint8]:
    """(H, FRAMES_IN_STRIP W, 3) uint8 RGB: frames of the face as a model sees it, evenly over the recording, side by side.

    Raises BadInput where they cannot be read.
    """
    path = folder / CLIPS / recording.file
    try:
        frames = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(
            path, f"cannot be read ({error})", "frames of a face (`dvc checkout data/clips` brings them back)"
        ) from None
    if frames.ndim != 4 or not len(frames):
        raise BadInput(path, f"shape {frames.shape}", "(T, H, W, 3) frames (`dvc checkout data/clips` brings them back)")
    chosen = np.linspace(0, len(frames) - 1, FRAMES_IN_STRIP).round().astype(int)
    magnified = np.asarray(frames[chosen], dtype=np.float32)  # beyond what can be shown, where it was magnified so
    return np.concatenate(list(np.clip(np.rint(magnified), 0, 255).astype(np.uint8)), axis=1)


def scores_of(metrics: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what, value, beside it) of the tiles; empty where the file holds no scores that can be read."""
    try:
        test, constant = metrics["test"], metrics["constant"]
        tiles = [
            ("RMSE (points of SpO₂)", f"{test['rmse']:.2f}", f"constant predictor: {constant['rmse']:.2f}"),
            ("People it has not seen", str(test["n_subjects"]), f"{test['n_records']} recordings, {test['n_seconds']} s"),
        ]
        if (interval := test["interval"])["coverage"] is not None:
            held = f"{100 * interval['coverage']:.0f} %"
            tiles.append(
                (f"{100 * interval['nominal_coverage']:.0f} % interval holds", held, f"± {interval['width_percent'] / 2:.1f}")
            )
        if anchored := metrics.get("anchored"):
            own, stays = anchored["test"]["rmse"], anchored["stays"]["rmse"]
            tiles.append(("RMSE from an anchor on", f"{own:.2f}", f"who says it stays: {stays:.2f}"))
    except (KeyError, TypeError, ValueError):
        return []
    return tiles


def as_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
