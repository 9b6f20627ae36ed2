"""What preprocessing has computed before, found again by the content of its inputs.

    <root>/<key[:2]>/<key>.npy        (T, H, W, 3) frames; 0 between two pieces of a long video
    <root>/<key[:2]>/<key>.light.npy  (T, 6) light of the face and of the background, see tast.light; NaN between two pieces
    <root>/<key[:2]>/<key>.json       start, frame rate, quality and defects; or why the video was rejected

The JSON is written last and holds the digests of all: an entry that is cut short or damaged is none, and is computed again. So
nothing here waits for the disk; the folder that the arrays are linked into does.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tast.arrays import GrowingArray, save_array
from tast.digests import CHANGED, file_digest
from tast.errors import BadInput, VideoRejected
from tast.files import whole_file
from tast.light import as_columns
from tast.preprocessing.pieces import VideoPieces
from tast.preprocessing.resample import mean_rate_hz
from tast.records import FaceVideo, FloatArray, SourceFacts

log = logging.getLogger(__name__)

SOUND = "an entry of the item cache as it was written"
FRAMES, LIGHT, JSON = "npy", "light.npy", "json"  # kinds of files
KINDS = (FRAMES, LIGHT, JSON)  # in the order in which they are written
FICLONE = 0x40049409  # Linux ioctl: share the blocks of another file, copied when written to


@dataclass(frozen=True)
class CachedVideo:
    """A preprocessed video without its frames: frame k was at start_s + k / fps_hz.

    quality: as in FaceVideo, one value per frame; NaN for one between two pieces, which shows nothing: two windows of which one
    ends and one begins there have nothing in common. defects: why it holds less than its file promised. source: what it was made
    of, where that is known. files_sha256: of its files, by kind.
    """

    start_s: float
    fps_hz: float
    quality: tuple[float, ...]
    defects: tuple[str, ...]
    source: SourceFacts | None = None
    files_sha256: dict[str, str] = field(default_factory=dict)

    @property
    def times_s(self) -> FloatArray:
        return self.start_s + np.arange(len(self.quality)) / self.fps_hz


class ItemCache:
    """Any number of processes may share one root: entries are written whole, and the same key always means the same bytes."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.n_computed = 0

    def get_or_compute(self, key: str, record_id: str, compute: Callable[[], VideoPieces]) -> CachedVideo:
        """The entry of `key`, computed and kept where there is none or it is damaged.

        compute() makes faces on one uniform grid of time. Their VideoRejected is kept as well, and raised again.
        """
        content = self._read(key)
        if content is None:
            content = self._compute(key, compute)
            self.n_computed += 1
        if "rejected" in content:
            raise VideoRejected(record_id, content["rejected"])
        source = content["source"]
        return CachedVideo(
            content["start_s"], content["fps_hz"], tuple(content["quality"]), tuple(content["defects"]),
            source if source is None else SourceFacts.from_json(source), content["files_sha256"],
        )  # fmt: skip

    def file(self, key: str, kind: str) -> Path:
        """Where one of an entry's files lies; `materialise` gives a copy of one that was looked at."""
        return self.root / key[:2] / f"{key}.{kind}"

    def frames(self, key: str) -> npt.NDArray[np.generic]:
        """(T, H, W, 3) frames of an entry, mapped from disk."""
        return np.asarray(np.load(self.file(key, FRAMES), mmap_mode="r"))

    def materialise(self, key: str, target: Path, kind: str = FRAMES) -> None:
        """One kind of an entry's files as the file `target`: by reflink where there are such, else hard link, else copy."""
        source = self.file(key, kind)
        with whole_file(target, durable=False) as part:
            if not (_reflinked(source, part) or _hard_linked(source, part)):
                shutil.copyfile(source, part)

    def _compute(self, key: str, compute: Callable[[], VideoPieces]) -> dict[str, Any]:
        try:
            content = self._keep(key, compute())
        except VideoRejected as error:
            content = {"rejected": error.reason}
        with whole_file(self.file(key, JSON), durable=False) as part:
            part.write_text(json.dumps({"content": content, "sha256": _digest(content)}), encoding="utf-8")
        return content

    def _keep(self, key: str, video: VideoPieces) -> dict[str, Any]:
        """Frames go to the disk piece by piece."""
        grid = _Grid()
        with whole_file(self.file(key, FRAMES), durable=False) as part, GrowingArray(part) as frames:
            for face in video.faces:
                if (known := grid.take(face)) is not None:
                    frames.append(known.frames, after=len(grid) - len(known.frames) - len(frames))
        with whole_file(self.file(key, LIGHT), durable=False) as part:
            save_array(part, np.concatenate(grid.light))
        found = CachedVideo(grid.start_s, grid.fps_hz, tuple(grid.quality), tuple(video.defects), video.source())
        return asdict(found) | {"files_sha256": {kind: file_digest(self.file(key, kind)) for kind in (FRAMES, LIGHT)}}

    def wrong_with(self, key: str) -> str:
        """Why an entry is none, in words; empty where it is sound."""
        try:
            self._sound(key)
        except BadInput as error:
            return f"{Path(error.path).name}: {error.found}"
        return ""

    def _read(self, key: str) -> dict[str, Any] | None:
        """The content of a sound entry, None where there is none."""
        if not self.file(key, JSON).is_file():
            return None
        try:
            content = self._sound(key)
        except BadInput as error:
            log.warning("%s: it is computed again", error)
            return None
        with suppress(OSError):  # of a cache that this user may only read
            os.utime(self.file(key, JSON))  # when it was last used, for `tast cache gc`
        return content

    def _sound(self, key: str) -> dict[str, Any]:
        path = self.file(key, JSON)
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            content: dict[str, Any] = entry["content"]
            files: dict[str, str] = {} if "rejected" in content else content["files_sha256"]
            if entry["sha256"] != _digest(content):
                raise BadInput(path, CHANGED, SOUND)
        except FileNotFoundError:
            raise BadInput(path, "no such file", SOUND) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadInput(path, CHANGED, SOUND) from None
        for kind, digest in files.items():
            array = self.file(key, kind)
            if not array.is_file():
                raise BadInput(array, "no such file", SOUND)
            if file_digest(array) != digest:
                raise BadInput(array, CHANGED, SOUND)
        return content


