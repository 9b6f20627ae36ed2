"""Items computed by machines that do not see this project's folder: videos and items go through an object store.

    <store>/videos/<sha256>           the bytes of a video's file, or of one of its images
    <store>/items/<key[:2]>/<key>.*   an entry of the item cache (tast.preprocessing.cache); its JSON comes last

All is named by its content: what lies there is not sent again, by whichever project. A machine that is lost has cost the items
that it was at, and nothing that it left half done has a name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from tast.addresses import refuse_secrets, shown
from tast.crew.each import do_each
from tast.crew.worker import limited_threads
from tast.digests import CHANGED, file_digest
from tast.errors import BadInput, TastError, VideoRejected
from tast.files import whole_file
from tast.preprocessing.cache import JSON, KINDS, ItemCache
from tast.preprocessing.keys import source_files
from tast.preprocessing.pipeline import THREADS, key_of
from tast.preprocessing.steps import Settings, preprocess_video
from tast.records import VideoRecord, VideoSource
from tast.stores import FAILURES, REFUSED, open_store


@dataclass(frozen=True)
class Errand:
    """One item for another machine. files_sha256: of the video's files, in order."""

    record_id: str
    key: str
    video: VideoSource
    files_sha256: tuple[str, ...]


@dataclass(frozen=True)
class Away:
    """How many items other machines computed, and why records have none: their machines were killed, twice."""

    n_computed: int
    lost: Mapping[str, str]


class ItemStore:
    """Videos and items in a store. Raises BadInput where there can be none, TastError where it does not answer or refuses."""

    def __init__(self, url: str) -> None:
        refuse_secrets(url, user_too=False)
        self._url = shown(url)
        self._files, root = open_store(url)
        self._root = PurePosixPath(root)

    def holds(self, key: str) -> bool:
        return self._there(self._item(key, JSON))

    def send_video(self, video: VideoSource) -> tuple[str, ...]:
        """The digests of its files, which lie there now."""
        files = source_files(video)
        digests = tuple(file_digest(file) for file in files)
        for file, digest in zip(files, digests, strict=True):
            if not self._there(self._video(digest)):
                self._put(file, self._video(digest))
        return digests

    def fetch_video(self, errand: Errand, folder: Path) -> VideoSource:
        """The video of an errand in `folder`, under its files' own names. Raises BadInput where its bytes are others."""
        here = replace(errand.video, path=folder / errand.video.path.name)
        for file, digest in zip(source_files(here), errand.files_sha256, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            with self._failures_named():
                self._files.get_file(self._video(digest), str(file))
            if file_digest(file) != digest:
                raise BadInput(file, CHANGED, f"the bytes that {self._url} was given")
        return here

    def send_item(self, key: str, items: ItemCache) -> None:
        for kind in KINDS:
            if (file := items.file(key, kind)).is_file():  # of a rejected video there is the JSON alone
                self._put(file, self._item(key, kind))

    def fetch_item(self, key: str, items: ItemCache) -> None:
        """Into the cache of this machine, which looks at its digests when it reads it."""
        for kind in KINDS:
            if self._there(self._item(key, kind)):
                with self._failures_named(), whole_file(items.file(key, kind), durable=False) as part:
                    self._files.get_file(self._item(key, kind), str(part))

    def _there(self, path: str) -> bool:
        with self._failures_named():
            self._files.invalidate_cache()
            return bool(self._files.exists(path))

    def _put(self, file: Path, target: str) -> None:
        with self._failures_named():
            self._files.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            self._files.put_file(str(file), target)

    def _video(self, digest: str) -> str:
        return str(self._root / "videos" / digest)

    def _item(self, key: str, kind: str) -> str:
        return str(self._root / "items" / key[:2] / f"{key}.{kind}")

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        """Their text may hold secrets, so only their kind is told."""
        try:
            yield
        except REFUSED:
            raise TastError(f"runner.store {self._url}: the store refused; it wants valid credentials") from None
        except FAILURES as error:
            raise TastError(f"runner.store {self._url}: the store failed ({type(error).__name__})") from None


def compute_away(
    records: Sequence[VideoRecord],
    settings: Settings,
    items: ItemCache,
    url: str,
    *,
    on_result: Callable[[int], object],
    **crew: Any,
) -> Away:
    """Every record's item in the cache of this machine, computed elsewhere where neither it nor the store has one.

    on_result(n): of n records the item is there. crew: what else do_each() takes.
    """
    store = ItemStore(url)
    wanted: dict[str, list[VideoRecord]] = {}  # two videos of one content are one item
    for record in records:
        with suppress(BadInput):  # a file that cannot be read: the stage itself says so
            wanted.setdefault(key_of(record.video, settings), []).append(record)
    missing = [key for key in wanted if items.wrong_with(key)]
    unknown = [key for key in missing if not store.holds(key)]
    on_result(len(records) - sum(len(wanted[key]) for key in unknown))
    errands = [Errand((one := wanted[key][0]).record_id, key, one.video, store.send_video(one.video)) for key in unknown]

    def bring(number: int, _: str) -> None:
        """While the others are at work."""
        store.fetch_item(errands[number].key, items)
        on_result(len(wanted[errands[number].key]))

    for key in set(missing) - set(unknown):
        store.fetch_item(key, items)
    reasons = do_each(
        partial(run_errand, url=url, settings=settings), errands, lost=lambda _, reason: reason,
        on_result=bring, shares_folder=False, **crew,
    )  # fmt: skip
    lost = {errand.key: reason for errand, reason in zip(errands, reasons, strict=True) if reason}
    of_records = {record.record_id: reason for key, reason in lost.items() for record in wanted[key]}
    return Away(len(errands) - len(lost), of_records)


def run_errand(errand: Errand, url: str, settings: Settings) -> str:
    """On the other machine, in a folder that is gone afterwards: fetch the video, compute its item, send that. Returns no reason.

    Raises TastError where this machine would compute something else: another release, library or instruction set.
    """
    store = ItemStore(url)
    with tempfile.TemporaryDirectory(prefix="tast-") as scratch, limited_threads(THREADS):
        video, items = store.fetch_video(errand, Path(scratch) / "video"), ItemCache(Path(scratch) / "items")
        if key_of(video, settings) != errand.key:
            raise TastError(
                f"{errand.record_id}: this worker computes otherwise than the machine that asked; expected the same release of "
                "TAST and its libraries (requirements.lock), and the instruction set of params.yaml (--preload-nanny flows)"
            )
        with suppress(VideoRejected, BadInput):  # the item says why; without one, the machine that asked finds out itself
            items.get_or_compute(errand.key, errand.record_id, lambda: preprocess_video(errand.record_id, video, settings))
        store.send_item(errand.key, items)
        return ""
