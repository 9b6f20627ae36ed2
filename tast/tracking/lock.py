"""What dvc.lock says about a reproduction: the key by which its run is known, its fold, and the digests of its outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ruamel.yaml import YAML

from tast.errors import BadInput

KEYED_STAGES = ("train", "evaluate")
FOLDED_STAGES = ("split", "train", "evaluate")


@dataclass(frozen=True)
class Fold:
    """Which fold was tested, and the digest of all that the folds of one cross-validation share."""

    number: int
    group: str


def stage_key(dvc_lock: str, stages: Sequence[str] = KEYED_STAGES) -> str:
    """sha256 of these stages' entries in the text of dvc.lock; raises BadInput where a stage was never run."""
    return _digest(_chosen(dvc_lock, stages))


def fold_of(dvc_lock: str) -> Fold:
    """The fold that was tested; its group is the sha256 of what the stages from the split on were given, less that number.

    Given are commands, parameters and dependencies, except for what one of these stages made itself: runs of one group differ in
    split.fold and in nothing else. Raises BadInput where a stage was never run, or no split.fold is on record.
    """
    stages = _chosen(dvc_lock, FOLDED_STAGES)
    made = [output["path"] for stage in stages.values() for output in stage.get("outs", [])]
    given = {name: _given(stage, made) for name, stage in stages.items()}
    try:
        number = given["split"]["params"]["params.yaml"]["split"].pop("fold")
    except KeyError:
        raise BadInput("dvc.lock", "no split.fold among the parameters of stage split", "a finished `dvc repro`") from None
    return Fold(int(number), _digest(given))


def _given(stage: dict[str, Any], made: Sequence[str]) -> dict[str, Any]:
    deps = {dep["path"]: dep.get("md5") for dep in stage.get("deps", [])}
    outside = {path: md5 for path, md5 in deps.items() if not any(PurePosixPath(path).is_relative_to(one) for one in made)}
    return {"cmd": stage["cmd"], "params": stage.get("params", {}), "deps": outside}


def output_digest(dvc_lock: str, path: str) -> str:
    """DVC's digest of an output (`<md5>` or `<md5>.dir`); raises BadInput where no stage in dvc.lock makes that path."""
    for stage in _stages(dvc_lock).values():
        for output in stage.get("outs", []):
            if output["path"] == path:
                return str(output["md5"])
    raise BadInput("dvc.lock", f"no output {path}", "a finished `dvc repro`")


def _chosen(dvc_lock: str, stages: Sequence[str]) -> dict[str, Any]:
    known = _stages(dvc_lock)
    missing = [stage for stage in stages if stage not in known]
    if missing:
        raise BadInput("dvc.lock", f"no stage {', '.join(missing)}", "a finished `dvc repro`")
    return {stage: known[stage] for stage in stages}


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _stages(dvc_lock: str) -> dict[str, Any]:
    content = YAML(typ="safe").load(dvc_lock) or {}
    return dict(content.get("stages") or {})
