"""Which videos a path means, what to call them, and how their frames are timed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tast.datasets.mcd_rppg import meta_of, video_by_meta
from tast.datasets.pure import image_source
from tast.datasets.stamped import stamps_of, video_by_table
from tast.datasets.vipl_hr import STAMPS, VIDEO, stamped_video
from tast.errors import BadInput, one_line
from tast.records import VideoSource

CONTAINERS = frozenset({".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv"})
LONGEST_NAME_BYTES = 150  # of the 255 that a file's name may have
EXPECTED = f"a video ({', '.join(sorted(CONTAINERS))}), a folder of PURE's images, or a folder that holds some of them"


@dataclass(frozen=True)
class NamedVideo:
    """A container file or a folder of images, and a name that no other of its batch has."""

    name: str
    path: Path


def find_videos(paths: Iterable[Path]) -> list[NamedVideo]:
    """Every video that the paths mean, folders searched at any depth, each once. Raises BadInput where a path means none.

    A video is called by its way from the path that was given ("p1-v1-source1-video"), by more of it where two would be the same;
    what does not show in a name stands in it as its escape (tast.errors.one_line), and of a long one its ends are left. Links
    are followed, in circles never.
    """
    found: dict[Path, NamedVideo] = {}
    for path in paths:
        if not _is(path, Path.exists):
            raise BadInput(path, "no such file or folder", EXPECTED)
        here = [path] if path.is_file() else list(_videos_in(path))
        if not here:
            raise BadInput(path, "no video in it", EXPECTED)
        for video in here:
            found.setdefault(Path(os.path.realpath(video)), NamedVideo(_name_below(path, video), video))
    if len({video.name for video in found.values()}) < len(found):
        names = distinct_names(list(found))
        return [NamedVideo(_fit_for_a_file(name), video.path) for name, video in zip(names, found.values(), strict=True)]
    return [NamedVideo(_fit_for_a_file(video.name), video.path) for video in found.values()]


def _fit_for_a_file(name: str) -> str:
    """The name, or where a file of it with an ending would have too long a name, its ends and a digest of all of it."""
    if len(name.encode()) <= LONGEST_NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[:20]}...{name[-20:]}-{digest}"


def _name_below(given: Path, video: Path) -> str:
    if video == given:
        return _stem(Path(os.path.realpath(given)))
    return "-".join([*map(one_line, video.relative_to(given).parts[:-1]), _stem(video)])


def video_source(path: Path) -> tuple[VideoSource, tuple[str, ...]]:
    """A video, and what was mended in its timing.

    Times are those that PURE's images are named by, those of the time.txt beside a VIPL-HR video, of the table beside one of SUMS
    or LADH, of meta/ beside one of MCD-rPPG, else the container's own. Raises BadInput or VideoRejected where they do not fit.
    """
    if path.is_dir():
        return image_source(path), ()
    if path.name == VIDEO and path.with_name(STAMPS).is_file():
        return stamped_video(path)
    if stamps := stamps_of(path):
        return video_by_table(path, stamps)
    if meta := meta_of(path):
        return video_by_meta(path, meta)
    return VideoSource(path), ()


def distinct_names(paths: list[Path]) -> list[str]:
    """Stems of absolute paths, with as many folders before them as it takes to tell all of them apart."""
    for depth in range(1, max(len(path.parts) for path in paths)):
        names = ["-".join([*map(one_line, path.parts[1:-1]), _stem(path)][-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [one_line("-".join(path.parts[1:])) for path in paths]


def _stem(path: Path) -> str:
    return one_line(path.stem if path.suffix.lower() in CONTAINERS else path.name)


def _videos_in(top: Path) -> Iterator[Path]:
    """In the order of their names, folder by folder; each folder once, by whatever links lead to it."""
    left, seen = [top], set[tuple[int, int]]()
    while left:
        path = left.pop()
        if path != top and not _is(path, Path.is_dir):
            yield path
            continue
        state = path.stat()
        if (folder := (state.st_dev, state.st_ino)) in seen:
            continue
        seen.add(folder)
        if _holds_images(path):
            yield path
        else:
            left += reversed(_of_interest(path))


def _is(path: Path, what: Callable[[Path], bool]) -> bool:
    """Of a name that is too long for a file, as of one that leads to nothing, False."""
    try:
        return what(path)
    except OSError:
        return False


def _of_interest(folder: Path) -> list[Path]:
    """Folders and containers in it, in order; no hidden ones. Raises BadInput where it cannot be looked into."""
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        raise BadInput(folder, f"cannot be looked into ({error.strerror})", EXPECTED) from None
    return [
        child
        for child in children
        if not child.name.startswith(".") and (child.suffix.lower() in CONTAINERS or _is(child, Path.is_dir))
    ]


def _holds_images(folder: Path) -> bool:
    try:
        image_source(folder)
    except (BadInput, OSError):  # of one that cannot be looked into, the search itself tells
        return False
    return True
