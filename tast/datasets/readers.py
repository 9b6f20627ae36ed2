"""One way in for data: every data set is one reader that yields the common record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tast.clip_store import Reject
from tast.datasets.description import Description
from tast.datasets.ladh import read_ladh
from tast.datasets.mcd_rppg import read_mcd_rppg
from tast.datasets.physdrive import read_physdrive
from tast.datasets.pure import read_pure
from tast.datasets.recordings import read_recordings
from tast.datasets.sums import read_sums
from tast.datasets.vipl_hr import official_folds, read_vipl_hr
from tast.errors import TastError
from tast.records import VideoRecord

Reader = Callable[..., Iterator[VideoRecord | Reject]]

Folds = tuple[tuple[str, ...], ...]

READERS: dict[str, Reader] = {
    "pure": read_pure,
    "vipl_hr": read_vipl_hr,
    "csv": read_recordings,
    "mcd_rppg": read_mcd_rppg,
    "sums": read_sums,
    "ladh": read_ladh,
    "physdrive": read_physdrive,
}
WITH_NEAR_INFRARED = ("vipl_hr", "ladh")  # left out unless it is asked for: it has no colour
OFFICIAL_FOLDS: dict[str, Callable[[Path], Folds]] = {"vipl_hr": official_folds}


def read_dataset(name: str, root: Path, **options: Any) -> tuple[list[VideoRecord], list[Reject]]:
    """The records of a data set on disk, and those that cannot be read with the reason why; both ordered by record_id.

    name: a key of READERS. options: handed to the reader (spo2_range_percent; dataset = the name that records carry, where it
    differs from the reader's; include_nir for those WITH_NEAR_INFRARED). Raises BadInput where root holds no record in the layout
    expected, TastError where no reader has that name.
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


def read_downloaded(
    raw: Path, descriptions: Sequence[Description], spo2_range_percent: tuple[float, float]
) -> tuple[list[VideoRecord], list[Reject]]:
    """All that the data sets in `raw` hold. Of several, record_ids begin with the data set's name, since they may repeat."""
    records: list[VideoRecord] = []
    rejects: list[Reject] = []
    for one in descriptions:
        options = {"include_nir": True} if one.include_nir else {}
        read, unread = read_dataset(
            one.layout, raw / one.name, dataset=one.name, spo2_range_percent=spo2_range_percent, **options
        )  # fmt: skip
        prefix = f"{one.name}_" if len(descriptions) > 1 else ""
        records += [replace(record, record_id=prefix + record.record_id) for record in read]
        rejects += [replace(reject, record_id=prefix + reject.record_id) for reject in unread]
    return records, rejects


def downloaded_folds(raw: Path, descriptions: Sequence[Description]) -> Folds:
    """The official folds (subject ids of each) of the one data set in `raw` that has them. Raises TastError where none has."""
    having = [one for one in descriptions if one.layout in OFFICIAL_FOLDS]
    if len(having) != 1:
        names = ", ".join(one.name for one in descriptions)
        raise TastError(f"{names}: no official folds; data sets that have them: {', '.join(OFFICIAL_FOLDS)}")
    return OFFICIAL_FOLDS[having[0].layout](raw / having[0].name)
