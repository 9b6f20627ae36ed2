"""From a video on disk to the masked, magnified frames of its face: the one place where the order of the steps is written.

What this module imports is all the code that decides a pixel: with the settings, the key of the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tast.pictures import Picture
from tast.preprocessing.align import align
from tast.preprocessing.magnify import magnify
from tast.preprocessing.mask import mask
from tast.preprocessing.resample import decimate, own_pictures, resample, shrink
from tast.records import FaceVideo, VideoSource
from tast.video.facts import NO_CODEC, SourceMeter
from tast.video.read import read_pictures

Settings = Mapping[str, Mapping[str, Any]]  # name of a step -> its keyword arguments

STEPS: dict[str, Callable[..., FaceVideo]] = {  # after align, which makes the first FaceVideo
    "mask": mask,
    "shrink": shrink,
    "resample": resample,
    "magnify": magnify,
    "decimate": decimate,
}


def preprocess_video(record_id: str, source: VideoSource, settings: Settings) -> FaceVideo:
    """A video on disk -> (T, size_px, size_px, 3) float16, masked and magnified, on a uniform grid of time.

    Of a video that breaks off, the good part; its defects say where. Raises VideoRejected where the video cannot be used,
    BadInput where it cannot be read.
    """
    defects: list[str] = []
    meter = SourceMeter()
    face = preprocess_frames(record_id, read_pictures(source, defects, meter=meter), settings, meter)
    return replace(face, defects=tuple(defects), source=meter.facts())


def preprocess_frames(
    record_id: str, frames: Iterable[tuple[float, Picture]], settings: Settings, meter: SourceMeter | None = None
) -> FaceVideo:
    """The steps themselves, on frames (time_s, picture, RGB or YUV) from anywhere."""
    for _, face in after_each_step(record_id, frames, settings, meter):
        done = face
    return done


def after_each_step(
    record_id: str, frames: Iterable[tuple[float, Picture]], settings: Settings, meter: SourceMeter | None = None
) -> Iterator[tuple[str, FaceVideo]]:
    """(name of the step, the face after it): align, then the STEPS in order.

    Frames that a recorder filled in with the picture before them are left out once the face is aligned: whether they are is
    known by those that follow. meter: what sees the frames as they are decoded; None: they are looked at here, and only equal
    ones count.
    """
    if meter is None:
        meter = SourceMeter(NO_CODEC)
        frames = meter.watched(frames)
    face = align(frames, record_id, **settings["align"])
    face = own_pictures(face, meter.filled_in_s(since_s=face.times_s[0]))
    yield "align", face
    for name, step in STEPS.items():
        face = step(face, **settings[name])
        yield name, face
