"""What a source is, measured while its frames are decoded for something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from tast.pictures import Picture, YuvPicture
from tast.records import FloatArray, SourceFacts
from tast.video.doubles import among_new, repeated
from tast.video.upright import FrameColours, colours_of

DROPPED_AFTER_STEPS = 1.5  # a step longer than so many usual ones has lost frames
NOTED_SHARE = 0.01  # of a video's frames: fewer doubled ones change no ratio and no rate
RATE_TOLERANCE = 0.03  # clocks and headers differ by less; so does a pulse rate that would be noticed
FILLED_SHARES = 0.05, 0.75  # of a video's frames: by chance cameras send fewer twice, beyond it is a still picture (assumed)
EVEN_STEP_SD_MS = 0.55  # times in whole milliseconds, and nothing else
COMPARED_LINES = 8  # every so many lines of two frames are compared
OTHER_SIZE = 255.0  # the difference of pictures that cannot be compared
# Of these equal frames alone count: VP8 to AV1 code one apart every some frames, nearly like the one before; the quantiser of
# Motion JPEG goes up and down, and with it how much the frames of a still scene differ.
UNEVEN_CODECS = ("vp8", "vp9", "av1", "mjpeg")
NO_CODEC = ""  # of frames whose decoder nobody watched, as a camera's: it may well be Motion JPEG
PNG_COLOURS = FrameColours(8, "", full_range=True, transfer="sdr", primaries="bt709", assumed=("primaries", "transfer"), lost="")


class SourceMeter:
    """Sees what one video's decoder sees; `facts` when it has ended, or at any time before."""

    def __init__(self, codec: str = "png") -> None:
        """codec: of frames that come from no container."""
        self._codec, self._subsampling, self._rotation_degrees, self._nominal_hz = codec, "444", 0, 0.0
        self._colours = PNG_COLOURS
        self._size_px = (0, 0)
        self._n_bytes = 0
        self._times_s: list[float] = []
        self._differences: list[float] = []
        self._previous: npt.NDArray[np.generic] | None = None

    def bytes_read(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes

    def stream_began(self, frame: av.VideoFrame, stream: Any) -> None:
        """The first frame of a container's stream."""
        subsampling = next((kind for kind in ("420", "422", "444") if f"{kind}p" in frame.format.name), "")
        rate_hz = float(stream.guessed_rate or 0)
        self.stream_is(stream.codec_context.name, subsampling, round(frame.rotation), rate_hz, colours_of(frame))

    def stream_is(self, codec: str, subsampling: str, rotation_degrees: int, nominal_hz: float, colours: FrameColours) -> None:
        """The same, where somebody else has seen that frame."""
        self._codec, self._subsampling, self._rotation_degrees = codec, subsampling, rotation_degrees
        self._nominal_hz, self._colours = nominal_hz, colours

    def frame_seen(self, time_s: float, picture: Picture) -> None:
        luma = picture.luma if isinstance(picture, YuvPicture) else picture
        self._size_px = luma.shape[1], luma.shape[0]
        lines = luma[::COMPARED_LINES].copy()
        if self._previous is not None:
            alike = lines.shape == self._previous.shape and lines.dtype == self._previous.dtype
            self._differences.append(_difference(lines, self._previous) if alike else OTHER_SIZE)
        self._previous = lines
        self._times_s.append(time_s)

    def watched(self, frames: Iterable[tuple[float, Picture]]) -> Iterator[tuple[float, Picture]]:
        """The frames as they are, each of them seen: for those that `read_pictures` did not read."""
        for time_s, picture in frames:
            self.frame_seen(time_s, picture)
            yield time_s, picture

    def filled_in_s(self, since_s: float = -np.inf) -> FloatArray:
        """(K,) times of the frames seen from since_s on that a recorder filled in with the picture before them."""
        first = int(np.searchsorted(self._times_s, since_s))
        _, filled = self._repeated(np.array(self._differences[first:]))
        return np.array(self._times_s[first + 1 :])[filled]

    def _repeated(self, steps: FloatArray) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Differences (N,) to the frame before, in the file's steps -> (N,) whether a frame shows it once more, and whether a
        recorder did that, not a codec."""
        differences = steps / 2 ** (self._colours.bits - 8)
        doubled = differences == 0 if self._codec in (*UNEVEN_CODECS, NO_CODEC) else repeated(differences)
        return doubled, doubled & among_new(differences)

    def facts(self) -> SourceFacts | None:
        """None where no frame was seen."""
        if not self._times_s:
            return None
        (width_px, height_px), n_frames, steps_s = self._size_px, len(self._times_s), np.diff(self._times_s)
        colours, measured_hz = self._colours, float(1 / steps_s.mean()) if len(steps_s) else 0.0
        doubled, filled = self._repeated(np.array(self._differences))
        return SourceFacts(
            codec=self._codec, width_px=width_px, height_px=height_px,
            bits_per_pixel=round(8 * self._n_bytes / (n_frames * width_px * height_px), 4), bits=colours.bits,
            subsampling=self._subsampling, full_range=colours.full_range, matrix=colours.matrix, transfer=colours.transfer,
            primaries=colours.primaries, rotation_degrees=self._rotation_degrees, nominal_hz=round(self._nominal_hz, 3),
            measured_hz=round(measured_hz, 3), n_frames=n_frames,
            n_dropped=dropped_frames(steps_s), n_doubled=int(doubled.sum()), assumed=colours.assumed,
            step_sd_ms=round(1000 * float(steps_s.std()), 3) if len(steps_s) else 0.0,
            taken_hz=round(measured_hz * (1 - int(filled.sum()) / n_frames), 3),
        )  # fmt: skip


def _difference(lines: npt.NDArray[np.generic], others: npt.NDArray[np.generic]) -> float:
    """Mean absolute difference, in the steps of the file."""
    return float(cv2.absdiff(lines, others).mean())


def doubts(facts: SourceFacts | None) -> tuple[str, ...]:
    """What a reader of the frames should know, a sentence each: that some are no pictures of their own; that the times are
    those of a clock and not of a camera; that the container names another rate than the times have."""
    if facts is None:
        return ()
    found = []
    if facts.n_doubled >= max(NOTED_SHARE * facts.n_frames, 1):
        found.append(f"{facts.n_doubled} of {facts.n_frames} frames show the one before them once more")
    if times_are_a_clocks(facts):
        found.append(
            f"its frames come evenly, at {facts.measured_hz:.4g} Hz, but its camera took about {facts.taken_hz:.4g} pictures a "
            "second: when each was taken is lost"
        )
    if rates_differ(facts):
        true_hz = steady_rate_hz(facts)
        found.append(f"its container announces {facts.nominal_hz:g} Hz, but its frames' times have {true_hz:.4g} Hz")
    return tuple(found)


def times_are_a_clocks(facts: SourceFacts) -> bool:
    """Whether the times, all one step apart, were put there by a recorder that filled in for a slower camera: pictures that come
    twice say so."""
    if facts.step_sd_ms >= EVEN_STEP_SD_MS or not facts.taken_hz:
        return False
    return FILLED_SHARES[0] < 1 - facts.taken_hz / facts.measured_hz < FILLED_SHARES[1]


def rates_differ(facts: SourceFacts) -> bool:
    """Whether the container announces another rate than the times of the frames have, whatever was dropped."""
    steady_hz = steady_rate_hz(facts)
    return facts.nominal_hz > 0 and steady_hz > 0 and abs(facts.nominal_hz / steady_hz - 1) > RATE_TOLERANCE


def steady_rate_hz(facts: SourceFacts) -> float:
    """The rate at which the frames were sent, those included that are missing."""
    return facts.measured_hz * (1 + facts.n_dropped / max(facts.n_frames - 1, 1))


def dropped_frames(steps_s: FloatArray) -> int:
    """Frames missing between those that are there: a step of about k median steps has lost k - 1."""
    if not len(steps_s):
        return 0
    steps = steps_s / np.median(steps_s)
    return int(np.sum(np.round(steps[steps > DROPPED_AFTER_STEPS]) - 1))
