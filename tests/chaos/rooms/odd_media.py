"""Odd videos, folders and files through the commands of a user: `tast predict`, `tast check`, `tast audit`.

Each must give what is right, or one line that says what is wrong, with exit code 1 and no table of it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from tast.cli.main import app
from tast.errors import TastError
from tests.chaos.bad.odd import CASES, Case
from tests.chaos.bad.trial import LONGEST_LINE
from tests.chaos.outcome import Outcome, Tries
from tests.prediction.conftest import save_untrained


def run(tries: Tries) -> Iterator[Outcome]:
    (tries.folder / "model").mkdir()
    model = save_untrained(tries.folder / "model")
    for case in CASES[:: max(1, round(1 / tries.share))]:
        if tries.over:
            yield Outcome(case.name, case.expected, tried=0, held=0, note="not tried: no time was left")
            continue
        with tempfile.TemporaryDirectory(dir=tries.folder) as scratch:
            outcome = outcome_of(case, Path(scratch), model)
            subprocess.run(["rm", "-rf", scratch], check=True)  # Python's own way fails on deep folders
            Path(scratch).mkdir()
            yield outcome


def outcome_of(case: Case, scratch: Path, model: Path) -> Outcome:
    place, out = scratch / "in", scratch / "out"
    place.mkdir()
    case.make(place)
    named = {"IN": str(place), "OUT": str(out), "MODEL": str(model)}
    command = [re.sub("IN|OUT|MODEL", lambda found: named[found[0]], one) for one in case.command]
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, command)
    fallen = done.exception is not None and not isinstance(done.exception, SystemExit | TastError)
    said = f"error: {done.exception}\n" if isinstance(done.exception, TastError) else ""  # as tast.cli.main does
    output = done.output + said
    fault = _fault_of(case, done.exit_code, output, out)
    if fallen:
        fault = " ".join("".join(traceback.format_exception_only(done.exception)).split())[:200]
    return Outcome(
        fault=case.name, expected=case.expected, tried=1, held=int(not fault), tracebacks=int(fallen), note=fault,
        silent=int(bool(fault) and not fallen and done.exit_code == 0),
    )  # fmt: skip


def _fault_of(case: Case, code: int, output: str, out: Path) -> str:
    """What is not as the case has it."""
    lines = output.splitlines()
    said = [line for line in lines if re.search(case.says, line)]
    if code != case.code or len(said) != case.lines:
        return f"exit code {code}, {len(said)} lines that say {case.says!r}: {' / '.join(lines[-3:])[-300:]!r}"
    if unfit := [line for line in lines if not line.isprintable() or len(line) > LONGEST_LINE]:
        return f"a line that no terminal shows: {unfit[0][:100]!r}"
    names = [path.name for path in out.iterdir()] if out.is_dir() else []
    tables = [name for name in names if name.endswith(".csv")]
    left = [name for name in names if name.endswith(".part")]
    if len(tables) != case.tables or left:
        return f"tables {tables}, unfinished {left}"
    return ""
