"""Bring a data set into the project: link its folder, or extract its archives, whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tast.datasets.archives import extract, extracted_bytes, is_archive, is_later_part
from tast.errors import BadInput, TastError
from tast.files import whole_folder

Progress = Callable[[int, str], None]
"""progress(percent_more, note): called as work is done, 100 percent in all."""


def link_or_extract(root: Path, target: Path, *, progress: Progress, password: str | None = None) -> None:
    """Make `target` hold the data set that lies at `root`: a folder, an archive, or a folder of archives.

    Files of a folder are hard-linked where root and target share a disk, copied where not; archives (zip, tar, 7z, also in parts
    .001, .002, ...) are extracted safely, those at the top of a folder into one tree. The space is checked first, and target
    appears whole or not at all. Raises BadInput and TastError.
    """
    root, target = Path(root), Path(target)
    if not root.exists():
        raise BadInput(root, "no such file or folder", "the data set's folder or archive")
    refuse_overlap(root, target)
    archives, files = _sources(root)
    if not archives and not files:
        raise BadInput(root, "an empty folder", "the data set's files or archives")
    need_bytes = {archive: extracted_bytes(archive, password) for archive in archives}
    sizes = {file: file.stat().st_size for file in files}
    target.parent.mkdir(parents=True, exist_ok=True)
    linked = _same_disk(root, target.parent)
    require_space(target.parent, sum(need_bytes.values()) + (0 if linked else sum(sizes.values())))
    tell = Percent(progress, sum(need_bytes.values()) + sum(sizes.values()))
    with whole_folder(target) as folder:
        for archive in archives:
            extract(archive, folder, tell.add, password)
        for file in files:
            _link_or_copy(file, folder / file.relative_to(root), linked)
            tell.add(sizes[file])
        tell.finish()


def refuse_overlap(root: Path, target: Path) -> None:
    """Raises BadInput where root is target, holds it or lies in it: what replaces target would delete the data set."""
    if root.resolve() in (apart := target.resolve(), *apart.parents) or apart in root.resolve().parents:
        raise BadInput(root, f"it overlaps with {target}, which is written anew", "a data set outside of it")


class Percent:
    """Turns bytes done into whole percents for a progress bar."""

    def __init__(self, progress: Progress, total_bytes: int) -> None:
        self._progress, self._total, self._done, self._percent_shown = progress, max(total_bytes, 1), 0, 0

    def expect(self, total_bytes: int, done_bytes: int) -> None:
        """A transfer that is begun or goes on: what has been told stays told."""
        self._total, self._done = max(total_bytes, 1), done_bytes
        self.add(0)

    def add(self, n_bytes: int) -> None:
        self._done += n_bytes
        percent = min(100, self._done * 100 // self._total)
        if percent > self._percent_shown:
            self._progress(percent - self._percent_shown, f"{self._done / 1e9:.2f} of {self._total / 1e9:.2f} GB")
            self._percent_shown = percent

    def finish(self) -> None:
        self.add(max(0, self._total - self._done))


def require_space(folder: Path, need_bytes: int) -> None:
    """Raises TastError where the disk of `folder` has less than need_bytes free."""
    free_bytes = shutil.disk_usage(folder).free
    if need_bytes > free_bytes:
        raise TastError(f"{folder}: {need_bytes / 1e9:.1f} GB are needed, {free_bytes / 1e9:.1f} GB are free")


def _sources(root: Path) -> tuple[list[Path], list[Path]]:
    """The archives to extract and the files to link, both sorted."""
    if root.is_file():
        return [root], []
    archives = sorted(path for path in root.iterdir() if is_archive(path))
    files = sorted(_files_below(root))
    return archives, [path for path in files if path not in archives and not is_later_part(path)]


def _files_below(root: Path) -> Iterator[Path]:
    """Every file, through links to folders too (data sets are often put together so), each folder once."""
    seen = set()
    for where, folders, names in os.walk(root, followlinks=True):
        here = Path(where)
        if here.resolve() in seen:
            folders.clear()
            continue
        seen.add(here.resolve())
        yield from (here / name for name in names if (here / name).is_file())


def _same_disk(root: Path, folder: Path) -> bool:
    return root.stat().st_dev == folder.stat().st_dev


def _link_or_copy(file: Path, target: Path, linked: bool) -> None:
    """Never writes through an existing name: that might be a link to the user's own file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise BadInput(file, "an archive beside it holds a file of the same name", "each file once")
    if linked:
        try:
            os.link(file.resolve(), target)
            return
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES):
                raise
    shutil.copyfile(file, target)
