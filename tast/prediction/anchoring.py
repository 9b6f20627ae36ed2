"""Which anchor each video has: readings for all of them, a table of readings, or one that was kept of another recording."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tast.anchors import EXPECTED, READING_SD_PERCENT, Offset, Reading, is_reading, level_of, reading_at, reading_of
from tast.datasets.tables import number_or_nan, read_columns
from tast.errors import BadInput, TastError, VideoRejected
from tast.prediction.kept import kept_bytes, read_kept, write_kept
from tast.prediction.profiles import CameraProfile

TABLE = ("second", "spo2_percent")  # columns of a table of readings; beside them `video` and `sd_percent`, where wanted
KEPT = ".json"  # ending of what `tast anchor` keeps
EXPECTED_KEPT = "an anchor that `tast anchor` kept of this model"


@dataclass(frozen=True)
class KeptAnchor:
    """What a model was off for a person under one camera and light: percent too high, known within sd_percent (1 SD).

    video, readings: of which recording, and what was known of it. of_profile: fingerprint of the profile that it was read by,
    empty of none: by another profile, the same face gives other numbers.
    """

    video: str
    percent: float
    sd_percent: float
    readings: tuple[Reading, ...] = ()
    of_profile: str = ""

    def __post_init__(self) -> None:
        if self.sd_percent < 0:
            raise TastError(f"off by {self.sd_percent:g} (1 SD); expected none or more")

    @property
    def offset(self) -> Offset:
        """Of another recording, of whose seconds nothing is known."""
        return Offset(self.percent, self.sd_percent, level_of(self.readings))

    def require(self, profile: CameraProfile | None) -> None:
        """Raises TastError where the anchor is not one of what this profile reads, or the model without one."""
        if self.of_profile == (profile.fingerprint if profile else ""):
            return
        kept = "without a profile" if not self.of_profile else "with another profile" if profile else "with a profile"
        raise TastError(f"the anchor of {self.video} was kept {kept}; expected the profile that it was kept with, or as it none")


@dataclass(frozen=True)
class Anchors:
    """of_all: for every video. of_video: readings by the video's name; where there are any, each video needs its own."""

    of_all: tuple[Reading, ...] | KeptAnchor = ()
    of_video: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)

    def of(self, video: str) -> Sequence[Reading] | KeptAnchor | None:
        """None where nothing is known of any video. Raises VideoRejected where others have a reading and this one has none."""
        if isinstance(self.of_all, KeptAnchor):
            return self.of_all
        readings = self.of_all + self.of_video.get(video, ())
        if self.of_video and not readings:
            known = ", ".join(sorted(self.of_video)[:3])
            raise VideoRejected(video, f"the table of readings has none of it (but of {known}); expected one at least")
        return readings or None


def anchors_of(given: Sequence[str], weights_sha256: str) -> Anchors:
    """What `--anchor` was given: readings (tast.anchors.reading_of), tables of them, or one that `tast anchor` kept.

    weights_sha256: of the model that is to be anchored. Raises TastError, BadInput for what is none, and for one kept
    of another model.
    """
    readings = [reading_of(one) for one in given if is_reading(one)]
    files = [Path(one) for one in given if not is_reading(one)]
    for file in files:
        if not file.is_file():
            raise BadInput(file, "neither a reading nor a file", f"{EXPECTED}, or the file of a table or of `tast anchor`")
    kept = [file for file in files if file.suffix == KEPT]
    if kept and len(given) > 1:
        raise TastError(f"{kept[0]} is what a model is off; expected no other anchor beside it")
    if kept:
        return Anchors(read_anchor(kept[0], weights_sha256))
    of_video: dict[str, tuple[Reading, ...]] = {}
    for file in files:
        for video, reading in readings_in(file):
            if video:
                of_video[video] = (*of_video.get(video, ()), reading)
            else:
                readings.append(reading)
    return Anchors(tuple(readings), of_video)


def readings_in(path: Path) -> list[tuple[str, Reading]]:
    """Video ("" for all) and reading of each row of a table with the columns second, spo2_percent; if wanted video, sd_percent.

    Raises BadInput that names the line.
    """
    found = []
    for line, row in enumerate(read_columns(path, TABLE), start=2):
        second, spo2 = (number_or_nan(path, line, row[name]) for name in TABLE)
        sd = number_or_nan(path, line, row.get("sd_percent") or "")
        try:
            reading = reading_at(second, spo2, READING_SD_PERCENT if math.isnan(sd) else sd)
        except TastError as error:
            raise BadInput(path, f"line {line}: {error}", "a second, and SpO2 in percent") from None
        found.append(((row.get("video") or "").strip(), reading))
    if not found:
        raise BadInput(path, "no reading", f"a table with the columns {', '.join(TABLE)}")
    return found


def write_anchor(path: Path, kept: KeptAnchor, weights_sha256: str) -> None:
    write_kept(path, asdict(kept), weights_sha256)


def read_anchor(path: Path, weights_sha256: str) -> KeptAnchor:
    """Raises BadInput where it is none, or one of another model."""
    return _kept_anchor(path, kept_bytes(path, EXPECTED_KEPT), weights_sha256)


def anchor_in(name: str, text: str, weights_sha256: str) -> tuple[Reading, ...] | KeptAnchor | None:
    """Of a text that was sent: readings (`97`, or `0=97 60=95`), or the content of a kept anchor's file; None of an empty one.

    name: what to call it in an error. Raises TastError, BadInput.
    """
    if text.lstrip().startswith("{"):
        return _kept_anchor(name, text, weights_sha256)
    return tuple(reading_of(one) for one in text.split()) or None


def _kept_anchor(name: str | Path, text: str | bytes, weights_sha256: str) -> KeptAnchor:
    return read_kept(name, text, weights_sha256, KeptAnchor, "a kept anchor", EXPECTED_KEPT)
