"""Which videos a path means, what to call them, and how their frames are timed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tast.datasets.mcd_rppg import meta_of, video_by_meta
from tast.datasets.pure import image_source
from tast.datasets.stamped import stamps_of, video_by_table
from tast.datasets.vipl_hr import STAMPS, VIDEO, stamped_video
from tast.errors import BadInput
from tast.records import VideoSource

CONTAINERS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})
EXPECTED = f"a video ({', '.join(sorted(CONTAINERS))}), a folder of PURE's images, or a folder that holds some of them"


@dataclass(frozen=True)
class NamedVideo:
    """A container file or a folder of images, and a name that no other of its batch has."""

    name: str
    path: Path


def find_videos(paths: Iterable[Path]) -> list[NamedVideo]:
    """Every video that the paths mean, folders searched at any depth, each once. Raises BadInput where a path means none.

    A video is called by its way from the path that was given ("p1-v1-source1-video"), by more of it where two would be the same.
    """
    found: dict[Path, NamedVideo] = {}
    for path in paths:
        if not path.exists():
            raise BadInput(path, "no such file or folder", EXPECTED)
        here = [path] if path.is_file() else list(_videos_in(path))
        if not here:
            raise BadInput(path, "no video in it", EXPECTED)
        found |= {video.resolve(): NamedVideo(_name_below(path, video), video) for video in here}
    if len({video.name for video in found.values()}) < len(found):
        names = distinct_names(list(found))
        return [NamedVideo(name, video.path) for name, video in zip(names, found.values(), strict=True)]
    return list(found.values())


def _name_below(given: Path, video: Path) -> str:
    if video == given:
        return _stem(given.resolve())
    return "-".join([*video.relative_to(given).parts[:-1], _stem(video)])


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
        names = ["-".join([*path.parts[1:-1], _stem(path)][-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return ["-".join(path.parts[1:]) for path in paths]


def _stem(path: Path) -> str:
    return path.stem if path.suffix.lower() in CONTAINERS else path.name


def _videos_in(folder: Path) -> Iterator[Path]:
    if _holds_images(folder):
        yield folder
        return
    for child in sorted(folder.iterdir()):
        if child.name.startswith("."):
            continue
        if child.is_dir():
            yield from _videos_in(child)
        elif child.suffix.lower() in CONTAINERS:
            yield child


def _holds_images(folder: Path) -> bool:
    try:
        image_source(folder)
    except BadInput:
        return False
    return True
