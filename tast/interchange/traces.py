"""The colours of a face, frame by frame, for tools that look for the pulse themselves: as a table, for pyVHR and for NeuroKit2.

    <name>.csv, .parquet   one row a frame: times_s, r, g, b of the masked face (0 to 255), background_r, _g, _b, face_seen, piece
    <name>.pyvhr.npy       (W, 1, 3, F) float32: windows of r, g, b on an even grid, pyVHR's [estimators, 3, frames] in each
    <name>.neurokit.npy    (N,) float64: the pulse by POS on the even grid, upwards in systole as a finger's; NaN in gaps
    <name>.json            their rate, where each window begins, and what was met

As the face is before anything is magnified. A long video is masked piece by piece, as for a prediction: at a piece's begin the
level may step, no window lies across it, and the pulse is made of each piece alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.errors import VideoRejected
from tast.files import whole_file
from tast.pictures import Picture
from tast.prediction.sources import NamedVideo, video_source
from tast.preprocessing.light import on_grid
from tast.preprocessing.steps import Settings, after_each_step
from tast.pulse_rate import skin_wave
from tast.records import FaceVideo, FloatArray
from tast.seconds import CLOCK_NOISE_S
from tast.video.facts import SourceMeter
from tast.video.read import read_pictures

PIECE_S = 120.0  # as predictions have it: memory does not grow with the length
ENDINGS = ("pyvhr.npy", "neurokit.npy", "json")  # beside the table's own


@dataclass(frozen=True, eq=False, repr=False)
class ColourTrace:
    """rgb, background: (T, 3) 0 to 255, the latter NaN where it is unknown. face_seen: (T,) 0 where the face was bridged.

    times_s: (T,) since the video's first frame, as they were taken. piece: (T,) the number of the piece that a frame is of.
    """

    name: str
    times_s: FloatArray
    rgb: FloatArray
    background: FloatArray
    face_seen: FloatArray
    piece: npt.NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def pieces(self) -> list[slice]:
        edges = [0, *(np.flatnonzero(np.diff(self.piece)) + 1).tolist(), len(self.piece)]
        return [slice(first, last) for first, last in pairwise(edges)]

    @property
    def rate_hz(self) -> float:
        """Frames a second, on the mean over its pieces."""
        spans_s = sum(float(self.times_s[one][-1] - self.times_s[one][0]) for one in self.pieces)
        return (len(self.times_s) - len(self.pieces)) / spans_s

    def table(self) -> pd.DataFrame:
        colours = dict(zip("rgb", self.rgb.T.round(4), strict=True))
        around = {f"background_{name}": column for name, column in zip("rgb", self.background.T.round(4), strict=True)}
        return pd.DataFrame({
            "times_s": self.times_s.round(6), **colours, **around, "face_seen": self.face_seen.round().astype(int),
            "piece": self.piece,
        })  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class EvenTrace:
    """A trace on the grid first_s + k / fps_hz: rgb (N, 3), pulse (N,), NaN where no piece is; piece (N,), -1 there."""

    fps_hz: float
    first_s: float
    rgb: FloatArray
    pulse: FloatArray
    piece: npt.NDArray[np.int64]

    def windows(self, window_s: float, stride_s: float) -> tuple[npt.NDArray[np.float32], FloatArray]:
        """(W, 1, 3, F) and when each begins (W,): all that lie whole within a piece, a stride apart."""
        n_frames, stride = round(window_s * self.fps_hz), max(1, round(stride_s * self.fps_hz))
        starts = [
            first
            for first in range(0, len(self.rgb) - n_frames + 1, stride)
            if self.piece[first] >= 0 and (self.piece[first : first + n_frames] == self.piece[first]).all()
        ]
        found = [self.rgb[first : first + n_frames].T[None] for first in starts]
        cut = np.array(found, dtype=np.float32).reshape(len(starts), 1, 3, n_frames)
        return cut, self.first_s + np.array(starts, dtype=np.float64) / self.fps_hz


def colour_trace(video: NamedVideo, settings: Settings, *, largest_face: bool = False) -> ColourTrace:
    """Aligned and masked as `settings` say (tast.preprocessing.pipeline.settings_of).

    Raises BadInput where the video cannot be read; VideoRejected without a face, with several unless the largest is wanted, and
    where no piece of it can be used.
    """
    source, mended = video_source(video.path)
    defects: list[str] = []
    meter = SourceMeter()
    pieces: list[ColourTrace] = []
    refused: list[tuple[float, str]] = []
    for number, piece in groupby(read_pictures(source, defects, meter=meter), key=lambda frame: int(frame[0] // PIECE_S)):
        try:
            pieces.append(_piece(number, _masked(video.name, piece, settings, meter, largest_face)))
        except VideoRejected as error:
            refused.append((number * PIECE_S, error.reason))
    if not pieces:
        raise VideoRejected(video.name, "; ".join([refused[0][1] if refused else "no frame", *defects]))
    left_out = [f"{begin_s:g} to {begin_s + PIECE_S:g} s are left out: {reason}" for begin_s, reason in refused]
    columns = ("times_s", "rgb", "background", "face_seen", "piece")
    arrays = {name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in columns}
    return ColourTrace(video.name, **arrays, notes=(*mended, *left_out, *defects))


def _piece(number: int, face: FaceVideo) -> ColourTrace:
    """Without the frames, of which a minute takes 90 MB."""
    if face.light is None:
        raise ValueError(f"{face.record_id} has no light; expected a face that was masked")
    return ColourTrace(
        face.record_id, face.times_s, face.light.skin, face.light.background, face.quality, np.full(len(face.times_s), number)
    )


def _masked(
    name: str, frames: Iterable[tuple[float, Picture]], settings: Settings, meter: SourceMeter, largest_face: bool
) -> FaceVideo:
    face = next(face for step, face in after_each_step(name, frames, settings, meter) if step == "mask")
    if (others := int(face.notes.get("other_faces", 0))) and not largest_face:
        raise VideoRejected(name, f"{others + 1} faces in one frame, expected one (or that the largest is asked for)")
    if len(face.times_s) < 2:
        raise VideoRejected(name, "a single frame of face")
    return face


def even_trace(trace: ColourTrace, fps_hz: float | None = None) -> EvenTrace:
    """Drawn linearly onto an even grid at fps_hz, or at the camera's own mean rate."""
    fps_hz = trace.rate_hz if fps_hz is None else fps_hz
    first_s = float(trace.times_s[0])
    grid_s = first_s + np.arange(int((trace.times_s[-1] - first_s) * fps_hz + 1e-6) + 1) / fps_hz
    rgb, pulse = np.full((len(grid_s), 3), np.nan), np.full(len(grid_s), np.nan)
    number = np.full(len(grid_s), -1, dtype=np.int64)
    for piece in trace.pieces:
        times_s = trace.times_s[piece]
        near = (grid_s > times_s[0] - 1 / fps_hz) & (
            grid_s < times_s[-1] + 1 / fps_hz
        )  # else a sample between pieces were none's
        here = near & ((number == -1) | (grid_s >= times_s[0] - CLOCK_NOISE_S))
        rgb[here] = on_grid(trace.rgb[piece], times_s, grid_s[here])
        pulse[here] = -skin_wave(rgb[here] / rgb[here].mean(axis=0) - 1)  # blood takes light away: a finger's wave goes up there
        number[here] = trace.piece[piece][0]
    return EvenTrace(fps_hz, first_s, rgb, pulse, number)


