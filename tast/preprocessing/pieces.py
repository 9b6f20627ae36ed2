"""A long video piece by piece: memory does not grow with its length, and a face that is lost costs its own piece alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

from tast.errors import VideoRejected
from tast.pictures import Picture
from tast.records import FaceVideo, SourceFacts
from tast.video.facts import SourceMeter

PIECE_S = 120.0

Made = TypeVar("Made")
Frames = Iterable[tuple[float, Picture]]


@dataclass(frozen=True)
class VideoPieces:
    """The faces of a video's pieces, each made when it is asked for, once; all on one uniform grid of time.

    defects: why they hold less than the file promised, meter: what its frames were; both are whole after the last face.
    """

    faces: Iterable[FaceVideo]
    defects: list[str] = field(default_factory=list)
    meter: SourceMeter | None = None

    def source(self) -> SourceFacts | None:
        return None if self.meter is None else self.meter.facts()


def piece_by_piece(name: str, frames: Frames, make: Callable[[Frames], Made], left_out: list[str]) -> Iterator[Made]:
    """What `make` makes of each PIECE_S of a video's frames (time_s, picture), in order of time.

    A piece that it rejects is left out; left_out says when and why. Raises VideoRejected where all are, for the first's reason.
    """
    refused: list[tuple[float, str]] = []  # when the piece begins, and why
    n_made = 0
    for number, piece in groupby(frames, key=lambda frame: int(frame[0] // PIECE_S)):
        try:
            made = make(piece)
        except VideoRejected as error:
            refused.append((number * PIECE_S, error.reason))
            continue
        n_made += 1
        yield made
    if not n_made:
        raise VideoRejected(name, refused[0][1] if refused else "no frame")
    left_out += [f"{begin_s:g} to {begin_s + PIECE_S:g} s are left out: {reason}" for begin_s, reason in refused]
