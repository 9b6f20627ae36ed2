"""What dvc.lock says about a reproduction: the key by which its run is known, and the digests of its outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML

from tast.errors import BadInput

KEYED_STAGES = ("train", "evaluate")


def stage_key(dvc_lock: str, stages: Sequence[str] = KEYED_STAGES) -> str:
    """sha256 of these stages' entries in the text of dvc.lock; raises BadInput where a stage was never run."""
    known = _stages(dvc_lock)
    missing = [stage for stage in stages if stage not in known]
    if missing:
        raise BadInput("dvc.lock", f"no stage {', '.join(missing)}", "a finished `dvc repro`")
    chosen = {stage: known[stage] for stage in stages}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def output_digest(dvc_lock: str, path: str) -> str:
    """DVC's digest of an output (`<md5>` or `<md5>.dir`); raises BadInput where no stage in dvc.lock makes that path."""
    for stage in _stages(dvc_lock).values():
        for output in stage.get("outs", []):
            if output["path"] == path:
                return str(output["md5"])
    raise BadInput("dvc.lock", f"no output {path}", "a finished `dvc repro`")


def _stages(dvc_lock: str) -> dict[str, Any]:
    content = YAML(typ="safe").load(dvc_lock) or {}
    return dict(content.get("stages") or {})
