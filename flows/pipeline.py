"""The main job: `dvc repro` stage by stage under one Prefect server, then publish to MLflow and compare in its registry.

DVC's files are the truth; this flow adds no outputs of its own. `dvc repro` alone gives the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout
from prefect import task
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import STATE
from flows.layout import SOURCE, STAGES
from flows.mending import keep_lock, mend
from flows.running import configure_logging, finish, settle, stage
from flows.servers import guarded, prefect_server
from flows.source import roots_of
from flows.summary import print_summary
from flows.watching import asking, wait_and_tell
from tast.errors import TastError
from tast.fingerprint import write_sources
from tast.params import load_params

log = logging.getLogger("flows.pipeline")  # __name__ is __main__ where a stage runs
LOCK = STATE / "pipeline.lock"
PUBLISHED = STATE / "published"  # digest of what was last published: only lets an unchanged run end at once


@task(name="dvc stage", task_run_name="dvc stage {name}")
def run_stage(name: str, api_url: str) -> None:
    """One DVC stage in a process group of its own; what it made is shown on Prefect's page. Raises TastError where it failed."""
    from flows.artifacts import LEFT_BY  # pandas takes its time, and is not needed where nothing changed

    _heading(name)
    keep_lock()
    alone = [] if name == STAGES[0] else ["--single-item"]  # the first looks at its source as well
    code = _in_own_group([sys.executable, "-m", "dvc", "repro", "--quiet", *alone, name], name, api_url)
    if code:
        raise TastError(f"stage {name} failed (exit code {code}); its last lines are above, `dvc repro {name}` runs it alone")
    if name in LEFT_BY:
        LEFT_BY[name]()


def _in_own_group(command: list[str], stage_name: str, api_url: str) -> int:
    standing = STATE / "progress.json"
    standing.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PREFECT_API_URL": api_url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **asking(standing),
    }
    with guarded(command, env=environment) as process:
        return wait_and_tell(process, stage_name, standing)


@stage
def pipeline(api_url: str) -> None:
    """Every DVC stage in order, then publish and promote."""
    from flows.promote import promote  # MLflow takes seconds to import, and is not needed before the stages have run
    from flows.publish import publish

    for name in STAGES:
        run_stage(name, api_url)
    _heading("publish")
    finish(publish)
    _heading("promote")
    try:
        finish(promote)
    except TastError as refusal:  # an answer, not a failure: what was made is published all the same
        log.warning("not promoted: %s", refusal)


def run() -> None:
    """The pipeline under a server of its own, or under PREFECT_API_URL's where that is set."""
    existing = os.environ.get("PREFECT_API_URL")
    if existing:
        finish(pipeline, existing)
    else:
        with prefect_server() as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
            try:
                finish(pipeline, f"{address}/api")
            finally:
                settle()
    PUBLISHED.write_text(_fingerprint())


def nothing_changed() -> bool:
    """True when the source is as it was, every stage is up to date and its results were published."""
    if not (PUBLISHED.is_file() and PUBLISHED.read_text() == _fingerprint()):
        return False
    write_sources(roots_of(load_params()), SOURCE)
    return subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet", *STAGES], check=False).returncode == 0


def _fingerprint() -> str:
    files = (Path("dvc.lock"), Path("params.yaml"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files if file.is_file())).hexdigest()


def _heading(name: str) -> None:
    print(f"-- {name}", file=sys.stderr, flush=True)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # unwinds through the blocks that end the process groups


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m flows.pipeline", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="say which stages would run, and run none")
    arguments = parser.parse_args()
    configure_logging()
    signal.signal(signal.SIGTERM, _stop)
    try:
        if arguments.dry_run:
            load_params()
            raise SystemExit(subprocess.run([sys.executable, "-m", "dvc", "repro", "--dry"], check=False).returncode)
        reproduce()
        print_summary()
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def held() -> bool:
    """True while a run of the pipeline is at work in this workspace."""
    try:
        with FileLock(LOCK, timeout=0):
            return False
    except Timeout:
        return True


def reproduce(patience_s: float = 0) -> None:
    """Run what is out of date, once another run, waited for so long, has left the workspace.

    Raises TastError inside a DVC stage, and where that other run does not end.
    """
    if "DVC_STAGE" in os.environ:
        raise TastError(
            f"the pipeline was started inside the DVC stage {os.environ['DVC_STAGE']!r}: DVC cannot run within itself"
        )
    load_params()
    STATE.mkdir(exist_ok=True)
    try:
        with FileLock(LOCK, timeout=patience_s):
            mend()
            if nothing_changed():
                print("Nothing changed since the last run.")
                return
            try:
                run()
            finally:
                mend()
    except Timeout:
        raise TastError("another run of the pipeline holds this workspace; wait for it or stop it") from None


if __name__ == "__main__":
    main()
