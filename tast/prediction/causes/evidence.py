"""What the causes of a wrong reading are measured on, gathered while a face goes through preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.pictures import Picture
from tast.prediction.causes.frozen import FrozenBlocks
from tast.preprocessing.light import on_grid
from tast.preprocessing.pose import roi_pose
from tast.records import FaceVideo, FloatArray
from tast.seconds import overlap_mean, window_starts

OVEREXPOSED_LEVEL = 250  # of 255
FACE_HALF_AXES = (0.9, 1.1)  # of the ellipse that is asked for over-exposure, in eye distances about the middle of eyes and mouth
FACE_MIDDLE = 0 + 0.5j
SHOWN_EVERY = 5  # frames


@dataclass(frozen=True, eq=False)
class Evidence:
    """One piece of a video, on the uniform grid of its face, T frames at fps_hz; windows of length_s begin with every second.

    skin: (T, 3) mean RGB, 0 to 255, of the masked face, before it is magnified. background: (T, 3) as in Surroundings, NaN where
    unknown. place: (T, 3) x, y in pixels between the eyes, and their distance. overexposed: (T,) share of the face's pixels
    that the sensor cuts off. frame_times_s (N,), repeated (N,): of the camera's frames themselves, seconds since the first of
    the T. frozen: (T,) share of the face's blocks of chroma that a codec left as they were; NaN where unknown. pulse_share (S,),
    pulse_per_minute (S,): as in PredictedTrace.
    """

    fps_hz: float
    length_s: int
    skin: FloatArray
    background: FloatArray
    place: FloatArray
    overexposed: FloatArray
    frame_times_s: FloatArray
    repeated: npt.NDArray[np.bool_]
    frozen: FloatArray
    pulse_share: FloatArray
    pulse_per_minute: FloatArray

    @property
    def n_seconds(self) -> int:
        return len(self.pulse_share)

    def over_windows(self, measure: Callable[[FloatArray, FloatArray], float]) -> FloatArray:
        """(S,) mean over the windows that show a second of measure(skin (L, 3), background (L, 3)); NaN where one is."""
        n_frames = round(self.length_s * self.fps_hz)
        windows = [slice(first, first + n_frames) for first in window_starts(len(self.skin), self.fps_hz, n_frames)]
        values = np.array([measure(self.skin[window], self.background[window]) for window in windows])
        return overlap_mean(np.repeat(values[:, None], self.length_s, axis=1))

    def per_second(self, values: FloatArray, of_each: Callable[[FloatArray], float], *, beyond_s: float = 0.0) -> FloatArray:
        """(S,) of_each second's values, of (T,); of beyond_s before and after it as well."""
        edges = [self.fps_hz * second for second in range(self.n_seconds)]
        reach = beyond_s * self.fps_hz
        return np.array([
            of_each(values[max(round(edge - reach), 0) : round(edge + self.fps_hz + reach)]) for edge in edges
        ])  # fmt: skip


class Gathering:
    """Sees the frames, and the face after each step of preprocessing."""

    def __init__(self) -> None:
        self._overexposed: tuple[FloatArray, FloatArray] = np.zeros(1), np.zeros(1)  # at times_s
        self._blocks = FrozenBlocks()

    def watched(self, frames: Iterable[tuple[float, Picture]]) -> Iterator[tuple[float, Picture]]:
        return self._blocks.watched(frames)

    def take(self, step: str, face: FaceVideo) -> None:
        if step == "align":
            self._overexposed = face.times_s[::SHOWN_EVERY], overexposed_share(face.frames[::SHOWN_EVERY])

    def evidence(
        self, face: FaceVideo, fps_hz: float, length_s: int, pulse_share: FloatArray, pulse_per_minute: FloatArray
    ) -> Evidence:
        """face: after the last step. Raises ValueError for one that has no surroundings, as one that was cached."""
        around, light, grid_s = face.surroundings, face.light, face.times_s
        if around is None or light is None:
            raise ValueError(f"{face.record_id} has no surroundings; expected a face that was aligned in this process")
        spanned = (around.times_s >= grid_s[0]) & (around.times_s <= grid_s[-1])
        shown_s, overexposed = self._overexposed
        compared_s, frozen = self._blocks.share(around.place, around.times_s)
        known = np.isfinite(frozen)
        return Evidence(
            fps_hz=fps_hz,
            length_s=length_s,
            skin=light.skin,
            background=light.background,
            place=on_grid(around.place, around.times_s, grid_s),
            overexposed=on_grid(overexposed, shown_s, grid_s),
            frame_times_s=around.times_s[spanned] - grid_s[0],
            repeated=around.repeated[spanned],
            frozen=on_grid(frozen[known], compared_s[known], grid_s) if known.any() else np.full(len(grid_s), np.nan),
            pulse_share=pulse_share,
            pulse_per_minute=pulse_per_minute,
        )


def overexposed_share(aligned: npt.NDArray[np.generic]) -> FloatArray:
    """Aligned frames (T, S, S, 3) -> (T,) share of the face's middle in which a channel is at the sensor's limit."""
    size_px = aligned.shape[1]
    to_face = roi_pose(size_px).inverse()
    x, y = np.meshgrid(np.arange(size_px), np.arange(size_px))
    face = to_face.turn * (x + 1j * y) + to_face.centre_px - FACE_MIDDLE
    inside = (face.real / FACE_HALF_AXES[0]) ** 2 + (face.imag / FACE_HALF_AXES[1]) ** 2 <= 1
    return np.array([(frame[inside] >= OVEREXPOSED_LEVEL).any(axis=-1).mean() for frame in aligned], dtype=np.float64)
