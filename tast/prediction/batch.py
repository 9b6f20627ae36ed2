"""Many videos over processes: each becomes a trace or a refusal, and none stops the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import pandas as pd
from torch import nn

from tast.clip_store import Reject
from tast.crew.each import do_each
from tast.datasets.layout import reason_below
from tast.errors import TastError
from tast.prediction.asked import AskedOfEach
from tast.prediction.calibrating import seconds_of
from tast.prediction.predict import predict_video, read_video
from tast.prediction.sources import NamedVideo, video_source
from tast.prediction.trace import PredictedTrace
from tast.records import VideoRecord
from tast.saved_model import ModelCard, load_model


@dataclass(frozen=True)
class Refusal:
    """A video without a trace, and why."""

    name: str
    reason: str


Outcome = PredictedTrace | Refusal


def predict_videos(
    videos: Sequence[NamedVideo], model_folder: Path, asked: AskedOfEach, *, workers: int,
    on_outcome: Callable[[NamedVideo, Outcome], None], memory_gb: float | None = None,
) -> list[Outcome]:  # fmt: skip
    """What became of each video, in their order, the same for any number of workers; on_outcome hears of each as it is done.

    Each worker computes on one thread. memory_gb: of each; a video whose worker is killed, for its memory or otherwise, is tried
    once more, and refused if that one is killed too. In this process: a single video, and all where one worker has no such limit.
    Raises BadInput where the model cannot be loaded.
    """
    load_model(model_folder)  # a model that is none is told once, before any work
    return do_each(
        partial(_outcome, model_folder=model_folder, asked=asked),
        videos,
        workers=workers,
        memory_gb=memory_gb if len(videos) > 1 else None,
        on_result=lambda number, outcome: on_outcome(videos[number], outcome),
        lost=lambda video, reason: Refusal(video.name, reason),
    )


def _outcome(video: NamedVideo, *, model_folder: Path, asked: AskedOfEach) -> Outcome:
    model, card = _loaded(model_folder)
    try:
        source, notes = video_source(video.path)
        trace = predict_video(video.name, source, model, card, asked.of(video.name))
    except TastError as error:
        return Refusal(video.name, reason_below(video.path.parent, error))
    return replace(trace, notes=notes + trace.notes)


def read_recording(record: VideoRecord, *, model_folder: Path, min_quality: float) -> pd.DataFrame | Reject:
    """What is read of a recording with an oximeter beside it, see tast.prediction.calibrating.seconds_of; or why it is not."""
    model, card = _loaded(model_folder)
    try:
        trace = read_video(record.record_id, record.video, model, card, min_quality=min_quality)
    except TastError as error:
        return Reject(record.record_id, reason_below(record.video.path.parent, error))
    return seconds_of(record, trace, float(card.preprocessing["label_delay_s"]))


@lru_cache(maxsize=1)
def _loaded(model_folder: Path) -> tuple[nn.Module, ModelCard]:
    """Once per process."""
    return load_model(model_folder)
