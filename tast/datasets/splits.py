"""Split clips into train, validation and test, and prove that nothing leaks between them.

A protocol says which units must stay together (subjects, cameras, clips) and how units are dealt to folds; fold `fold` is the
test set, a share of the other units validates. subject_independent is the default. leave_worlds_out deals whole cameras, with the
lamps and codings that are theirs, and keeps people apart as well: nobody is tested whom another camera filmed for the training.
clip_random is optimistic by design: overlapping windows of one recording fall on both sides, as in much of the published work,
and it is named so wherever it is used.

Folds outlive the data: whoever was tested must go on being tested when more people come, or no later model could be compared
with an earlier one on people that neither has seen. Units therefore stand in the order of a hash of the seed and their name,
and that order is cut into equal parts. One unit more shifts each cut by one place at most, so that at most one unit crosses it.
Where folds are to be alike in SpO2, the order runs evenly through fixed bands of it: bands made of the data (quantiles) would
move with every newcomer.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.errors import BadInput, TastError
from tast.files import whole_file
from tast.people import person_of
from tast.texts import read_json

log = logging.getLogger(__name__)

PARTS = ("train", "val", "test")
STRATUM_EDGES_PERCENT = (75.0, 80.0, 85.0, 90.0, 92.5, 95.0, 97.5)  # of a person's mean SpO2; narrower where most people are


@dataclass(frozen=True)
class Split:
    """Clip ids of each part, sorted; `protocol` is a key of PROTOCOLS."""

    protocol: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        return {"train": self.train, "val": self.val, "test": self.test}

    @property
    def is_optimistic(self) -> bool:
        """True where test subjects may be known from training."""
        return PROTOCOLS[self.protocol].unit == "clip_id"

    @property
    def digest(self) -> str:
        """sha256 over protocol and parts: equal digests are the same split."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()

    def to_json(self, path: Path) -> None:
        """Write atomically; the same split gives the same bytes."""
        with whole_file(path) as part:
            part.write_text(json.dumps(self._content() | {"digest": self.digest}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def from_json(cls, path: Path) -> Split:
        """Read a split back. Raises BadInput where the file is no split or was changed by hand."""
        try:
            if not path.exists():
                raise BadInput(path, "no such file", "a split (run the split stage: `dvc repro split`)")
            content = read_json(path, "a split")
            split = cls(content["protocol"], *(tuple(content[part]) for part in PARTS))
            digest = content["digest"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(path, f"not a split ({error})", f"JSON with protocol, {', '.join(PARTS)} and digest") from None
        if not isinstance(split.protocol, str) or split.protocol not in PROTOCOLS or digest != split.digest:
            raise BadInput(path, "its digest does not match its content", "a split as the split stage wrote it")
        return split

    def _content(self) -> dict[str, object]:
        return {"protocol": self.protocol, **self.parts}


@dataclass(frozen=True)
class Dealing:
    """What a protocol deals by; official: subject ids of the folds that a data set comes with, where it does."""

    seed: int
    folds: int
    stratify: bool
    official: Sequence[Sequence[str]] | None


@dataclass(frozen=True)
class Protocol:
    """unit: the column whose values stay together. deal: (units, dealing) -> (n,) fold number of each unit, -1 for none."""

    unit: str
    deal: Callable[[pd.DataFrame, Dealing], npt.NDArray[np.int64]]


def make_split(
    clips: pd.DataFrame,
    *,
    protocol: str,
    seed: int,
    folds: int = 5,
    fold: int = 0,
    val_fraction: float = 0.2,
    stratify: bool = False,
    official_folds: Sequence[Sequence[str]] | None = None,
) -> Split:
    """Split a table of clips (columns clip_id, subject_id, record_id; spo2_percent to stratify; dataset for cross_dataset; camera
    for leave_worlds_out).

    fold: which fold is the test set; folds of one seed do not depend on it. For leave_one_subject_out it counts the subjects,
    for cross_dataset the data sets, both sorted by name. stratify: folds, and the people who validate, alike in mean SpO2.
    official_folds: subject ids of each fold. Who is tested and who validates depends on the seed and on names, and hardly on who
    else is there. Raises TastError where the table cannot be split so.
    """
    if protocol not in PROTOCOLS:
        raise TastError(f"split.protocol {protocol!r} is not known; known: {', '.join(PROTOCOLS)}")
    chosen = PROTOCOLS[protocol]
    units = _units(clips, chosen.unit)
    number = chosen.deal(units, Dealing(seed, folds, stratify, official_folds))
    is_test, is_rest = number == fold, (number != fold) & (number >= 0)
    _require(is_test.any(), f"{protocol}: fold {fold} is empty; {len(units)} units lie in folds {sorted(set(number.tolist()))}")
    tested = units.index[is_test][0] if protocol == "leave_one_subject_out" else str(fold)  # there, numbers shift with newcomers
    is_val = _chosen_for_validation(units, is_rest, val_fraction, stratify, f"{seed}/validation/{tested}")
    where = {"train": is_rest & ~is_val, "val": is_val, "test": is_test}
    parts = {part: _clips_of(clips, units, where[part], chosen.unit) for part in PARTS}
    split = Split(protocol, **(_people_apart(clips, parts) if chosen.unit == "camera" else parts))
    assert_no_leak(split, clips)
    return split


def _people_apart(clips: pd.DataFrame, parts: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Without the clips in training of people who validate or are tested, and in validation of people who are tested."""
    person = dict(zip(clips["clip_id"].astype(str), person_of(clips), strict=True))
    left: dict[str, tuple[str, ...]] = {}
    elsewhere: set[str] = set()
    for part in reversed(PARTS):
        left[part] = tuple(clip for clip in parts[part] if person[clip] not in elsewhere)
        elsewhere |= {person[clip] for clip in parts[part]}
    return left


def assert_no_leak(split: Split, clips: pd.DataFrame) -> None:
    """Raises TastError where the split is not what its protocol claims.

    Always: no clip in two parts, none unknown, no part empty. Where subjects are claimed to be apart: no subject in two parts,
    and no recording, since windows of one recording overlap in time. Where cameras are: none in two parts.
    """
    ids = [clip_id for part in PARTS for clip_id in split.parts[part]]
    _require(len(ids) == len(set(ids)), "leak: a clip is in two parts of the split, or twice in one")
    unknown = sorted(set(ids) - set(clips["clip_id"]))
    _require(not unknown, f"the split names clips that the table lacks: {', '.join(unknown[:3])}")
    for part in PARTS:
        _require(bool(split.parts[part]), f"{split.protocol}: the {part} part is empty")
    part_of = {clip_id: part for part in PARTS for clip_id in split.parts[part]}
    used = clips[clips["clip_id"].isin(ids)].assign(part=lambda table: table["clip_id"].map(part_of))
    if split.is_optimistic:
        n_shared = _straddling(used, _record_key(used)).sum()
        log.warning("%s is optimistic: %d recordings lie on both sides of the split", split.protocol, n_shared)
        return
    keys = {"subject": person_of(used), "recording": _record_key(used)}
    if PROTOCOLS[split.protocol].unit == "camera":
        keys["camera"] = _unit_key(used, "camera")
    for what, key in keys.items():
        straddling = _straddling(used, key)
        names = ", ".join(straddling[straddling].index[:3])
        _require(not straddling.any(), f"leak: {what} {names} is in more than one part of a {split.protocol} split")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise TastError(message)


def _units(clips: pd.DataFrame, unit: str) -> pd.DataFrame:
    """One row per unit, sorted by its key: dataset and subject (or clip), and its mean SpO2 in percent."""
    table = pd.DataFrame({"unit": _unit_key(clips, unit), "subject_id": clips["subject_id"].astype(str)})
    table["dataset"] = clips["dataset"].astype(str) if "dataset" in clips else ""
    table["mean_percent"] = _mean_percent(clips)
    grouped = table.groupby("unit", sort=True)
    return grouped.agg(subject_id=("subject_id", "first"), dataset=("dataset", "first"), mean_percent=("mean_percent", "mean"))


def _unit_key(clips: pd.DataFrame, unit: str) -> pd.Series:
    if unit == "camera":
        unnamed = sorted(set(clips.loc[clips["camera"] == "", "record_id"].astype(str)))
        _require(not unnamed, f"leave_worlds_out needs the camera of each recording, which {', '.join(unnamed[:3])} lacks")
        return clips["dataset"].astype(str) + "/" + clips["camera"].astype(str)
    return clips["clip_id"].astype(str) if unit == "clip_id" else person_of(clips)


def _record_key(clips: pd.DataFrame) -> pd.Series:
    records = clips["record_id"].astype(str)
    return clips["dataset"].astype(str) + "/" + records if "dataset" in clips else records


def _mean_percent(clips: pd.DataFrame) -> list[float]:
    if "spo2_percent" not in clips:
        return [np.nan] * len(clips)
    valid = [np.asarray(labels, dtype=np.float64) for labels in clips["spo2_percent"]]
    return [float(np.nanmean(labels)) if np.isfinite(labels).any() else np.nan for labels in valid]


def _clips_of(clips: pd.DataFrame, units: pd.DataFrame, chosen: npt.NDArray[np.bool_], unit: str) -> tuple[str, ...]:
    return tuple(sorted(clips.loc[_unit_key(clips, unit).isin(units.index[chosen]), "clip_id"].astype(str)))


def _straddling(used: pd.DataFrame, key: pd.Series) -> pd.Series:
    return used.groupby(key)["part"].nunique() > 1


def _order(units: pd.DataFrame, stratify: bool, salt: str) -> npt.NDArray[np.int64]:
    """(n,) positions of the units in the order of their hashes, those of each stratum spread evenly over the whole of it.

    Each stratum starts at a place of its own (systematic sampling with a random start), or people who are alone in a band would
    all stand in the middle.
    """
    hashes = np.array([_hash(salt, str(unit)) for unit in units.index])
    place = np.empty(len(units))
    strata = _strata(units) if stratify else np.zeros(len(units), dtype=np.int64)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        members = members[np.argsort(hashes[members])]
        place[members] = (np.arange(len(members)) + _hash(salt, f"stratum {stratum}")) / len(members)
    return np.lexsort((hashes, place))


def _strata(units: pd.DataFrame) -> npt.NDArray[np.int64]:
    """(n,) number of the fixed band that each unit's mean SpO2 lies in."""
    means = units["mean_percent"].to_numpy()
    _require(bool(np.isfinite(means).all()), "stratify needs spo2_percent with a valid label for each unit")
    return np.searchsorted(STRATUM_EDGES_PERCENT, means, side="right").astype(np.int64)


def _hash(salt: str, name: str) -> float:
    """In [0, 1): the same on every machine, and for every release of every library."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{name}".encode()).digest()[:6]) / 2**48


def _chosen_for_validation(
    units: pd.DataFrame, is_rest: npt.NDArray[np.bool_], val_fraction: float, stratify: bool, salt: str
) -> npt.NDArray[np.bool_]:
    """(n,) bool: val_fraction of the rest, rounded, at least one: the first in an order of their own."""
    rest = np.flatnonzero(is_rest)
    _require(len(rest) >= 2, f"{len(rest)} units are left beside the test fold, too few to train and to validate")
    n_val = min(max(1, round(val_fraction * len(rest))), len(rest) - 1)
    chosen = np.zeros(len(units), dtype=bool)
    chosen[rest[_order(units.iloc[rest], stratify, salt)[:n_val]]] = True
    return chosen


def _deal_evenly(units: pd.DataFrame, dealing: Dealing) -> npt.NDArray[np.int64]:
    """Folds whose sizes differ by one at most: the order cut into equal parts."""
    _require(dealing.folds <= len(units), f"split.folds ({dealing.folds}) is more than there are to deal ({len(units)})")
    number = np.empty(len(units), dtype=np.int64)
    number[_order(units, dealing.stratify, f"{dealing.seed}/folds")] = np.arange(len(units)) * dealing.folds // len(units)
    return number


def _deal_singly(units: pd.DataFrame, dealing: Dealing) -> npt.NDArray[np.int64]:
    return np.arange(len(units), dtype=np.int64)


def _deal_by_dataset(units: pd.DataFrame, dealing: Dealing) -> npt.NDArray[np.int64]:
    names = sorted(set(units["dataset"]))
    _require(len(names) > 1, f"cross_dataset needs clips of two data sets, not of {', '.join(names) or 'none'} only")
    return units["dataset"].map(names.index).to_numpy(dtype=np.int64)


def _deal_officially(units: pd.DataFrame, dealing: Dealing) -> npt.NDArray[np.int64]:
    _require(bool(dealing.official), "the official protocol needs the data set's own folds")
    fold_of = {subject: number for number, fold in enumerate(dealing.official or ()) for subject in fold}
    unnamed = sorted(set(units["subject_id"]) - set(fold_of))
    if unnamed:
        log.warning("subjects in no official fold are left out: %s", ", ".join(unnamed))
    return np.array([fold_of.get(subject, -1) for subject in units["subject_id"]], dtype=np.int64)


PROTOCOLS: dict[str, Protocol] = {
    "subject_independent": Protocol("subject_id", _deal_evenly),
    "clip_random": Protocol("clip_id", _deal_evenly),
    "leave_worlds_out": Protocol("camera", _deal_evenly),
    "leave_one_subject_out": Protocol("subject_id", _deal_singly),
    "official": Protocol("subject_id", _deal_officially),
    "cross_dataset": Protocol("subject_id", _deal_by_dataset),
}
