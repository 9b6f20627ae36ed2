"""Many videos over processes: each becomes a trace or a refusal, and none stops the others."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import cv2
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from tast.datasets.layout import reason_below
from tast.errors import TastError
from tast.prediction.predict import predict_video
from tast.prediction.sources import NamedVideo, video_source
from tast.prediction.trace import PredictedTrace
from tast.saved_model import ModelCard, load_model
from tast.worker_processes import end_with_parent


@dataclass(frozen=True)
class Refusal:
    """A video without a trace, and why."""

    name: str
    reason: str


Outcome = PredictedTrace | Refusal


def predict_videos(
    videos: Sequence[NamedVideo], model_folder: Path, *, min_quality: float, workers: int,
    on_outcome: Callable[[NamedVideo, Outcome], None], largest_face: bool = False,
) -> list[Outcome]:  # fmt: skip
    """What became of each video, in their order, the same for any number of workers; on_outcome hears of each as it is done.

    One worker: in this process. Raises BadInput where the model cannot be loaded, TastError when a worker process is killed (by
    the kernel for its memory, most often).
    """
    load_model(model_folder)  # a model that is none is told once, before any work
    predict_one = partial(_outcome, model_folder=model_folder, min_quality=min_quality, largest_face=largest_face)
    outcomes: dict[int, Outcome] = {}
    for number, outcome in _as_done(predict_one, videos, min(workers, len(videos))):
        outcomes[number] = outcome
        on_outcome(videos[number], outcome)
    return [outcomes[number] for number in range(len(videos))]


def _as_done(
    predict_one: Callable[[NamedVideo], Outcome], videos: Sequence[NamedVideo], workers: int
) -> Iterator[tuple[int, Outcome]]:
    """(place of the video, its outcome) in order of completion."""
    if workers == 1:
        one_thread()
        yield from enumerate(map(predict_one, videos))
        return
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)
    try:
        places = {pool.submit(predict_one, video): number for number, video in enumerate(videos)}
        for done in as_completed(places):
            yield places[done], done.result()
    except BrokenProcessPool:
        raise TastError("a worker process was killed (out of memory?); use fewer workers, or shorter videos") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    end_with_parent()
    one_thread()


def one_thread() -> None:
    """This process computes on one thread from now on: the order of sums is the same everywhere, and workers do not get in each
    other's way."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    threadpool_limits(1)


def _outcome(video: NamedVideo, *, model_folder: Path, min_quality: float, largest_face: bool) -> Outcome:
    model, card = _loaded(model_folder)
    try:
        source, notes = video_source(video.path)
        trace = predict_video(video.name, source, model, card, min_quality=min_quality, largest_face=largest_face)
    except TastError as error:
        return Refusal(video.name, reason_below(video.path.parent, error))
    return replace(trace, notes=notes + trace.notes)


@lru_cache(maxsize=1)
def _loaded(model_folder: Path) -> tuple[nn.Module, ModelCard]:
    """Once per process."""
    return load_model(model_folder)
