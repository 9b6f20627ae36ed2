"""The phantoms that accuracy is measured on beside the one of params.yaml: rendered, preprocessed and cut as the stages do it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.recorded import RECORDED_ROOT
from flows.preprocess import cache_root, read_raw, require_enough
from tast.clip_store import ClipStore, write_tables
from tast.datasets.description import Description, describe
from tast.datasets.oximetry_phone_cam import read_oximetry_phone_cam
from tast.datasets.phantom_set import plan_phantom
from tast.params import Params
from tast.phantom.recorded import subject_numbers
from tast.preprocessing.pipeline import preprocess_records, settings_of

SETS: dict[str, dict[str, Any]] = {  # what differs from params.yaml
    "recorded": {  # real waves and readings; 24 pieces of 12 s of each person, painted on a steady face
        "download": {
            "phantom": {
                "driver": "recorded", "layout": "vipl_hr", "scenarios": ("stable",), "sources": (1,), "sessions": 24,
                "seconds": 12, "fps_hz": 15, "width_px": 160, "height_px": 120, "face_height_px": 96,
                "compression": {"codec": "mjpeg", "quality": 2}, "defects": False,
            }
        },
        "preprocess": {"clips": {"hop_s": 2}},
        "split": {"protocol": "leave_one_subject_out"},
        "train": {"epochs": 30, "patience": 10, "threads": 1},
    },
}  # fmt: skip


def params_of_set(params: Params, name: str, recorded_root: Path = RECORDED_ROOT) -> Params:
    """The parameters with the changes of SETS[name], checked as params.yaml is.

    recorded_root: where the waves lie, for a set that is driven by them; all people there take part.
    """
    changed = _merged(params.model_dump(), SETS[name])
    phantom = changed["download"]["phantom"]
    if phantom["driver"] == "recorded":
        people = subject_numbers(read_oximetry_phone_cam(recorded_root))
        phantom |= {"recorded_root": str(recorded_root), "subjects": len(people)}
    return Params.model_validate(changed)


def make_clips(params: Params, folder: Path) -> ClipStore:
    """Render and preprocess a phantom below folder, in one process. Raises TastError where too much is rejected."""
    phantom, raw, clips = params.download.phantom, folder / "raw", folder / "clips"
    planned = plan_phantom(**phantom.model_dump())
    planned.write_sessions(planned.sessions, raw / "phantom")
    planned.write_lists(raw / "phantom")
    describe(raw, [Description(phantom.layout, "phantom")])
    records, unread = read_raw(raw, params.preprocess)
    clips.mkdir()
    settings = settings_of(params.preprocess.model_dump())
    done = preprocess_records(records, settings=settings, cache_root=cache_root(), clips_folder=clips)
    rejects = [*unread, *done.rejects]
    require_enough(list(done.rows), rejects, len(records) + len(unread), params.preprocess.max_reject_fraction)
    write_tables(clips, done.rows, rejects, done.defects, params.preprocess.model_dump())
    return ClipStore(clips)


def _merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**settings, **changes}
    for name, change in changes.items():
        if isinstance(change, Mapping) and isinstance(settings.get(name), Mapping):
            merged[name] = _merged(settings[name], change)
    return merged
