"""The values that flow between the rooms, each checking its own shapes when it is built.

reader -> VideoRecord -> align -> FaceVideo -> mask -> FaceVideo -> magnify -> FaceVideo -> cut -> Clip -> ... -> Scores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _increasing(times_s: FloatArray) -> bool:
    return bool(np.all(np.diff(times_s) > 0))


@dataclass(frozen=True, eq=False, repr=False)
class Spo2Trace:
    """What an oximeter said.

    times_s: (N,) seconds on the clock of the video's frames, increasing.
    percent: (N,) SpO2 in percent; NaN where the reading is masked (fault code, probe off, out of range).
    spot_sd_percent: None for a trace. A number where there is one reading, not taken during the video: a label of the whole
    recording, that many points uncertain (1 SD), which says nothing of how SpO2 moved within it; times_s is then [0].
    """

    times_s: FloatArray
    percent: FloatArray
    spot_sd_percent: float | None = None

    def __post_init__(self) -> None:
        _require(self.times_s.ndim == 1 and self.times_s.shape == self.percent.shape, "times_s and percent must both be (N,)")
        _require(_increasing(self.times_s), "times_s of an SpO2 trace must increase")
        if self.spot_sd_percent is not None:
            _require(len(self.percent) == 1 and bool(np.isfinite(self.percent[0])), "a spot reading is one, and known")

    def __repr__(self) -> str:
        if self.spot_sd_percent is not None:
            return f"Spo2Trace(one spot reading, {self.percent[0]:g} +- {self.spot_sd_percent:g} %)"
        return f"Spo2Trace({len(self.times_s)} readings, {int(np.isnan(self.percent).sum())} masked)"


@dataclass(frozen=True, eq=False, repr=False)
class PulseTrace:
    """The contact pulse wave beside a video: times_s (N,) in seconds, value (N,) in arbitrary units."""

    times_s: FloatArray
    value: FloatArray

    def __post_init__(self) -> None:
        _require(self.times_s.ndim == 1 and self.times_s.shape == self.value.shape, "times_s and value must both be (N,)")

    def __repr__(self) -> str:
        return f"PulseTrace({len(self.times_s)} samples)"


@dataclass(frozen=True, eq=False, repr=False)
class PulseRateTrace:
    """The pulse rate that the oximeter showed: times_s (N,) in seconds, per_minute (N,), NaN where the reading is masked."""

    times_s: FloatArray
    per_minute: FloatArray

    def __post_init__(self) -> None:
        _require(
            self.times_s.ndim == 1 and self.times_s.shape == self.per_minute.shape, "times_s and per_minute must both be (N,)"
        )

    def __repr__(self) -> str:
        return f"PulseRateTrace({len(self.times_s)} readings)"


@dataclass(frozen=True, eq=False, repr=False)
class VideoSource:
    """Where the frames are and when each was taken.

    path: a folder of images or a container file.
    frame_files: names inside the folder, in order of time; None for a container.
    frame_times_s: (T,) true time stamps in seconds, increasing; None where only the container's own are known.
    times_are_estimated: True where the data set has no time stamps and a rate had to be inferred.
    """

    path: Path
    frame_files: tuple[str, ...] | None = None
    frame_times_s: FloatArray | None = None
    times_are_estimated: bool = False

    def __post_init__(self) -> None:
        if self.frame_times_s is not None:
            _require(_increasing(self.frame_times_s), f"{self.path}: frame time stamps must increase")
            if self.frame_files is not None:
                _require(len(self.frame_files) == len(self.frame_times_s), f"{self.path}: as many time stamps as frames")

    def __repr__(self) -> str:
        n = "?" if self.frame_times_s is None else len(self.frame_times_s)
        return f"VideoSource({self.path.name}, {n} frames)"


@dataclass(frozen=True)
class SourceFacts:
    """What a video is made of, as it was decoded; of a video that breaks off, of its good part.

    codec: FFmpeg's name. bits_per_pixel: what a pixel of a frame took on average. bits: of a sample. subsampling: "420", "422",
    "444", "" where it is none of these. matrix, transfer, primaries: as in tast.video.transfer; matrix "" where it is RGB.
    nominal_hz: what the container announces, 0 where it announces nothing; measured_hz: frames less one over their time.
    n_dropped: frames that are missing between those that are there. n_doubled: frames that show the one before them once more
    (see tast.video.doubles). assumed: what the file does not declare. step_sd_ms: spread of the time between frames. taken_hz:
    pictures of their own a second, less than measured_hz where a recorder repeated some; 0 where that is not known.
    """

    codec: str
    width_px: int
    height_px: int
    bits_per_pixel: float
    bits: int
    subsampling: str
    full_range: bool
    matrix: str
    transfer: str
    primaries: str
    rotation_degrees: int
    nominal_hz: float
    measured_hz: float
    n_frames: int
    n_dropped: int
    n_doubled: int
    assumed: tuple[str, ...] = ()
    step_sd_ms: float = 0.0
    taken_hz: float = 0.0

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Of the fields as JSON gives them back."""
        return cls(**{**fields, "assumed": tuple(fields["assumed"])})


