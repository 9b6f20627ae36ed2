"""What dvc.lock says about a reproduction: what went in, the key by which its run is known, its fold, and its outputs' digests.

A run is known by what went in: commands, parameters, code and data. What came out is not part of it: two machines whose sums
differ in the last bit have made one experiment, not two. Of data that the phantom simulates the parameters are what went in; of
any other, the content of data/raw, wherever it came from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml.error import YAMLError

from tast.errors import BadInput
from tast.yaml_text import yaml_of

STAGES = ("download", "preprocess", "split", "train", "evaluate")  # the source stage decides only whether to download again
RAW_DATA = "data/raw"
METHOD, CODE = "data/method.json", "data/code"  # which code the method is, and what the stages rest on
WRITTEN_DOWN = (METHOD, CODE)  # outputs of stage source, but nothing that was computed
# Where the data lie, and whether they may be fetched: their content counts, not their address.
PLACES = ("dataset.root", "dataset.second.root", "download.base_url", "download.sha256", "download.accept_licence",
          "download.phantom.recorded_root")  # fmt: skip


@dataclass(frozen=True)
class Fold:
    """Which fold was tested, and the digest of all that the folds of one cross-validation share."""

    number: int
    group: str


def stage_key(dvc_lock: str) -> str:
    """sha256 of what went into all stages, from the text of dvc.lock; raises BadInput where a stage was never run.

    That is each stage's command, parameters (less PLACES) and dependencies, except for what another stage made; and the digest
    of data/raw where that is not simulated.
    """
    return _digest(_inputs(dvc_lock))


def fold_of(dvc_lock: str) -> Fold:
    """The fold that was tested; its group is the sha256 of what went in, as in `stage_key`, less the number of that fold.

    Raises BadInput where a stage was never run, or no split.fold is on record.
    """
    inputs = _inputs(dvc_lock)
    try:
        number = inputs["split"]["params"].pop("split.fold")
    except KeyError:
        raise BadInput("dvc.lock", "no split.fold among the parameters of stage split", "a finished `dvc repro`") from None
    return Fold(int(number), _digest(inputs))


def run_params(dvc_lock: str) -> dict[str, Any]:
    """The parameters that the stages were run with, by dotted key; raises BadInput where a stage was never run."""
    params: dict[str, Any] = {}
    for stage in _chosen(dvc_lock).values():
        params |= _params(stage)
    return params


def code_files(dvc_lock: str, code_of: Callable[[str, str], Mapping[str, str]]) -> dict[str, str]:
    """Path -> md5 of each file that the stages were run with and that no stage made: code and requirements.

    code_of: path and md5 of a file below CODE -> path and md5 of the files that it names. A folder that was declared as a whole
    is not among them, nor the code that METHOD names. Raises BadInput where a stage was never run.
    """
    stages, made = _chosen(dvc_lock), _made(dvc_lock)
    deps = {path: md5 for stage in stages.values() for path, md5 in _outside(stage, made).items()}
    files = {path: md5 for path, md5 in deps.items() if md5 and not md5.endswith(".dir") and not _written_down(path)}
    for path, md5 in deps.items():
        if PurePosixPath(path).is_relative_to(CODE):
            files |= code_of(path, md5)
    return files


def output_digest(dvc_lock: str, path: str) -> str:
    """DVC's digest of an output (`<md5>` or `<md5>.dir`); raises BadInput where no stage in dvc.lock makes that path."""
    for stage in _stages(dvc_lock).values():
        for output in stage.get("outs", []):
            if output["path"] == path:
                return str(output["md5"])
    raise BadInput("dvc.lock", f"no output {path}", "a finished `dvc repro`")


def require_output(dvc_lock: str, path: str, project: Path) -> None:
    """Raises BadInput where the file or folder `path` below `project` is not what dvc.lock says a stage made there."""
    expected, place = output_digest(dvc_lock, path), project / path
    if not place.exists():
        raise BadInput(
            path, "no such file or folder", "an output of dvc.lock (`dvc checkout` brings it back, `dvc repro` makes it)"
        )
    if _md5_of_folder(place) != expected if place.is_dir() else _md5(place.read_bytes()) != expected:
        raise BadInput(
            path, "not what dvc.lock says the pipeline made", "the same (`dvc checkout` brings it back, `dvc repro` makes it)"
        )


def _inputs(dvc_lock: str) -> dict[str, Any]:
    stages, made = _chosen(dvc_lock), _made(dvc_lock)
    inputs: dict[str, Any] = {}
    for name, stage in stages.items():
        params = {key: value for key, value in _params(stage).items() if key not in PLACES}
        inputs[name] = {"cmd": stage["cmd"], "params": params, "deps": _outside(stage, made)}
    if not _simulated(run_params(dvc_lock)):
        inputs["data"] = output_digest(dvc_lock, RAW_DATA)
    return inputs


def _simulated(params: Mapping[str, Any]) -> bool:
    """Whether all data are computed from parameters alone; a phantom of recorded waves is not."""
    names = [value for key in ("dataset.name", "dataset.second.name") if (value := params.get(key)) is not None]
    return set(names) == {"phantom"} and params.get("download.phantom.driver", "simulated") == "simulated"


def _params(stage: Mapping[str, Any]) -> dict[str, Any]:
    files = stage.get("params", {})
    return {key: value for content in files.values() for key, value in flat(content, ".").items()}


def _outside(stage: Mapping[str, Any], made: Sequence[str]) -> dict[str, Any]:
    deps = {dep["path"]: dep.get("md5") for dep in stage.get("deps", [])}
    return {path: md5 for path, md5 in deps.items() if not any(PurePosixPath(path).is_relative_to(one) for one in made)}


def _made(dvc_lock: str) -> list[str]:
    outputs = [output["path"] for stage in _stages(dvc_lock).values() for output in stage.get("outs", [])]
    return [path for path in outputs if not _written_down(path)]


def _written_down(path: str) -> bool:
    return any(PurePosixPath(path).is_relative_to(one) for one in WRITTEN_DOWN)


def _chosen(dvc_lock: str) -> dict[str, Any]:
    known = _stages(dvc_lock)
    missing = [stage for stage in STAGES if stage not in known]
    if missing:
        raise BadInput("dvc.lock", f"no stage {', '.join(missing)}", "a finished `dvc repro`")
    return {stage: known[stage] for stage in STAGES}


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _md5_of_folder(folder: Path) -> str:
    """As DVC names a folder: the md5 of a JSON list of its files' md5 and relative paths."""
    files = sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())
    listed = [{"md5": _md5(file.read_bytes()), "relpath": path} for path, file in files]
    return f"{_md5(json.dumps(listed, sort_keys=True).encode())}.dir"


@lru_cache(maxsize=2)
def _stages(dvc_lock: str) -> dict[str, Any]:
    """Not to be changed: kept, since publishing asks for them some twenty times. Raises BadInput where DVC did not write it."""
    expected = "what DVC wrote (`git checkout dvc.lock` brings it back, `dvc repro` makes it)"
    try:
        content = yaml_of(dvc_lock) or {}
    except YAMLError as error:
        raise BadInput("dvc.lock", f"no YAML ({error})", expected) from None
    stages = content.get("stages") or {} if isinstance(content, dict) else None
    if not isinstance(stages, dict) or not all(isinstance(stage, dict) for stage in stages.values()):
        raise BadInput("dvc.lock", "no list of stages", expected)
    return dict(stages)


def flat(values: Mapping[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with keys joined by the separator."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, separator, f"{prefix}{key}{separator}")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
