"""Experiments of DVC (`dvc exp run`) in a project's git repository: names, what each changed, and its scores, without DVC."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from tast.code_version import git_output
from tast.tracking.lock import flat
from tast.yaml_text import yaml_of

REFERENCE = re.compile(r"refs/exps/[0-9a-f]{2}/([0-9a-f]{38})/(.+)")  # those of DVC's own housekeeping look otherwise
FORMAT = "%(refname)%09%(objectname:short)%09%(creatordate:format:%Y-%m-%d %H:%M)"
MOST = 30
SCORES = ("reports/scores.json", "reports/metrics.json")  # the first that an experiment has holds all of them
CACHE = Path(".dvc/cache/files/md5")


@dataclass(frozen=True)
class Experiment:
    """changed: parameters by dotted key that are others than in the commit before it. rmse, constant_rmse: of its test people;
    None where its scores are in no cache here."""

    name: str
    commit: str
    made: str
    changed: tuple[str, ...]
    rmse: float | None = None
    constant_rmse: float | None = None


def experiments_of(folder: Path) -> tuple[list[Experiment], int]:
    """The latest MOST, newest first, and how many there are. None without git or experiments."""
    listed = (git_output(folder, "for-each-ref", "--sort=-creatordate", f"--format={FORMAT}", "refs/exps") or b"").decode(
        errors="replace"
    )
    found = []
    for line in listed.splitlines():
        reference, commit, made = line.split("\t")
        if match := REFERENCE.fullmatch(reference):
            found.append((match[2], commit, made))
    return [_experiment(folder, *one) for one in found[:MOST]], len(found)


def _experiment(folder: Path, name: str, commit: str, made: str) -> Experiment:
    values, before = (_yaml(folder, f"{revision}:./params.yaml") for revision in (commit, f"{commit}^"))
    changed = tuple(f"{key}={value}" for key, value in values.items() if before.get(key, value) != value)
    return Experiment(name, commit, made, changed, *_scores(folder, commit))


def _yaml(folder: Path, file: str) -> dict[str, Any]:
    """A committed YAML mapping by dotted keys; empty where there is none that can be read."""
    try:
        content = yaml_of(git_output(folder, "show", file) or b"")
    except YAMLError:
        return {}
    return flat(content, ".") if isinstance(content, Mapping) else {}


def _scores(folder: Path, commit: str) -> tuple[float | None, float | None]:
    """RMSE of the method and of the constant predictor, from DVC's cache."""
    outputs = _outputs(folder, commit)
    for md5 in [outputs[path] for path in SCORES if path in outputs][:1]:
        try:
            scores = json.loads((folder / CACHE / md5[:2] / md5[2:]).read_text())
            return float(scores["test"]["rmse"]), float(scores["constant"]["rmse"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, None
    return None, None


def _outputs(folder: Path, commit: str) -> dict[str, str]:
    """Path -> md5 of each output in a commit's dvc.lock; none where that cannot be read."""
    try:
        stages = yaml_of(git_output(folder, "show", f"{commit}:./dvc.lock") or b"")["stages"]
        found = {str(out["path"]): str(out["md5"]) for stage in stages.values() for out in stage.get("outs", [])}
    except (YAMLError, KeyError, TypeError, AttributeError):
        return {}
    return {path: md5 for path, md5 in found.items() if re.fullmatch(r"[0-9a-f]{32}(\.dir)?", md5)}
