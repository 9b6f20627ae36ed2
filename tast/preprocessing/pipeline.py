"""From a video record to the clips of its face: the one place where the order of the steps is written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from tast.clip_store import ClipRow, Defect, Reject
from tast.errors import BadInput, TastError, VideoRejected
from tast.pictures import Picture
from tast.preprocessing.align import ALIGN_VERSION, align, landmark_model_path
from tast.preprocessing.cache import ItemCache
from tast.preprocessing.clips import cut
from tast.preprocessing.keys import item_key
from tast.preprocessing.magnify import MAGNIFY_VERSION, magnify
from tast.preprocessing.mask import MASK_VERSION, mask, mesh_model_paths
from tast.preprocessing.resample import RESAMPLE_VERSION, decimate, resample, shrink
from tast.records import FaceVideo, VideoRecord, VideoSource
from tast.video import DECODE_VERSION, read_pictures

log = logging.getLogger(__name__)

Settings = Mapping[str, Mapping[str, Any]]  # name of a step -> its keyword arguments

STEPS: dict[str, Callable[..., FaceVideo]] = {  # after align, which makes the first FaceVideo
    "mask": mask,
    "shrink": shrink,
    "resample": resample,
    "magnify": magnify,
    "decimate": decimate,
}
VERSIONS = {
    "decode": DECODE_VERSION,
    "align": ALIGN_VERSION,
    "mask": MASK_VERSION,
    "resample": RESAMPLE_VERSION,
    "magnify": MAGNIFY_VERSION,
}


@dataclass(frozen=True)
class Shard:
    """What became of some records: the rows of their clips, a reason for each that has none, how many were not in the cache.

    defects: of those that have clips, what was met in them and mended or left out.
    """

    rows: tuple[ClipRow, ...]
    rejects: tuple[Reject, ...]
    defects: tuple[Defect, ...]
    n_computed: int


def settings_of(preprocess: Mapping[str, Any]) -> Settings:
    """Keyword arguments of align, each of the STEPS and cut, from the preprocess section of params.yaml as a mapping."""
    clips = preprocess["clips"]
    cutting = {name: clips[name] for name in ("length_s", "hop_s", "max_missing_labels")}
    return {
        "align": preprocess["align"],
        "mask": preprocess["mask"],
        "shrink": {"size_px": clips["size_px"]},
        "resample": {"multiple_of_hz": clips["fps_hz"], "highest_hz": preprocess["magnify"]["high_hz"]},
        "magnify": preprocess["magnify"],
        "decimate": {"fps_hz": clips["fps_hz"]},
        "cut": {**cutting, "label_delay_s": preprocess["label_delay_s"]},
    }


def preprocess_video(record_id: str, source: VideoSource, settings: Settings) -> FaceVideo:
    """A video on disk -> (T, size_px, size_px, 3) float16, masked and magnified, on a uniform grid of time.

    Of a video that breaks off, the good part; its defects say where. Raises VideoRejected where the video cannot be used,
    BadInput where it cannot be read.
    """
    defects: list[str] = []
    face = preprocess_frames(record_id, read_pictures(source, defects), settings)
    return replace(face, defects=tuple(defects))


def preprocess_frames(record_id: str, frames: Iterable[tuple[float, Picture]], settings: Settings) -> FaceVideo:
    """The steps themselves, on frames (time_s, picture, RGB or YUV) from anywhere."""
    for _, face in after_each_step(record_id, frames, settings):
        done = face
    return done


def after_each_step(
    record_id: str, frames: Iterable[tuple[float, Picture]], settings: Settings
) -> Iterator[tuple[str, FaceVideo]]:
    """(name of the step, the face after it): align, then the STEPS in order."""
    face = align(frames, record_id, **settings["align"])
    yield "align", face
    for name, step in STEPS.items():
        face = step(face, **settings[name])
        yield name, face


def preprocess_records(records: Sequence[VideoRecord], *, settings: Settings, cache_root: Path, clips_folder: Path) -> Shard:
    """Every record's array file in clips_folder, and the rows of its clips; a record that fails becomes a Reject.

    Runs in one thread, so that as many workers as cores do not oversubscribe them, and sums have the same order everywhere.
    """
    cv2.setNumThreads(1)
    items = ItemCache(cache_root)
    rows: list[ClipRow] = []
    rejects: list[Reject] = []
    defects: list[Defect] = []
    with threadpool_limits(1):
        for record in records:
            try:
                clips, met = preprocess_record(record, settings, items, clips_folder)
                rows += clips
                defects += [Defect(record.record_id, defect) for defect in met]
            except TastError as error:
                log.info("rejected: %s", error)
                rejects.append(Reject(record.record_id, _reason(error)))
    return Shard(tuple(rows), tuple(rejects), tuple(defects), items.n_computed)


def preprocess_record(
    record: VideoRecord, settings: Settings, items: ItemCache, clips_folder: Path
) -> tuple[list[ClipRow], tuple[str, ...]]:
    """The clips of one record, and its defects; its frames, cached where known, become <record_id>.npy in clips_folder."""
    pixel_settings = {name: dict(settings[name]) for name in ("align", *STEPS)}
    key = item_key(record.video, pixel_settings, VERSIONS, (landmark_model_path(), *mesh_model_paths()))
    video = items.get_or_compute(key, record.record_id, lambda: preprocess_video(record.record_id, record.video, settings))
    clips = cut(record.record_id, video.times_s, video.fps_hz, np.array(video.quality), record.spo2, **settings["cut"])
    unlabelled = (f"{clips.n_unlabelled} clips left out: too few labels",) if clips.n_unlabelled else ()
    file = f"{record.record_id}.npy"
    items.materialise(key, clips_folder / file)
    rows = [
        ClipRow(
            clip_id=f"{record.record_id}-{window.number:03d}", dataset=record.dataset, subject_id=record.subject_id,
            record_id=record.record_id, scenario=record.scenario, file=file, first_frame=window.first_frame,
            n_frames=window.n_frames, start_s=window.start_s, fps_hz=video.fps_hz, quality=window.quality,
            spo2_percent=window.spo2_percent,
        )
        for window in clips.windows
    ]  # fmt: skip
    return rows, record.notes + video.defects + unlabelled


def _reason(error: TastError) -> str:
    """One line without the record's name, which stands beside it, and without folders, which differ from machine to machine."""
    if isinstance(error, VideoRejected):
        return error.reason
    if isinstance(error, BadInput):
        return f"{Path(error.path).name}: {error.found}; expected {error.expected}"
    return str(error)
