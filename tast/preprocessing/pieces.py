"""A long video piece by piece: memory does not grow with its length, and a face that is lost costs its own piece alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from tast.errors import VideoRejected
from tast.pictures import Picture
from tast.records import FaceVideo, SourceFacts
from tast.video.facts import SourceMeter

PIECE_S = 120.0

Made = TypeVar("Made")
Frame = tuple[float, Picture]
Frames = Iterable[Frame]


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

    The first frame of the next piece ends each: up to it the last second is whole, at any rate.

    A piece that it rejects is left out; left_out says when and why. Raises VideoRejected where all are, for the first's reason.
    """
    refused: list[tuple[float, str]] = []  # when the piece begins, and why
    n_made = 0
    for number, piece in _pieces(iter(frames)):
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


def _pieces(frames: Iterator[Frame]) -> Iterator[tuple[int, Iterator[Frame]]]:
    """(number, frames) of each; what is not asked for of one is passed over."""
    following = list(islice(frames, 1))
    while following:
        first = following.pop()
        number = int(first[0] // PIECE_S)
        piece = _one_piece(first, frames, number, following)
        yield number, piece
        deque(piece, maxlen=0)


def _one_piece(first: Frame, frames: Iterator[Frame], number: int, following: list[Frame]) -> Iterator[Frame]:
    yield first
    for frame in frames:
        if int(frame[0] // PIECE_S) != number:
            following.append(frame)
            yield frame
            return
        yield frame
