"""What is done to the frames of a recording before they are coded: its light, its colours, what gets lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from tast.phantom.delivery import arrivals, delivered
from tast.records import FloatArray
from tast.video.write_coded import Timed

Frames = list[Timed]
Change = Callable[[Frames], Frames]
NEW_SHARE = 0.3


def changed_light(gain: Callable[[FloatArray], FloatArray]) -> Change:
    """gain: times (T,) -> (T, 3) or (T, 1) factor on all of the picture."""

    def change(frames: Frames) -> Frames:
        gains = gain(np.array([time_s for time_s, _ in frames]))
        random = np.random.default_rng(3)
        return [
            (time_s, np.clip(picture * factor + random.random(picture.shape), 0, 255).astype(np.uint8))
            for (time_s, picture), factor in zip(frames, gains, strict=True)
        ]

    return change


def _column(values: FloatArray) -> FloatArray:
    return np.asarray(values[:, None])


def slow_lamp(rate_hz: float) -> Callable[[FloatArray], FloatArray]:
    """Its light swings by 2 % either way."""
    return lambda times_s: _column(1 + 0.02 * np.sin(2 * np.pi * rate_hz * times_s))


def hunting(times_s: FloatArray) -> FloatArray:
    return _column(1 + 0.15 * np.sign(np.sin(2 * np.pi * 0.25 * times_s)))


def stepping_white(times_s: FloatArray) -> FloatArray:
    """To and fro, every two seconds."""
    return _warm_or_cold(np.sin(2 * np.pi * 0.25 * times_s))


def white_step(times_s: FloatArray) -> FloatArray:
    """Once, half-way."""
    return _warm_or_cold(times_s - (times_s[0] + times_s[-1]) / 2)


def _warm_or_cold(side: FloatArray) -> FloatArray:
    """Red and blue 6 % above and below what they are without, or the other way round: steps of 12 %."""
    warm = 0.06 * np.sign(side)
    return np.stack([1 + warm, np.ones_like(warm), 1 - warm], axis=1)


def grey(frames: Frames) -> Frames:
    return [(time_s, np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)) for time_s, picture in frames]


def infrared(frames: Frames) -> Frames:
    """Green's wave in three channels, tinted."""
    tint = np.array([0.95, 0.8, 0.95])
    return [(time_s, (picture[..., 1:2] * tint + 0.5).astype(np.uint8)) for time_s, picture in frames]


def still(frames: Frames) -> Frames:
    random, first = np.random.default_rng(5), frames[0][1].astype(np.float32)
    return [
        (time_s, np.clip(first + 1.5 * random.standard_normal(first.shape, dtype=np.float32), 0, 255).astype(np.uint8))
        for time_s, _ in frames
    ]


def exchanged(frames: Frames) -> Frames:
    return [(time_s, np.ascontiguousarray(picture[..., ::-1])) for time_s, picture in frames]


def lossy(frames: Frames) -> Frames:
    count = len(frames)
    return list(delivered(frames, arrivals(count, lost=range(4, count, 7), doubled=range(6, count, 7))))


def half_cut_off(frames: Frames) -> Frames:
    """So bright that of half of the face's middle a channel is at its limit."""
    height, width = frames[0][1].shape[:2]
    middle = frames[0][1][height // 4 : height * 5 // 8, width * 3 // 8 : width * 5 // 8]
    factor = 255 / float(np.median(middle.max(axis=2)))
    return changed_light(lambda times_s: np.full((len(times_s), 1), factor))(frames)


def denoised(frames: Frames) -> Frames:
    """As cameras and players do it: of each pixel, NEW_SHARE is what it is now and the rest what was shown before."""
    result: Frames = []
    past = frames[0][1].astype(np.float32)
    for time_s, picture in frames:
        past += NEW_SHARE * (picture - past)
        result.append((time_s, np.rint(past).astype(np.uint8)))
    return result


def deep(frames: Iterable[Timed], bits: int) -> Iterator[Timed]:
    """The same grey levels in so many bits."""
    for time_s, rgb in frames:
        yield time_s, rgb if bits == 8 else np.rint(rgb * (1023 / 255)).astype(np.uint16)
