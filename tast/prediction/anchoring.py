"""Which anchor each video has: readings for all of them, a table of readings, or an offset kept of another recording."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tast.anchors import EXPECTED, READING_SD_PERCENT, Offset, Reading, is_reading, reading_at, reading_of
from tast.datasets.tables import number_or_nan, read_columns
from tast.errors import BadInput, TastError, VideoRejected
from tast.files import whole_file

TABLE = ("second", "spo2_percent")  # columns of a table of readings; beside them `video` and `sd_percent`, where wanted
KEPT = ".json"  # ending of an offset that `tast anchor` keeps


@dataclass(frozen=True)
class Anchors:
    """of_all: for every video. of_video: readings by the video's name; where there are any, each video needs its own."""

    of_all: tuple[Reading, ...] | Offset = ()
    of_video: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)

    def of(self, video: str) -> Sequence[Reading] | Offset | None:
        """None where nothing is known of any video. Raises VideoRejected where others have a reading and this one has none."""
        if isinstance(self.of_all, Offset):
            return self.of_all
        readings = self.of_all + self.of_video.get(video, ())
        if self.of_video and not readings:
            known = ", ".join(sorted(self.of_video)[:3])
            raise VideoRejected(video, f"the table of readings has none of it (but of {known}); expected one at least")
        return readings or None


def anchors_of(given: Sequence[str], weights_sha256: str) -> Anchors:
    """What `--anchor` was given: readings (tast.anchors.reading_of), tables of them, or one offset that `tast anchor` kept.

    weights_sha256: of the model that is to be anchored. Raises TastError, BadInput for what is none, and for an offset of
    another model.
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
        return Anchors(read_offset(kept[0], weights_sha256))
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


def write_offset(path: Path, offset: Offset, *, video: str, weights_sha256: str) -> None:
    """Keep what a model is off for the person, camera and light of a video."""
    content = {"video": video, "weights_sha256": weights_sha256, **asdict(offset)}
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_offset(path: Path, weights_sha256: str) -> Offset:
    """Raises BadInput where it is none, or one of another model."""
    expected = "an offset that `tast anchor` kept of this model"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        percent, sd, of = float(content["percent"]), float(content["sd_percent"]), content["weights_sha256"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(path, f"not an offset ({error})", expected) from None
    if of != weights_sha256:
        raise BadInput(path, "an offset of another model", expected)
    return Offset(percent, sd)
