"""Is this project folder ready? Cache, servers, saved model, git and DVC, each with what to do when it is not.

Servers and the cache are those that the environment names; without a name the pipeline needs none of them to be there before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from tast.code_version import code_version
from tast.doctor.machine import Check
from tast.redaction import without_secrets

ANSWER_S = 5.0  # for a server
PATIENCE_S = 120.0  # for git and DVC, which look at every output
SQLITE = "sqlite:///"


def project_checks(project: Path, environment: Mapping[str, str]) -> list[Check]:
    """Of the folder `project`, with what the environment names. Git, DVC and the model only where it is TAST's folder."""
    checks = [check_cache(project, environment), check_prefect(environment), check_mlflow(environment)]
    if not (project / "dvc.yaml").is_file():
        here = Check("project folder", True, "not here", hint="`tast init FOLDER` makes one; much of `tast` works there alone")
        return [*checks, here]
    return [*checks, check_saved_model(project), check_commit(project), check_outputs(project)]


def check_cache(project: Path, environment: Mapping[str, str]) -> Check:
    """The cache of preprocessed videos: a folder that can be written."""
    given = environment.get("TAST_CACHE", "")
    if "://" in given:
        return Check("cache", False, f"TAST_CACHE={given}", "name a folder: the cache is mapped into memory (docs/storage.md)")
    folder = Path(given) if given else project / ".tast" / "cache"
    there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return Check("cache", writable, f"{folder}{'' if writable else ' cannot be written'}", "set TAST_CACHE to a folder of yours")


def check_prefect(environment: Mapping[str, str]) -> Check:
    url = environment.get("PREFECT_API_URL", "")
    if not url:
        hint = "`make serve` for schedules and a page that stays"
        return Check("Prefect server", True, "not set: each run starts its own", hint=hint)
    return _check_server("Prefect server", url, f"{url.rstrip('/')}/health", "PREFECT_API_URL", "`prefect server start`")


def check_mlflow(environment: Mapping[str, str]) -> Check:
    """A server is asked; of a database only the name is told, without what may be a password in it."""
    uri = environment.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        return Check("MLflow store", True, "not set: a file in .tast/mlflow", hint="`make ui` shows it")
    if uri.startswith(("http://", "https://")):
        return _check_server("MLflow server", uri, f"{uri.rstrip('/')}/health", "MLFLOW_TRACKING_URI", "`mlflow server`")
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file():
        return Check("MLflow store", True, "a file that is not there yet", hint="the first `make repro` makes it")
    return Check("MLflow store", True, f"{uri.partition(':')[0]} database")


def _check_server(name: str, url: str, health_url: str, variable: str, starter: str) -> Check:
    url = without_secrets(url)
    advice = f"start it ({starter}, or `make serve` for both), or unset {variable}"
    try:
        status = requests.get(health_url, timeout=ANSWER_S).status_code
    except requests.RequestException as error:
        return Check(name, False, f"{url} does not answer ({type(error).__name__})", advice)
    if status != requests.codes.ok:
        return Check(name, False, f"{url} answers {status}", f"is {variable} its address? {advice}")
    return Check(name, True, f"{url} answers")


def check_saved_model(project: Path) -> Check:
    found = (project / "models/tast_net/model.json").is_file()
    hint = "" if found else "`make repro` trains it; `dvc pull --allow-missing` where a team shares it"
    return Check("saved model", True, "models/tast_net" if found else "none yet", hint=hint)


def check_commit(project: Path) -> Check:
    """A run is published with its commit: what is not committed makes it one that nobody can repeat."""
    code = code_version(project)
    if code.commit is None:
        return Check("git commit", False, "not in a git repository", "`git clone` the project, or `git init` and commit it")
    count = len(code.differing)
    hint = "`git commit` before a run that others shall repeat" if count else ""
    return Check("git commit", True, f"{count} files changed since" if count else "clean", hint=hint)


def check_outputs(project: Path) -> Check:
    """Whether the outputs here are those of dvc.lock."""
    status = _output_of([sys.executable, "-m", "dvc", "data", "status", "--json"], project)
    if status is None:
        return Check("DVC outputs", False, "DVC cannot read this folder", "`dvc data status` says why")
    missing = [name for kind in json.loads(status or "{}").get("uncommitted", {}).values() for name in kind]
    hint = "`make repro` makes them; `dvc checkout` brings back those in the cache" if missing else ""
    return Check("DVC outputs", True, f"{len(missing)} are not those of dvc.lock" if missing else "those of dvc.lock", hint=hint)


def _output_of(command: list[str], folder: Path) -> str | None:
    """What a program says; None where it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    except (subprocess.SubprocessError, OSError):
        return None
    return done.stdout
