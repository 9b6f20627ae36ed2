"""One way in for data: every data set is one reader that yields the common record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tast.clip_store import Reject
from tast.datasets.pure import read_pure
from tast.datasets.recordings import read_recordings
from tast.datasets.vipl_hr import read_vipl_hr
from tast.errors import TastError
from tast.records import VideoRecord

Reader = Callable[..., Iterator[VideoRecord | Reject]]

READERS: dict[str, Reader] = {"pure": read_pure, "vipl_hr": read_vipl_hr, "csv": read_recordings}


def read_dataset(name: str, root: Path, **options: Any) -> tuple[list[VideoRecord], list[Reject]]:
    """The records of a data set on disk, and those that cannot be read with the reason why; both ordered by record_id.

    name: a key of READERS. options: handed to the reader (spo2_range_percent; dataset = the name that records carry, where it
    differs from the reader's; include_nir for VIPL-HR). Raises BadInput where root holds no record in the layout expected,
    TastError where no reader has that name.
    """
    records: list[VideoRecord] = []
    rejects: list[Reject] = []
    if name not in READERS:
        raise TastError(f"{name} holds no face videos; the data sets that do: {', '.join(READERS)}")
    for item in READERS[name](Path(root), **options):
        if isinstance(item, Reject):
            rejects.append(item)
        else:
            records.append(item)
    return records, rejects
