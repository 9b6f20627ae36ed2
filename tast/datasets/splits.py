"""Split clips into train, validation and test, and prove that nothing leaks between them.

A protocol says which units must stay together (subjects, clips) and how units are dealt to folds; fold `fold` is the test set,
a share of the other units validates. subject_independent is the default. clip_random is optimistic by design: overlapping
windows of one recording fall on both sides, as in much of the published work, and it is named so wherever it is used.
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

log = logging.getLogger(__name__)

PARTS = ("train", "val", "test")


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
            content = json.loads(path.read_text(encoding="utf-8"))
            split = cls(content["protocol"], *(tuple(content[part]) for part in PARTS))
            digest = content["digest"]
        except FileNotFoundError:
            raise BadInput(path, "no such file", "a split (run the split stage: `dvc repro split`)") from None
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(path, f"not a split ({error})", f"JSON with protocol, {', '.join(PARTS)} and digest") from None
        if split.protocol not in PROTOCOLS or digest != split.digest:
            raise BadInput(path, "its digest does not match its content", "a split as the split stage wrote it")
        return split

    def _content(self) -> dict[str, object]:
        return {"protocol": self.protocol, **self.parts}


@dataclass(frozen=True)
class Dealing:
    """What a protocol is told: how many folds, whether alike in SpO2, the official folds (subject ids) where there are any."""

    folds: int
    stratify: bool
    official: Sequence[Sequence[str]] | None


@dataclass(frozen=True)
class Protocol:
    """unit: the column whose values stay together. deal: (units, dealing, rng) -> (n,) fold number of each unit, -1 for none."""

    unit: str
    deal: Callable[[pd.DataFrame, Dealing, np.random.Generator], npt.NDArray[np.int64]]


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
    """Split a table of clips (columns clip_id, subject_id, record_id; spo2_percent to stratify; dataset for cross_dataset).

    fold: which fold is the test set; folds of one seed do not depend on it. For leave_one_subject_out it counts the subjects,
    for cross_dataset the data sets, both sorted by name. stratify: folds alike in mean SpO2. official_folds: subject ids of
    each fold. Raises TastError where the table cannot be split so.
    """
    if protocol not in PROTOCOLS:
        raise TastError(f"split.protocol {protocol!r} is not known; known: {', '.join(PROTOCOLS)}")
    chosen = PROTOCOLS[protocol]
    units = _units(clips, chosen.unit)
    number = chosen.deal(units, Dealing(folds, stratify, official_folds), np.random.default_rng(seed))
    is_test, is_rest = number == fold, (number != fold) & (number >= 0)
    _require(is_test.any(), f"{protocol}: fold {fold} is empty; {len(units)} units lie in folds {sorted(set(number.tolist()))}")
    is_val = _chosen_for_validation(units, is_rest, val_fraction, stratify, np.random.default_rng([seed, fold]))
    where = {"train": is_rest & ~is_val, "val": is_val, "test": is_test}
    split = Split(protocol, *(_clips_of(clips, units, where[part], chosen.unit) for part in PARTS))
    assert_no_leak(split, clips)
    return split


def assert_no_leak(split: Split, clips: pd.DataFrame) -> None:
    """Raises TastError where the split is not what its protocol claims.

    Always: no clip in two parts, none unknown, no part empty. Where subjects are claimed to be apart: no subject in two parts,
    and no recording, since windows of one recording overlap in time.
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
    for what, key in (("subject", _subject_key(used)), ("recording", _record_key(used))):
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
    return clips["clip_id"].astype(str) if unit == "clip_id" else _subject_key(clips)


def _subject_key(clips: pd.DataFrame) -> pd.Series:
    """Subject "01" of one data set is not subject "01" of another."""
    subjects = clips["subject_id"].astype(str)
    return clips["dataset"].astype(str) + "/" + subjects if "dataset" in clips else subjects


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


def _order(units: pd.DataFrame, stratify: bool, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """(n,) positions of the units in random order, or from lowest to highest mean SpO2 with ties in random order."""
    shuffled = rng.permutation(len(units))
    if not stratify:
        return shuffled
    means = units["mean_percent"].to_numpy()
    _require(bool(np.isfinite(means).all()), "stratify needs spo2_percent with a valid label for each unit")
    return shuffled[np.argsort(means[shuffled], kind="stable")]


def _chosen_for_validation(
    units: pd.DataFrame, is_rest: npt.NDArray[np.bool_], val_fraction: float, stratify: bool, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """(n,) bool: the nearest whole number of units to val_fraction of the rest, at least one, one of each stratum."""
    rest = np.flatnonzero(is_rest)
    _require(len(rest) >= 2, f"{len(rest)} units are left beside the test fold, too few to train and to validate")
    n_val = min(max(1, round(val_fraction * len(rest))), len(rest) - 1)
    strata = np.array_split(rest[_order(units.iloc[rest], stratify, rng)], n_val)
    chosen = np.zeros(len(units), dtype=bool)
    chosen[[rng.choice(stratum) for stratum in strata]] = True
    return chosen


def _deal_evenly(units: pd.DataFrame, dealing: Dealing, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Folds whose sizes differ by one at most; each run of `folds` neighbours in order gives one unit to each fold."""
    _require(dealing.folds <= len(units), f"split.folds ({dealing.folds}) is more than there are to deal ({len(units)})")
    order = _order(units, dealing.stratify, rng)
    number = np.empty(len(units), dtype=np.int64)
    for start in range(0, len(units), dealing.folds):
        block = order[start : start + dealing.folds]
        number[block] = rng.permutation(dealing.folds)[: len(block)]
    return number


def _deal_singly(units: pd.DataFrame, dealing: Dealing, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.arange(len(units), dtype=np.int64)


def _deal_by_dataset(units: pd.DataFrame, dealing: Dealing, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    names = sorted(set(units["dataset"]))
    _require(len(names) > 1, f"cross_dataset needs clips of two data sets, not of {', '.join(names) or 'none'} only")
    return units["dataset"].map(names.index).to_numpy(dtype=np.int64)


def _deal_officially(units: pd.DataFrame, dealing: Dealing, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    _require(bool(dealing.official), "the official protocol needs the data set's own folds")
    fold_of = {subject: number for number, fold in enumerate(dealing.official or ()) for subject in fold}
    unnamed = sorted(set(units["subject_id"]) - set(fold_of))
    if unnamed:
        log.warning("subjects in no official fold are left out: %s", ", ".join(unnamed))
    return np.array([fold_of.get(subject, -1) for subject in units["subject_id"]], dtype=np.int64)


PROTOCOLS: dict[str, Protocol] = {
    "subject_independent": Protocol("subject_id", _deal_evenly),
    "clip_random": Protocol("clip_id", _deal_evenly),
    "leave_one_subject_out": Protocol("subject_id", _deal_singly),
    "official": Protocol("subject_id", _deal_officially),
    "cross_dataset": Protocol("subject_id", _deal_by_dataset),
}
