"""SpO2 of a video that grows while it is read: part by part as its frames come, and then whole, which alone counts.

A part sees its own frames alone, so what it reads is a first look: filters begin anew in it. Then the whole is read once more as
`tast predict` reads it, which takes the same time again, and gives the same numbers as that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from torch import nn

from tast.errors import VideoRejected
from tast.pictures import Picture
from tast.prediction.asked import PLAIN, Asked
from tast.prediction.predict import ReadsPictures, delivered, predict_video, read_frames, require_readable
from tast.prediction.trace import PredictedTrace, joined
from tast.records import VideoSource
from tast.saved_model import ModelCard
from tast.video.facts import SourceMeter
from tast.video.images import MAX_PIXELS
from tast.video.read import read_pictures

PART_S = 12.0  # a whole number of them is a piece that the whole is read in


@dataclass(frozen=True)
class Growth:
    """read_s: how far the video was read, of length_s, which is None as long as that is not known. trace: what is delivered of
    that; None while nothing is. reason: why nothing can be told of it yet, or of its latest part."""

    read_s: float
    length_s: float | None = None
    trace: PredictedTrace | None = None
    reason: str = ""


def predict_growing(
    name: str, video: VideoSource, model: nn.Module, card: ModelCard, asked: Asked = PLAIN, *,
    on_growth: Callable[[Growth], None], max_pixels: int = MAX_PIXELS, watch: Callable[[], None] = lambda: None,
    pictures: ReadsPictures = read_pictures,
) -> PredictedTrace:  # fmt: skip
    """The trace that predict_video gives, and raises as it does. on_growth: hears of each second that is read, and of each part.

    What the first look cannot read, the whole decides.
    """
    meter = SourceMeter()
    parts: list[PredictedTrace] = []
    read_s = 0.0
    frames = _told(pictures(video, [], max_pixels=max_pixels, meter=meter), lambda second: on_growth(Growth(second)))
    for number, part in groupby(frames, key=lambda frame: int(frame[0] // PART_S)):
        seen = _LastTime(part)
        reason = ""
        try:
            parts.append(read_frames(
                name, seen, model, card, min_quality=0, largest_face=asked.largest_face, watch=watch, meter=meter
            ))  # fmt: skip
        except VideoRejected as error:
            for _ in seen:  # the rest of a part that is given up
                watch()
            is_short_end = number > 0 and seen.time_s - number * PART_S < float(card.preprocessing["clips"]["length_s"])
            reason = "" if is_short_end else f"{number * PART_S:g} to {seen.time_s:.0f} s: {error.reason}"
        read_s = seen.time_s
        on_growth(_growth(parts, asked, read_s, reason))

    def whole(*arguments: object, **options: object) -> Iterator[tuple[float, Picture]]:
        again = pictures(*arguments, **options)
        return _told(again, lambda second: on_growth(Growth(second, read_s)))

    return predict_video(name, video, model, card, asked, max_pixels=max_pixels, watch=watch, pictures=whole)


def _growth(parts: list[PredictedTrace], asked: Asked, read_s: float, reason: str) -> Growth:
    if not parts:
        return Growth(read_s, reason=reason)
    try:
        so_far = joined(parts)
        require_readable(so_far, asked.min_quality)
        return Growth(read_s, trace=delivered(so_far, asked), reason=reason)
    except VideoRejected as error:  # no percentage of it is known, or not yet: an anchor may come later
        return Growth(read_s, reason=reason or error.reason)


def _told(frames: Iterable[tuple[float, Picture]], on_second: Callable[[float], None]) -> Iterator[tuple[float, Picture]]:
    """The same frames; on_second hears of each whole second that is passed."""
    heard = 0
    for frame in frames:
        if frame[0] >= heard + 1:
            heard = int(frame[0])
            on_second(float(heard))
        yield frame


class _LastTime:
    """Frames, and the time of the last one that was taken."""

    def __init__(self, frames: Iterator[tuple[float, Picture]]) -> None:
        self._frames, self.time_s = frames, 0.0

    def __iter__(self) -> Iterator[tuple[float, Picture]]:
        for frame in self._frames:
            self.time_s = frame[0]
            yield frame
