"""From a video on disk to the masked, magnified frames of its face: the one place where the order of the steps is written.

What this module imports is all the code that decides a pixel: with the settings, the key of the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tast.pictures import Picture
from tast.preprocessing.align import align
from tast.preprocessing.magnify import magnify
from tast.preprocessing.mask import mask
from tast.preprocessing.pieces import VideoPieces, piece_by_piece
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


def preprocess_video(record_id: str, source: VideoSource, settings: Settings) -> VideoPieces:
    """A video on disk -> (T, size_px, size_px, 3) float16 of each of its pieces, masked and magnified, on one uniform grid.

    Of a video that breaks off, the good part; of one whose face is lost, the other pieces; its defects say so. While the faces
    are asked for VideoRejected is raised where none of the video can be used, BadInput where it cannot be read.
    """
    defects: list[str] = []
    meter = SourceMeter()
    frames = read_pictures(source, defects, meter=meter)
    return VideoPieces(_faces(record_id, frames, settings, meter, defects), defects, meter)


def _faces(
    record_id: str, frames: Iterable[tuple[float, Picture]], settings: Settings, meter: SourceMeter, left_out: list[str]
) -> Iterator[FaceVideo]:
    grid_from_s: float | None = None

    def face_of(piece: Iterable[tuple[float, Picture]]) -> FaceVideo:
        on_grid = {**settings, "resample": {**settings["resample"], "grid_from_s": grid_from_s}}
        return preprocess_frames(record_id, piece, on_grid, meter)

    for face in piece_by_piece(record_id, frames, face_of, left_out):
        grid_from_s = float(face.times_s[0]) if grid_from_s is None else grid_from_s
        yield face


def preprocess_frames(
    record_id: str, frames: Iterable[tuple[float, Picture]], settings: Settings, meter: SourceMeter | None = None
) -> FaceVideo:
    """The steps themselves, on frames (time_s, picture, RGB or YUV) from anywhere: all in memory, as one piece."""
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
