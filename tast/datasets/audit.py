"""What a data set holds, before anything is learned from it: recordings, true frame rates, labels, faults, gaps, duplicates.

Beside them stands what a constant prediction would score on its labels: the number every later table is read against.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tast.clip_store import Reject
from tast.datasets.audit_records import AUDITED, AuditRecord
from tast.datasets.looks import Looks, look_at_each
from tast.datasets.published import compare_with_published
from tast.records import FloatArray, SourceFacts
from tast.seconds import mean_of_each
from tast.video.facts import dropped_frames, rates_differ

CLIP_S = 8
USUAL_RANGE_PERCENT = (94.0, 99.0)
NOTABLE_SWING_PERCENT = 2.0
LABELLED_FRACTION = 0.75  # of a clip's seconds, for its swing to count
CODED_BY = ("codec", "bits", "subsampling", "full_range", "matrix", "transfer", "primaries", "assumed")
DECIMALS = 4  # of the numbers in the outputs: the last bits differ from machine to machine


@dataclass(frozen=True)
class RecordingFacts:
    """One recording. seconds: from its first to its last frame; step_sd_ms: spread of the time between frames; n_dropped: frames
    that are missing between them (0 where the times are estimated). SpO2 in percent, of the valid seconds within the recording.
    is_spot: one reading stands for the whole recording, which therefore has no swing. source: what its video is made of, counts
    being those of its first frames.
    """

    record_id: str
    subject_id: str
    scenario: str
    camera: str
    skin_type: str
    n_frames: int
    seconds: float
    rate_hz: float
    step_sd_ms: float
    n_dropped: int
    times_are_estimated: bool
    n_readings: int
    n_masked: int
    n_labelled_s: int
    spo2_min: float
    spo2_mean: float
    spo2_max: float
    is_spot: bool
    source: SourceFacts | None = None

    @property
    def swing(self) -> float:
        return float("nan") if self.is_spot else self.spo2_max - self.spo2_min


def audit_folder(layout: str, root: Path, name: str, looks: Looks = look_at_each) -> dict[str, Any]:
    """Read and audit the data set `name` in root; layout: a key of AUDITED. Raises BadInput where root is not in that layout."""
    return audit(name, *AUDITED[layout](root, name, looks), root)


def audit(name: str, records: Sequence[AuditRecord], rejects: Sequence[Reject], root: Path) -> dict[str, Any]:
    """All facts as plain values, ready for JSON; the same files give the same facts.

    name: of the data set; one with a published list is compared with it. root: where its files are.
    """
    labels = {record.record_id: seconds_of(record) for record in records}
    recordings = [recording_facts(record, labels[record.record_id]) for record in records]
    facts = {
        "constant": constant_predictor(_by_subject(records, labels)),
        "counts": _counts(recordings, rejects),
        "dataset": name,
        "duplicates": duplicates(records),
        "labels": label_facts(list(labels.values())),
        "notes": dict(sorted(Counter(kind_of(note) for record in records for note in record.notes).items())),
        "published": compare_with_published(name, [r.record_id for r in records] + [r.record_id for r in rejects], root),
        "recordings": [asdict(one) | {"swing": one.swing} for one in recordings],
        "sources": kinds_of_source(recordings),
        "rejects": [asdict(reject) for reject in sorted(rejects, key=lambda reject: reject.record_id)],
        "swings": swing_facts([labels[r.record_id] for r in records if r.spo2.spot_sd_percent is None]),
    }
    rounded: dict[str, Any] = _rounded(facts)
    return rounded


def seconds_of(record: AuditRecord) -> FloatArray:
    """(S,) mean of the valid readings in each whole second of the recording, NaN where there is none; a spot reading in all."""
    end_s = record.times_s[-1]
    if record.spo2.spot_sd_percent is not None:
        return np.full(int(end_s) + 1, record.spo2.percent[0], dtype=np.float64)
    known = (record.spo2.times_s >= 0) & (record.spo2.times_s <= end_s) & ~np.isnan(record.spo2.percent)
    second = np.floor(record.spo2.times_s[known]).astype(np.int64)
    return mean_of_each(record.spo2.percent[known], second, int(end_s) + 1)


def recording_facts(record: AuditRecord, labels: FloatArray) -> RecordingFacts:
    times_s = record.times_s
    seconds, steps_s = float(times_s[-1] - times_s[0]), np.diff(times_s)
    estimated = record.times_are_estimated
    known = labels[~np.isnan(labels)]
    low, mean, high = (known.min(), known.mean(), known.max()) if len(known) else (np.nan,) * 3
    return RecordingFacts(
        record_id=record.record_id, subject_id=record.subject_id, scenario=record.scenario, camera=record.camera,
        skin_type=record.skin_type, n_frames=len(times_s), seconds=seconds, rate_hz=len(steps_s) / seconds if seconds else 0.0,
        step_sd_ms=1000 * float(steps_s.std()) if len(steps_s) else 0.0, n_dropped=0 if estimated else dropped_frames(steps_s),
        times_are_estimated=estimated, n_readings=len(record.spo2.percent),
        n_masked=int(np.isnan(record.spo2.percent).sum()), n_labelled_s=len(known),
        spo2_min=float(low), spo2_mean=float(mean), spo2_max=float(high),
        is_spot=record.spo2.spot_sd_percent is not None, source=record.source,
    )  # fmt: skip


def kinds_of_source(recordings: Sequence[RecordingFacts]) -> list[dict[str, Any]]:
    """How the videos are coded: one entry for each way, with how many recordings and the spread of what differs among them.

    off_rate: of how many the container announces another rate than the frames' times have. doubled: of the frames_looked_at.
    """
    groups: dict[tuple[Any, ...], list[SourceFacts]] = defaultdict(list)
    for source in (one.source for one in recordings if one.source is not None):
        groups[tuple(getattr(source, name) for name in CODED_BY)].append(source)
    return [
        dict(zip(CODED_BY, key, strict=True)) | {
            "recordings": len(group),
            "bits_per_pixel_min": min(source.bits_per_pixel for source in group),
            "bits_per_pixel_median": float(np.median([source.bits_per_pixel for source in group])),
            "bits_per_pixel_max": max(source.bits_per_pixel for source in group),
            "off_rate": sum(rates_differ(source) for source in group),
            "doubled": sum(source.n_doubled for source in group),
            "frames_looked_at": sum(source.n_frames for source in group),
        }
        for key, group in sorted(groups.items(), key=lambda item: (-len(item[1]), str(item[0])))
    ]  # fmt: skip


def label_facts(labels: Sequence[FloatArray]) -> dict[str, Any]:
    """Mean, SD, range and histogram (whole percents, rounded down) of the labelled seconds; nulls where there is none."""
    known = _known(labels)
    low, high = USUAL_RANGE_PERCENT
    bins = Counter(int(percent) for percent in np.floor(known))
    return {
        "histogram": {str(percent): bins[percent] for percent in sorted(bins)},
        "max": _or_nan(np.max, known),
        "mean": _or_nan(np.mean, known),
        "median": _or_nan(np.median, known),
        "min": _or_nan(np.min, known),
        "n_seconds": len(known),
        "sd": _or_nan(np.std, known),
        "share_94_to_99": _or_nan(np.mean, (known >= low) & (known <= high)),
    }


def swing_facts(labels: Sequence[FloatArray], clip_s: int = CLIP_S) -> dict[str, Any]:
    """How far SpO2 moves (max - min, points) within whole records and within their consecutive clips of clip_s seconds."""
    records = _known([_swing(one) for one in labels])
    clips = _known([_swing(clip) for one in labels for clip in _windows(one, clip_s)])
    return {f"clip_{clip_s}_s": _spread(clips), "record": _spread(records)}


def constant_predictor(by_subject: Mapping[str, FloatArray]) -> dict[str, dict[str, float]]:
    """What a constant scores on the labelled seconds: the best one knowing all labels, and leaving one subject out.

    by_subject: (N,) known labels of each. RMSE of the mean and MAE of the median, which are the best constants for each; and MAE
    of the mean, which the later tables show. Left-one-subject-out, the constants come from the other subjects' labels alone.
    """
    everything = np.concatenate([*by_subject.values(), np.empty(0)])
    ordered, total = np.sort(everything), everything.sum()
    usable = [by_subject[s] for s in sorted(by_subject) if len(by_subject[s]) < len(everything)]
    from_mean = [own - (total - own.sum()) / (len(everything) - len(own)) for own in usable]
    from_median = [own - _median_without(ordered, own) for own in usable]
    return {
        "all_labels": _constant_scores(everything - _or_nan(np.mean, everything), everything - _or_nan(np.median, everything)),
        "leave_one_subject_out": _constant_scores(
            np.concatenate([*from_mean, np.empty(0)]), np.concatenate([*from_median, np.empty(0)])
        ),
    }


def _median_without(ordered: FloatArray, own: FloatArray) -> float:
    """Median of sorted values less some of them, found by their ranks: a copy for each subject would grow with their square."""
    taken = np.sort(own)
    place = np.searchsorted(ordered, taken) + np.arange(len(taken)) - np.searchsorted(taken, taken)
    left_of = place - np.arange(len(taken))  # how many of those that stay lie before each that is taken
    n = len(ordered) - len(own)
    middle = np.array([(n - 1) // 2, n // 2])
    return float(ordered[middle + np.searchsorted(left_of, middle, side="right")].mean())


def duplicates(records: Sequence[AuditRecord]) -> dict[str, list[list[str]]]:
    """Groups of records whose files have the same bytes; and whose readings are the same, although they are not of one take."""
    takes = {record.record_id: record.take for record in records}
    same_labels = _groups((_labels_digest(record), record.record_id) for record in records if _varies(record))
    likely = _groups((_sizes(record.files), record.record_id) for record in records)
    by_id = {record.record_id: record for record in records}
    return {
        "bytes": [
            group for same_size in likely for group in _groups((_bytes_digest(by_id[one].files), one) for one in same_size)
        ],
        "labels": [group for group in same_labels if len({takes[record_id] for record_id in group}) > 1],
    }  # fmt: skip


def kind_of(note: str) -> str:
    """A note without its numbers, so that like ones can be counted."""
    return re.sub(r"\d+(\.\d+)?", "N", note)


def _counts(recordings: Sequence[RecordingFacts], rejects: Sequence[Reject]) -> dict[str, Any]:
    return {
        "cameras": dict(sorted(Counter(one.camera for one in recordings if one.camera).items())),
        "dropped_frames": sum(one.n_dropped for one in recordings),
        "estimated_rates": sum(one.times_are_estimated for one in recordings),
        "frames": sum(one.n_frames for one in recordings),
        "labelled_seconds": sum(one.n_labelled_s for one in recordings),
        "masked_readings": sum(one.n_masked for one in recordings),
        "readings": sum(one.n_readings for one in recordings),
        "recordings": len(recordings),
        "rejects": len(rejects),
        "scenarios": dict(sorted(Counter(one.scenario for one in recordings).items())),
        "seconds": sum(one.seconds for one in recordings),
        "spot_readings": sum(one.is_spot for one in recordings),
        "subjects": len({one.subject_id for one in recordings}),
    }


def _by_subject(records: Sequence[AuditRecord], labels: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    found: dict[str, list[FloatArray]] = defaultdict(list)
    for record in records:
        found[record.subject_id].append(labels[record.record_id])
    return {subject: _known(parts) for subject, parts in found.items()}


def _constant_scores(from_mean: FloatArray, from_median: FloatArray) -> dict[str, float]:
    return {
        "mae": _or_nan(np.mean, np.abs(from_median)),
        "mae_of_mean": _or_nan(np.mean, np.abs(from_mean)),
        "rmse": float(np.sqrt(_or_nan(np.mean, from_mean**2))),
    }


def _windows(labels: FloatArray, clip_s: int) -> list[FloatArray]:
    whole = [labels[start : start + clip_s] for start in range(0, len(labels) - clip_s + 1, clip_s)]
    return [clip for clip in whole if np.mean(~np.isnan(clip)) >= LABELLED_FRACTION]


def _swing(labels: FloatArray) -> FloatArray:
    known = labels[~np.isnan(labels)]
    return np.array([known.max() - known.min()] if len(known) else [])


def _spread(swings: FloatArray) -> dict[str, float]:
    return {
        "max": _or_nan(np.max, swings),
        "mean": _or_nan(np.mean, swings),
        "n": len(swings),
        "n_of_2_or_more": int(np.sum(swings >= NOTABLE_SWING_PERCENT)),
    }


def _varies(record: AuditRecord) -> bool:
    """Readings that hardly move coincide by chance: only those with some pattern can show a copy."""
    return any(len(np.unique(values[~np.isnan(values)])) >= 3 for values in (record.spo2.percent, record.wave))


def _labels_digest(record: AuditRecord) -> str:
    parts = [record.spo2.times_s, record.spo2.percent, record.wave]
    return hashlib.sha256(b"\0".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def _sizes(files: Sequence[Path]) -> str:
    return " ".join(str(path.stat().st_size) for path in files)


def _bytes_digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _groups(keyed: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Record ids that share a key, where more than one does."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, record_id in keyed:
        found[key].append(record_id)
    return sorted(sorted(group) for group in found.values() if len(group) > 1)


def _known(parts: Sequence[FloatArray]) -> FloatArray:
    values = np.concatenate([*parts, np.empty(0)])
    return values[~np.isnan(values)]


def _or_nan(reduce: Any, values: Any) -> float:
    return float(reduce(values)) if len(values) else float("nan")


def _rounded(value: Any) -> Any:
    """Plain values with rounded floats; what is not a number becomes null, as JSON knows no NaN."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, DECIMALS) + 0.0 if np.isfinite(value) else None
    return value