def files_of(folder: Path, name: str, kind: str) -> list[Path]:
    """What write_trace writes; kind: csv or parquet."""
    return [folder / f"{name}.{ending}" for ending in (kind, *ENDINGS)]


def write_trace(
    folder: Path, trace: ColourTrace, kind: str, *, fps_hz: float | None, window_s: float, stride_s: float
) -> dict[str, Any]:
    """Each file whole; what stands in the JSON."""
    even = even_trace(trace, fps_hz)
    windows, window_start_s = even.windows(window_s, stride_s)
    table, pyvhr, neurokit, beside = files_of(folder, trace.name, kind)
    facts = {
        "video": trace.name, "fps_hz": even.fps_hz, "first_s": even.first_s, "frames": len(trace.times_s),
        "camera_hz": trace.rate_hz, "window_s": window_s, "stride_s": stride_s,
        "window_start_s": window_start_s.round(6).tolist(), "face_seen": round(float(trace.face_seen.mean()), 4),
        "notes": list(trace.notes),
    }  # fmt: skip
    with whole_file(table) as part:
        if kind == "csv":
            trace.table().to_csv(part, index=False)
        else:
            trace.table().to_parquet(part, index=False)
    for path, array in ((pyvhr, windows), (neurokit, even.pulse)):
        with whole_file(path) as part, part.open("wb") as file:
            np.save(file, array, allow_pickle=False)
    with whole_file(beside) as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts
