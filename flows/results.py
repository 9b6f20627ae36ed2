"""A result of this project by its name: the workspace, a git revision, an experiment of DVC, a run or a version of MLflow.

Of a revision or an experiment DVC hands out what its dvc.lock names, from the cache or else from a remote, into a folder of the
caller's: nothing is checked out. Runs and versions are copied from MLflow's store.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.repo import Repo
from dvc.scm import NoSCM, RevError, resolve_rev
from dvc_data.index import DataIndexDirError

from flows.layout import CODE, METHOD, METRICS, MODEL, PREDICTIONS
from flows.stage_code import code_of
from flows.store import tracking_uri
from tast.closure import PACKAGES
from tast.code_version import RECORD, code_at, is_commit
from tast.errors import BadInput, TastError
from tast.evaluation.predictions import read_predictions
from tast.tracking.lock import code_files, output_digest, require_output, run_params

log = logging.getLogger("flows.results")
WORKSPACE = "workspace"  # as DVC's own commands call it
REGISTERED = "models:/"
VERSION = re.compile(r"[\w.\- ]+(@[\w.\-]+|/\d+)")
RUN_ID = re.compile(r"[0-9a-f]{32}")
OUTPUTS = {  # what is read -> DVC's output that it is of
    MODEL: MODEL.parts[0],
    PREDICTIONS: PREDICTIONS.as_posix(),
    METRICS: METRICS.as_posix(),
}
METHODS = "tast/methods"
ALL_CODE = (*PACKAGES, "requirements.lock")


@dataclass(frozen=True)
class Code:
    """What a result was made with: path -> md5.

    of_stages: those that its stages rest on; None of a run, whose commit's whole code stands in `files`. method: DVC's digest of
    METHOD, which says what the method's code is; None of a run.
    """

    files: Mapping[str, str]
    of_stages: frozenset[str] | None = None
    method: str | None = None


@dataclass(frozen=True)
class Result:
    """A result and what it was made with.

    name: as asked for. description: where it was found. model: folder of the saved model. predictions: of its own test
    recordings; None where there are none that can be read. test_rmse: of those, in percent SpO2. params: by dotted key, as text.
    code: None where it is unknown.
    """

    name: str
    description: str
    model: Path
    predictions: pd.DataFrame | None
    test_rmse: float | None
    params: Mapping[str, str]
    code: Code | None


def result_named(name: str, folder: Path) -> Result:
    """What `name` is a name of, looked for in this order; files that had to be fetched lie in `folder`, which must not exist yet.

    `workspace`; what git or DVC know as a revision or an experiment; a run id; NAME@ALIAS or NAME/VERSION of the registry, with
    models:/ before it where git has something of that name too. Raises TastError where it is none of them, and where files of it
    are not to be had.
    """
    if name == WORKSPACE:
        return _of_workspace()
    commit = None if name.startswith(REGISTERED) else _commit_of(name)
    if commit is not None:
        return _of_commit(name, commit, folder)
    if RUN_ID.fullmatch(name) or VERSION.fullmatch(name.removeprefix(REGISTERED)):
        return _of_store(name, folder)
    raise TastError(
        f"{name!r} is no result: neither {WORKSPACE}, nor a git revision, nor an experiment (`dvc exp list --all-commits`), "
        "nor a run id, nor a registered version (NAME@ALIAS or NAME/VERSION)"
    )


def differing_params(a: Result, b: Result) -> dict[str, tuple[str | None, str | None]]:
    """The parameters in which two results differ, by dotted key; None where one has none of that name."""
    keys = sorted(a.params.keys() | b.params.keys())
    return {key: (a.params.get(key), b.params.get(key)) for key in keys if a.params.get(key) != b.params.get(key)}


def differing_code(a: Result, b: Result) -> list[str] | None:
    """The files in which what two results were made with differs; None where that of one is unknown.

    Of what their stages rest on, where at least one has a dvc.lock; of two runs, of all code of their commits.
    """
    if a.code is None or b.code is None:
        return None
    chosen = [set(one.files) for one in (a.code, b.code) if one.of_stages is not None]
    paths = set.union(*(chosen or [set(a.code.files), set(b.code.files)]))
    if a.code.of_stages is not None and b.code.of_stages is not None and a.code.method == b.code.method:
        paths = {*a.code.of_stages, *b.code.of_stages}  # files of other methods may differ all the same
    return sorted(path for path in paths if a.code.files.get(path) != b.code.files.get(path))


def _of_workspace() -> Result:
    lock = Path(RECORD)
    if not lock.is_file():
        raise BadInput(lock, "no such file", "a finished `dvc repro`")
    text = lock.read_text(encoding="utf-8")
    for output in OUTPUTS.values():
        require_output(text, output, Path())
    code: dict[str, str] = json.loads(METHOD.read_text())["code"] if METHOD.is_file() else {}
    used = {path: md5 for path, md5 in code.items() if path.partition("/")[0] in PACKAGES}
    beside = {file.as_posix(): hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
              for file in Path(METHODS).rglob("*") if file.is_file() and "__pycache__" not in file.parts}  # fmt: skip
    return _of_lock(WORKSPACE, "the files as they lie here", text, Path(), beside | used)


def _of_commit(name: str, commit: str, folder: Path) -> Result:
    """Of a commit's dvc.lock, what it names among OUTPUTS laid into `folder`."""
    short = commit[:7]
    with Repo(".") as repo:
        config = dict(repo.config)
        with repo.switch(commit):
            repo.config.merge(config)  # a remote that came after the commit may hold its outputs all the same
            lock = _copied(name, short, DVCFileSystem(repo), folder)
    return _of_lock(name, f"commit {short}", lock, folder, code_at(Path(), commit, [METHODS]) or {})


def _copied(name: str, short: str, files: DVCFileSystem, folder: Path) -> str:
    """The text of a commit's dvc.lock; the OUTPUTS that it names then lie in `folder`."""
    if not files.isfile(RECORD):
        raise TastError(f"{name}: commit {short} holds no {RECORD}; expected the commit of a finished `dvc repro`")
    lock = str(files.read_text(RECORD))
    for place, output in OUTPUTS.items():
        try:
            digest = output_digest(lock, output)
            files.get(place.as_posix(), str(folder / place), recursive=True)
        except BadInput as error:
            raise TastError(f"{name}: of commit {short}, {error}") from None
        except (DvcException, DataIndexDirError, OSError) as error:
            raise TastError(
                f"{name}: {place} of commit {short} (md5 {digest}) is neither in DVC's cache nor in a remote that answers; "
                f"`dvc fetch --all-commits`, or of an experiment `dvc exp pull REMOTE {name}`, brings it from where it was "
                f"pushed to, else `git checkout {short}` and `dvc repro` make it again"
            ) from error
    with suppress(DvcException, DataIndexDirError, OSError):  # without it the code is unknown, and the rest is not
        files.get(CODE.as_posix(), str(folder / CODE), recursive=True)
    return lock


def _of_lock(name: str, description: str, lock: str, folder: Path, methods: Mapping[str, str]) -> Result:
    """methods: path -> md5 of the files of all methods, of which the lock names none (METHOD does, of the one in use)."""
    try:
        method = output_digest(lock, METHOD.as_posix())
    except BadInput:  # of a release before it
        method = None
    try:
        stages = code_files(lock, partial(code_of, project=folder))
        code: Code | None = Code({**methods, **stages}, frozenset(stages), method)
    except BadInput as error:
        log.warning("%s: which code it was made with is unknown: %s", name, error)
        code = None
    return Result(
        name=name, description=description, model=folder / MODEL, predictions=_table(name, folder / PREDICTIONS),
        test_rmse=rmse_of(json.loads((folder / METRICS).read_text())),
        params={key: str(value) for key, value in run_params(lock).items()},
        code=code,
    )  # fmt: skip


def rmse_of(metrics: Mapping[str, Any]) -> float | None:
    """Of METRICS; a release before SCORES had all scores in it, the network's under `test`."""
    found: float | None = metrics.get("test", metrics).get("rmse")
    return found


def _of_store(name: str, folder: Path) -> Result:
    from tast.tracking.results import result_of_run, result_of_version  # here: MLflow takes seconds to import

    folder.mkdir(parents=True)
    if RUN_ID.fullmatch(name):
        found = result_of_run(name, folder, tracking_uri=tracking_uri())
    else:
        uri = f"{REGISTERED}{name.removeprefix(REGISTERED)}"
        found = result_of_version(uri, folder, tracking_uri=tracking_uri())
    files = None if found.commit is None else code_at(Path(), found.commit, ALL_CODE)
    of_code = "of unknown code" if found.commit is None else f"commit {found.commit[:7]}{' and changes' if found.dirty else ''}"
    return Result(
        name=name, description=f"{found.version}, run {found.run_id}, {of_code}", model=found.model,
        predictions=None if found.predictions is None else _table(name, found.predictions), test_rmse=found.test_rmse,
        params=found.params, code=None if files is None else Code(files),
    )  # fmt: skip


def _commit_of(name: str) -> str | None:
    """The commit that git or DVC know by that name; None where neither knows it, or there is no repository of theirs."""
    try:
        with Repo(".") as repo:
            if isinstance(repo.scm, NoSCM) or not name:
                return None
            found = str(resolve_rev(repo.scm, name))
            return found if is_commit(Path(), found) else None  # HEAD:params.yaml is something, and no commit
    except NotDvcRepoError:
        return None
    except RevError as error:
        if "ambiguous" in str(error):
            raise TastError(f"{name!r} names several experiments or branches: give the commit (`dvc exp show`)") from None
        return None


def _table(name: str, path: Path) -> pd.DataFrame | None:
    """The table of predictions; None, with a line, where another release wrote it in another form."""
    try:
        return read_predictions(path)
    except BadInput as error:
        log.warning("%s: its table of predictions cannot be used: %s", name, error.found)
        return None
