"""From a video record to the clips of its face, through the cache of what was computed before."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tast.clip_store import ClipRow, Defect, Reject
from tast.crew.worker import limited_threads
from tast.errors import BadInput, TastError, VideoRejected
from tast.light import light_path
from tast.preprocessing.align import landmark_model_path
from tast.preprocessing.cache import FRAMES, LIGHT, ItemCache
from tast.preprocessing.cache_lock import used
from tast.preprocessing.clips import cut
from tast.preprocessing.keys import item_key
from tast.preprocessing.mask import mesh_model_paths
from tast.preprocessing.steps import STEPS, Settings, preprocess_video
from tast.provenance import provenance
from tast.pulse_labels import pulse_on_frames, write_pulse
from tast.records import SourceFacts, VideoRecord, VideoSource
from tast.video.facts import doubts

log = logging.getLogger(__name__)

CODE = ("tast.preprocessing.steps", "tast.preprocessing.cache")  # what makes frames of a video, and stores them
THREADS = 1


@dataclass(frozen=True)
class Shard:
    """What became of some records: the rows of their clips, a reason for each that has none, how many were not in the cache.

    defects: of those that have clips, what was met in them and mended or left out. files_sha256: of what was linked from the
    cache into the clips' folder, by name in there.
    """

    rows: tuple[ClipRow, ...]
    rejects: tuple[Reject, ...]
    defects: tuple[Defect, ...]
    n_computed: int
    files_sha256: Mapping[str, str] = field(default_factory=dict)


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


def preprocess_records(records: Sequence[VideoRecord], *, settings: Settings, cache_root: Path, clips_folder: Path) -> Shard:
    """Every record's array file in clips_folder, and the rows of its clips; a record that fails becomes a Reject.

    Runs in one thread, so that as many workers as cores do not oversubscribe them, and sums have the same order everywhere.
    """
    items = ItemCache(cache_root)
    rows: list[ClipRow] = []
    rejects: list[Reject] = []
    defects: list[Defect] = []
    digests: dict[str, str] = {}
    with limited_threads(THREADS):
        for record in records:
            try:
                with used(cache_root):
                    clips, met, files = preprocess_record(record, settings, items, clips_folder)
                rows += clips
                digests |= files
                defects += [Defect(record.record_id, defect) for defect in met]
            except TastError as error:
                log.info("rejected: %s", error)
                rejects.append(Reject(record.record_id, _reason(error)))
    return Shard(tuple(rows), tuple(rejects), tuple(defects), items.n_computed, digests)


def preprocess_record(
    record: VideoRecord, settings: Settings, items: ItemCache, clips_folder: Path
) -> tuple[list[ClipRow], tuple[str, ...], dict[str, str]]:
    """The clips of one record, its defects, and the digests of its files.

    Its frames, cached where known, become <record_id>.npy in clips_folder, its light a file of tast.light, and its pulse wave,
    where there is one, a file of tast.pulse_labels.
    """
    key = key_of(record.video, settings)
    video = items.get_or_compute(key, record.record_id, lambda: preprocess_video(record.record_id, record.video, settings))
    clips = cut(record.record_id, video.times_s, video.fps_hz, np.array(video.quality), record.spo2, **settings["cut"])
    unlabelled = (f"{clips.n_unlabelled} clips left out: too few labels",) if clips.n_unlabelled else ()
    file, light = f"{record.record_id}.npy", light_path(clips_folder, record.record_id)
    items.materialise(key, clips_folder / file)
    items.materialise(key, light, LIGHT)
    digests = {file: video.files_sha256[FRAMES], light.relative_to(clips_folder).as_posix(): video.files_sha256[LIGHT]}
    if record.pulse is not None:
        write_pulse(clips_folder, record.record_id, pulse_on_frames(record.pulse, video.times_s))
    rows = [
        ClipRow(
            clip_id=f"{record.record_id}-{window.number:03d}", dataset=record.dataset, subject_id=record.subject_id,
            record_id=record.record_id, scenario=record.scenario, file=file, first_frame=window.first_frame,
            n_frames=window.n_frames, start_s=window.start_s, fps_hz=video.fps_hz, quality=window.quality,
            spo2_percent=window.spo2_percent,
            spot_sd_percent=record.spo2.spot_sd_percent, camera=record.camera, **_columns(video.source),
        )
        for window in clips.windows
    ]  # fmt: skip
    return rows, record.notes + video.defects + clips.too_short + doubts(video.source) + unlabelled, digests


def key_of(video: VideoSource, settings: Settings) -> str:
    """Of the item that this process makes of a video."""
    pixel_settings = {name: dict(settings[name]) for name in ("align", *STEPS)}
    return item_key(video, pixel_settings, computed_by(), (landmark_model_path(), *mesh_model_paths()))


def _columns(source: SourceFacts | None) -> dict[str, Any]:
    """What a clip's row keeps of its video's source."""
    if source is None:
        return {}
    kept = {name: getattr(source, name) for name in ("codec", "bits_per_pixel", "bits", "transfer")}
    return kept | {"assumed": " ".join(source.assumed)}


@cache
def computed_by() -> dict[str, Any]:
    """Code, threads, instruction set and libraries that the frames come from; as they were when this process first asked."""
    return provenance(*CODE, threads=THREADS)


def _reason(error: TastError) -> str:
    """One line without the record's name, which stands beside it, and without folders, which differ from machine to machine."""
    if isinstance(error, VideoRejected):
        return error.reason
    if isinstance(error, BadInput):
        return f"{Path(error.path).name}: {error.found}; expected {error.expected}"
    return str(error)
