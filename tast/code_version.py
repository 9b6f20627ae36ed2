"""Which commit a project folder's code is of, as git says: in a clone, a worktree or a folder of a larger repository."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

GIT_S = 120.0
PARAMS = "params.yaml"
RECORD = "dvc.lock"  # what a run writes; that it differs from the commit says nothing about the code
OTHER_REPOSITORY = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
)


@dataclass(frozen=True)
class CodeVersion:
    """commit: 40 hex digits; None where git knows none. differing: paths below the project that the commit has otherwise."""

    commit: str | None
    differing: tuple[str, ...] = ()

    @property
    def dirty(self) -> bool | None:
        """Whether something differs; None where there is no commit to differ from."""
        return None if self.commit is None else bool(self.differing)


def code_version(
    project: Path, *, used: Mapping[str, str] | None = None, used_params: Mapping[str, Any] | None = None
) -> CodeVersion:
    """The commit of the folder `project`, and what differs from it; without git, a repository or a commit, an unknown one.

    Differing is what the working tree has changed, added or lost below `project`: tracked files and untracked ones that git does
    not ignore, but for dvc.lock. And, whatever the working tree looks like now (a change may have been taken back since, or git
    was told to overlook it), what a run used and the commit does not hold: `used` is path -> md5 of its content, `used_params`
    are values by dotted key of params.yaml.
    """
    commit = git_output(project, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    held = None if commit is None else git_output(project, "ls-files", "--", ".")
    if commit is None or not held:  # a folder that a larger repository ignores is not of its commit
        return CodeVersion(None)
    status = git_output(
        project, "-c", "core.fsmonitor=false", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all",
        "--ignore-submodules=none", "--", ".", f":(exclude){RECORD}",
    )  # fmt: skip
    if status is None:
        return CodeVersion(None)
    prefix = (git_output(project, "rev-parse", "--show-prefix") or b"").decode().strip()
    changed = {entry[3:].decode(errors="replace").removeprefix(prefix) for entry in status.split(b"\0") if entry}
    changed |= set(_other_files(project, used or {}))
    if used_params and _differ(project, used_params):
        changed.add(PARAMS)
    return CodeVersion(commit.decode().strip(), tuple(sorted(changed)))


def is_commit(project: Path, digest: str) -> bool:
    """Whether git has a commit of these hex digits, and no file, folder or tag."""
    return (git_output(project, "cat-file", "-t", digest) or b"").strip() == b"commit"


def code_at(project: Path, commit: str, places: Sequence[str]) -> dict[str, str] | None:
    """Path -> md5 of each file of a commit in these places below `project`; None where git has no such commit."""
    listed = git_output(project, "ls-tree", "-r", "-z", "--name-only", commit, "--", *places)
    if listed is None:
        return None
    paths = listed.decode(errors="replace").split("\0")[:-1]
    contents = zip(paths, _contents(project, paths, commit), strict=True)
    return {path: hashlib.md5(held, usedforsecurity=False).hexdigest() for path, held in contents if held is not None}


def _other_files(project: Path, used: Mapping[str, str]) -> Iterator[str]:
    """Those of the used files whose content the commit does not hold."""
    paths = list(used)
    contents = _contents(project, paths) if paths else []
    for path, content in zip(paths, contents, strict=True):
        if content is None or hashlib.md5(content, usedforsecurity=False).hexdigest() != used[path]:
            yield path


def _differ(project: Path, used_params: Mapping[str, Any]) -> bool:
    (content,) = _contents(project, [PARAMS])
    try:
        held = YAML(typ="safe").load(content or b"")
    except YAMLError:
        return True
    return any(_at(held, key) != value for key, value in used_params.items())


def _at(values: Any, dotted: str) -> Any:
    """A value by its dotted key; what is not there is None, as DVC records it."""
    for part in dotted.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return None
        values = values[part]
    return values


def _contents(project: Path, paths: list[str], commit: str = "HEAD") -> list[bytes | None]:
    """What a commit holds at these paths below the project; None where it holds no such file."""
    names = "".join(f"{commit}:./{path}\n" for path in paths).encode()
    answer = git_output(project, "cat-file", "--batch", given=names)
    if answer is None:
        return [None] * len(paths)
    contents: list[bytes | None] = []
    start = 0
    for _ in paths:
        header, _, _ = answer[start:].partition(b"\n")
        start += len(header) + 1
        if not header.rpartition(b" ")[2].isdigit():  # "... missing"
            contents.append(None)
            continue
        size = int(header.rpartition(b" ")[2])
        contents.append(answer[start : start + size])
        start += size + 1
    return contents


def git_output(project: Path, *arguments: str, given: bytes | None = None) -> bytes | None:
    """What git says there; None where it fails or there is no git. What a hook set, of whatever repository, does not count."""
    environment = {name: value for name, value in os.environ.items() if name not in OTHER_REPOSITORY}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=project, env=environment, input=given, capture_output=True, timeout=GIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