class _Grid:
    """The uniform grid of time that the pieces of a video lie on, with their quality and light."""

    def __init__(self) -> None:
        self.start_s = self.fps_hz = float("nan")
        self.quality: list[float] = []
        self.light: list[npt.NDArray[np.float32]] = []

    def __len__(self) -> int:
        return len(self.quality)

    def take(self, face: FaceVideo) -> FaceVideo | None:
        """The next piece, less what would leave no frame between it and the last one; None where nothing is left of it."""
        if face.light is None:
            raise ValueError(f"{face.record_id} has no light; expected a face that was masked in this process")
        if not self.quality:
            self.start_s, self.fps_hz = float(face.times_s[0]), _rate_hz(face)
            begin = 0
        else:
            begin = round(float(face.times_s[0] - self.start_s) * self.fps_hz)
        late = max(0, len(self) + 1 - begin) if self.quality else 0
        if late >= len(face.frames):
            return None
        columns = as_columns(face.light)[late:]
        if (gap := begin + late - len(self)) > 0:
            self.light.append(np.full((gap, columns.shape[1]), np.nan, dtype=columns.dtype))
            self.quality += [float("nan")] * gap
        self.light.append(columns)
        self.quality += face.quality[late:].tolist()
        return replace(face, frames=face.frames[late:], times_s=face.times_s[late:], quality=face.quality[late:], light=None)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _rate_hz(face: FaceVideo) -> float:
    return round(mean_rate_hz(face.times_s), 9)  # the grid's own rate without the rounding of its sums


def _reflinked(source: Path, target: Path) -> bool:
    try:
        with source.open("rb") as shared, target.open("wb") as copy:
            fcntl.ioctl(copy.fileno(), FICLONE, shared.fileno())
    except OSError:
        target.unlink(missing_ok=True)
        return False
    return True


def _hard_linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True
