"""The main job: `dvc repro` stage by stage under one Prefect server, then publish to MLflow and compare in its registry.

DVC's files are the truth; this flow adds no outputs of its own. `dvc repro` alone gives the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from filelock import FileLock, Timeout

from flows import STATE
from flows.layout import CODE, STAGES, table_stages
from flows.mending import mend
from flows.stage_code import as_it_was, edited
from flows.stage_deps import outputs_of, read_stages
from flows.stages.source import look_outside
from flows.summary import print_summary
from tast.errors import TastError, Unavailable, disk_errors_named
from tast.files import holds, whole_file
from tast.params import load_params

HowFar = Literal["evaluate", "publish", "promote"]  # what a run ends with
LOCK = STATE / "pipeline.lock"
PUBLISHED = STATE / "published"  # digest of what was last published: only lets an unchanged run end at once
NEVER = "dvc.lock knows no run of it"
MOST_NAMES = 3  # that --dry-run gives as a reason


def nothing_changed() -> bool:
    """True when the source is as it was, every stage is up to date and its results were published."""
    if not holds(PUBLISHED, _fingerprint()):
        return False
    params = load_params()
    look_outside(params)
    stages = [*STAGES, *table_stages(params.table)]
    return subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet", *stages], check=False).returncode == 0


def _fingerprint() -> str:
    files = (Path("dvc.lock"), Path("params.yaml"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files if file.is_file())).hexdigest()


def require_folders() -> None:
    """Raises TastError where a folder of outputs is a link: DVC would notice only after hours of work, and keep none of it."""
    for stage in read_stages().values():
        for folder in (one for out in outputs_of(stage) for one in Path(out).parents if one.is_symlink()):
            raise TastError(
                f"{folder} is a link to {folder.readlink()}, and DVC keeps nothing behind a link; expected a folder: for room "
                "elsewhere, `dvc cache dir --local` and `dvc config --local cache.type symlink` put the outputs themselves there"
            )


def would_run() -> dict[str, str | None]:
    """Stage -> why it would run now, None where it would not, in order; nothing is run, no file is touched but fingerprints.

    Raises TastError where DVC cannot tell.
    """
    require_folders()
    params = load_params()
    with as_it_was():  # or `dvc checkout` would not replace what DVC does not keep
        look_outside(params)
        wanted = [*STAGES, *table_stages(params.table)]
        asked = subprocess.run(
            [sys.executable, "-m", "dvc", "status", "--json", *wanted], capture_output=True, text=True, check=False
        )
        if asked.returncode:
            raise TastError((asked.stderr.strip().splitlines() or ["`dvc status` failed"])[-1].removeprefix("ERROR: "))
        changed, stages = json.loads(asked.stdout), read_stages()
        known = read_stages(lock) if (lock := Path("dvc.lock")).is_file() else {}
        reasons: dict[str, str | None] = {}
        made_anew: list[str] = []
        for name in wanted:
            declared = stages[name.partition("@")[0]]
            here = [NEVER] if name not in known else list(_reasons(changed.get(name, []), made_anew, known[name]))
            ahead = [
                dep.partition("/${")[0] for dep in declared["deps"] if any(Path(dep).is_relative_to(out) for out in made_anew)
            ]
            reasons[name] = "; ".join(here) or (f"if {' or '.join(ahead)} comes out as another" if ahead else None)
            if reasons[name]:
                made_anew += outputs_of(declared)
        return reasons


def _reasons(entries: Iterable[str | dict[str, Any]], made_anew: Collection[str], known: Mapping[str, Any]) -> Iterator[str]:
    """Of a stage's entries in `dvc status --json`, without the outputs of stages that would run themselves. known: the stage in
    dvc.lock."""
    used = {dep["path"]: dep["md5"] for dep in known.get("deps", []) if "md5" in dep}
    for entry in entries:
        if isinstance(entry, str):  # "changed command"
            yield entry
            continue
        for what, files in entry.items():
            names = [
                each
                for one, how in files.items()
                if one not in made_anew
                for each in (
                    [f"{one} ({', '.join(how)})"] if isinstance(how, dict)
                    else edited(one, used[one]) if Path(one).is_relative_to(CODE) and one in used
                    else [one]
                )
            ]  # fmt: skip
            if names:
                more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
                yield f"{what}: {', '.join(names[:MOST_NAMES])}{more}"


def print_dry_run() -> None:
    reasons = would_run()
    width = max(len(name) for name in reasons)
    for name, why in reasons.items():
        print(f"{name:<{width}}  " + (f"would run ({why})" if why else "up to date"))


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # unwinds through the blocks that end the process groups


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m flows.pipeline", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="say which stages would run, and run none")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    try:
        with disk_errors_named():
            if arguments.dry_run:
                print_dry_run()
                return
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


def reproduce(patience_s: float = 0, until: HowFar = "promote") -> None:
    """Run what is out of date, once another run, waited for so long, has left the workspace; publish and promote it, or not.

    Raises TastError inside a DVC stage, and where that other run does not end.
    """
    if "DVC_STAGE" in os.environ:
        raise TastError(
            f"the pipeline was started inside the DVC stage {os.environ['DVC_STAGE']!r}: DVC cannot run within itself"
        )
    load_params()
    require_folders()
    STATE.mkdir(exist_ok=True)
    try:
        with FileLock(LOCK, timeout=patience_s):
            mend()
            if nothing_changed():
                print("Nothing changed since the last run.")
                return
            from flows.main_job import run  # Prefect takes seconds to import

            try:
                run(until)
            finally:
                mend()
            if until == "promote":
                with whole_file(PUBLISHED) as part:
                    part.write_text(_fingerprint())
    except Timeout:
        raise Unavailable("another run of the pipeline holds this workspace; wait for it or stop it") from None


if __name__ == "__main__":
    main()