FITZPATRICK = ("I", "II", "III", "IV", "V", "VI")  # skin types, from the fairest to the darkest


@dataclass(frozen=True, eq=False)
class VideoRecord:
    """One recording of one subject, as every reader yields it.

    spo2, pulse, pulse_rate and video.frame_times_s share one clock. `scenario` is the data set's own name of the
    condition (a setup of PURE, a scenario of VIPL-HR); `camera` its source; `skin_type` the person's, one of FITZPATRICK
    where it is known. `notes` names defects that were met and mended.
    """

    dataset: str
    subject_id: str
    scenario: str
    record_id: str
    video: VideoSource
    spo2: Spo2Trace
    pulse: PulseTrace | None = None
    pulse_rate: PulseRateTrace | None = None
    camera: str = ""
    skin_type: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Surroundings:
    """What lies around the face, frame by frame, of all frames of a video, those without a face included.

    times_s: (N,) seconds, increasing. background: (N, 3) mean RGB, 0 to 255, of what is neither face nor hair nor below them, NaN
    where the face leaves too little. place: (N, 3) x and y in pixels of what is between the eyes, and the distance of the eyes;
    NaN where no face was seen. repeated: (N,) whether the frame shows the one before it once more.
    """

    times_s: FloatArray
    background: FloatArray
    place: FloatArray
    repeated: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        n_frames = len(self.times_s)
        _require(self.background.shape == (n_frames, 3), f"background must be ({n_frames}, 3), not {self.background.shape}")
        _require(self.place.shape == (n_frames, 3), f"place must be ({n_frames}, 3), not {self.place.shape}")
        _require(self.repeated.shape == (n_frames,), f"repeated must be ({n_frames},), not {self.repeated.shape}")

    def __repr__(self) -> str:
        return f"Surroundings({len(self.times_s)} frames)"


@dataclass(frozen=True, eq=False, repr=False)
class FaceLight:
    """How bright a face and what lies behind it are, frame by frame, before anything is magnified.

    skin: (T, 3) mean RGB, 0 to 255, of the masked face. background: (T, 3) as in Surroundings, NaN where it is unknown.
    """

    skin: FloatArray
    background: FloatArray

    def __post_init__(self) -> None:
        _require(self.skin.ndim == 2 and self.skin.shape[1] == 3, f"skin must be (T, 3), not {self.skin.shape}")
        _require(self.background.shape == self.skin.shape, f"background must be {self.skin.shape}, not {self.background.shape}")

    def __len__(self) -> int:
        return len(self.skin)

    def __getitem__(self, frames: slice) -> FaceLight:
        return FaceLight(self.skin[frames], self.background[frames])

    def __repr__(self) -> str:
        return f"FaceLight({len(self)} frames)"


@dataclass(frozen=True, eq=False, repr=False)
class FaceVideo:
    """A face in a fixed region of interest (ROI), frame by frame.

    frames: (T, H, W, 3) RGB; uint8 until magnified, float after. Outside the mask exactly 0, once masked.
    times_s: (T,) seconds, increasing.
    quality: (T,) 1 where the face was found in that very frame, 0 where it was bridged from its neighbours.
    notes: what the steps counted. surroundings: of its frames as they were taken, on a clock of their own; None where it was
    cached. light: on times_s, once masked.
    """

    record_id: str
    frames: npt.NDArray[np.generic]
    times_s: FloatArray
    quality: FloatArray
    notes: dict[str, float] = field(default_factory=dict)
    surroundings: Surroundings | None = None
    light: FaceLight | None = None

    def __post_init__(self) -> None:
        _require(self.frames.ndim == 4 and self.frames.shape[3] == 3, f"frames must be (T, H, W, 3), not {self.frames.shape}")
        _require(self.times_s.shape == (len(self.frames),), "times_s must be (T,)")
        _require(self.quality.shape == (len(self.frames),), "quality must be (T,)")
        _require(self.light is None or len(self.light) == len(self.frames), "light must be that of the frames")
        _require(_increasing(self.times_s), "times_s of a face video must increase")

    def __repr__(self) -> str:
        return f"FaceVideo({self.record_id}, {'x'.join(map(str, self.frames.shape))} {self.frames.dtype})"


@dataclass(frozen=True, eq=False, repr=False)
class Clip:
    """A window of a face video with one label per second.

    frames: (T, H, W, 3) RGB at fps_hz; spo2_percent: (S,) one label per second of the window, NaN where unknown.
    """

    clip_id: str
    dataset: str
    record_id: str
    subject_id: str
    scenario: str
    start_s: float
    fps_hz: float
    frames: npt.NDArray[np.generic]
    spo2_percent: FloatArray
    quality: float

    def __post_init__(self) -> None:
        _require(self.frames.ndim == 4 and self.frames.shape[3] == 3, f"frames must be (T, H, W, 3), not {self.frames.shape}")
        _require(self.spo2_percent.ndim == 1, "spo2_percent must be (S,)")

    def __repr__(self) -> str:
        return f"Clip({self.clip_id}, {'x'.join(map(str, self.frames.shape))} {self.frames.dtype}, {len(self.spo2_percent)} s)"
