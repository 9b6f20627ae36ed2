"""A camera's profile, how one model reads under one camera and lamp: what it is, its file, and which video has which.

    SpO2 = gain * read + level        read: what the model follows a change by (tast.training.change_reader)

tast.prediction.calibrating learns it and reads by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tast.datasets.tables import read_columns
from tast.errors import BadInput, TastError, VideoRejected
from tast.prediction.kept import kept_bytes, read_kept, write_kept
from tast.records import FloatArray
from tast.training.anchored_interval import AnchoredInterval
from tast.training.interval import PredictionInterval

EXPECTED = "a profile that `tast calibrate` made of this model"
BEYOND_PERCENT = 4.0  # from what was seen
TABLE = ("video", "profile")  # columns of a table of profiles


@dataclass(frozen=True)
class CameraProfile:
    """gain, level_percent: see above. interval, anchored_interval: how far calibrated predictions may be off, from recordings
    left out. person: whose profile it is, where there was one person alone; else "". lowest_percent, highest_percent: SpO2 that
    was seen. n_recordings: it was learnt from."""

    gain: float
    level_percent: float
    interval: PredictionInterval
    anchored_interval: AnchoredInterval | None
    lowest_percent: float
    highest_percent: float
    person: str
    n_recordings: int

    def __post_init__(self) -> None:
        if self.gain <= 0:
            raise TastError(f"gain {self.gain:g}; expected one above 0")
        anchored = self.anchored_interval
        shares = [self.interval.coverage, *([anchored.coverage] if anchored else [])]
        widths = [self.interval.half_width_percent]
        widths += [anchored.least_percent, anchored.of_change, anchored.of_minutes, anchored.of_light] if anchored else []
        if not all(0 < share < 1 for share in shares) or min(widths) < 0:
            raise TastError("an interval that cannot be; expected a coverage between 0 and 1, and no width below 0")

    def is_beyond(self, spo2_percent: FloatArray) -> npt.NDArray[np.bool_]:
        """(S,) whether SpO2 that was read by it lies far from all that was seen."""
        low, high = self.lowest_percent - BEYOND_PERCENT, self.highest_percent + BEYOND_PERCENT
        beyond: npt.NDArray[np.bool_] = (spo2_percent < low) | (spo2_percent > high)
        return beyond

    @property
    def fingerprint(self) -> str:
        """Of two profiles, the same where they read alike."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Profiles:
    """of_all: for every video. of_video: by the video's name; where there are any, each video needs its own."""

    of_all: CameraProfile | None = None
    of_video: Mapping[str, CameraProfile] = field(default_factory=dict)

    def of(self, video: str) -> CameraProfile | None:
        """None where no camera's is known. Raises VideoRejected where others have one and this one has none."""
        if self.of_video and video not in self.of_video:
            known = ", ".join(sorted(self.of_video)[:3])
            raise VideoRejected(video, f"the table of profiles has none of it (but of {known}); expected one")
        return self.of_video.get(video, self.of_all)


def profiles_of(path: Path, weights_sha256: str) -> Profiles:
    """What `--profile` names: a profile (.json) for every video, or a table of the columns video, profile (a file, seen from it).

    Raises BadInput where there is neither, and for a profile of another model.
    """
    if path.suffix == ".json":
        return Profiles(read_profile(path, weights_sha256))
    of_video: dict[str, CameraProfile] = {}
    for line, row in enumerate(read_columns(path, TABLE), start=2):
        video, file = (row[name].strip() for name in TABLE)
        if not video or not file or video in of_video:
            found = f"{video!r} again" if video in of_video else f"no {'profile' if video else 'video'}"
            raise BadInput(path, f"line {line}: {found}", "one row for each video, with its name and the file of its profile")
        of_video[video] = read_profile(path.parent / file, weights_sha256)
    return Profiles(of_video=of_video)


def write_profile(path: Path, profile: CameraProfile, weights_sha256: str) -> None:
    write_kept(path, asdict(profile), weights_sha256)


def read_profile(path: Path, weights_sha256: str) -> CameraProfile:
    """Raises BadInput where it is none, or one of another model."""
    return profile_in(path, kept_bytes(path, EXPECTED), weights_sha256)


def profile_in(name: str | Path, text: str | bytes, weights_sha256: str) -> CameraProfile:
    """The same of a text that was sent; name: what to call it in an error."""
    return read_kept(name, text, weights_sha256, CameraProfile, "a profile", EXPECTED)
