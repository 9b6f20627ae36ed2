"""The chains that the probe compares: the pipeline's own, and the per-frame reference that public code runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tast.clip_store import ClipRow, ClipStore, write_tables
from tast.pictures import Picture
from tast.preprocessing.align import align
from tast.preprocessing.mask import drawn, face_outlines
from tast.preprocessing.steps import STEPS, Settings
from tast.records import FaceVideo

Frames = Iterable[tuple[float, Picture]]
Stages = Iterator[tuple[str, FaceVideo]]


def pipeline(frames: Frames, settings: Settings) -> Stages:
    """The video after align and after each further step, then as it is read back from a clip store."""
    face = align(frames, "probe", **settings["align"])
    yield "align", face
    for name, step in STEPS.items():
        face = step(face, **settings[name])
        yield name, face
    yield "store, load", stored_and_loaded(face)


def per_frame_reference(frames: Frames, settings: Settings) -> Stages:
    """Landmarks of each frame as they are, without flow or smoothing, and the contour of each frame's own mesh as its mask."""
    face = align(frames, "probe", **{**settings["align"], "smooth_s": 0.0, "landmarks_every_s": 0.0})
    yield "align", face
    yield "mask", masked_frame_by_frame(face)


def masked_frame_by_frame(face: FaceVideo) -> FaceVideo:
    """Each frame (H, W, 3) inside its own contour; where no mesh is found, inside the last one."""
    frames = np.zeros_like(face.frames)
    inside: npt.NDArray[np.bool_] | None = None
    for k, outlines in enumerate(face_outlines(face.frames)):
        if outlines is not None:
            inside = drawn(outlines, face.frames.shape[1:3], skin_only=False)
        frames[k] = face.frames[k] if inside is None else face.frames[k] * inside[..., None]
    return replace(face, frames=frames)


def stored_and_loaded(face: FaceVideo) -> FaceVideo:
    """The frames written as one clip of a store and read back."""
    fps_hz = (len(face.times_s) - 1) / float(face.times_s[-1] - face.times_s[0])
    row = ClipRow("c", "probe", "s", "probe", "s", "probe.npy", 0, len(face.frames), 0.0, fps_hz, 1.0, (float("nan"),))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / row.file, face.frames)
        write_tables(Path(folder), [row], [], [], {})
        return replace(face, frames=np.array(ClipStore(Path(folder)).clip("c").frames))


CHAINS: dict[str, Callable[[Frames, Settings], Stages]] = {"pipeline": pipeline, "per-frame reference": per_frame_reference}


def varied(settings: Settings, changes: dict[str, dict[str, Any]]) -> Settings:
    """The settings with some keyword arguments of some steps changed."""
    return {name: {**given, **changes.get(name, {})} for name, given in settings.items()}
