"""`tast doctor`: what this machine and this project folder lack, and what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from tast.cli.output import AsJson, say_json, show, working

if TYPE_CHECKING:
    from tast.doctor.machine import Check


def doctor(as_json: AsJson = False) -> None:
    """Check Python, libraries, models, disk, memory, GPU, servers, cache, git and DVC, and say what to do where something lacks.

    Servers are those that PREFECT_API_URL and MLFLOW_TRACKING_URI name. Exit code 1 where something is missing that a run needs.

    Examples:

    `tast doctor`

    `tast doctor --json`
    """
    from tast.doctor.machine import machine_checks
    from tast.doctor.project import project_checks  # asks servers, git and DVC

    with working("look"):
        checks = machine_checks() + project_checks(Path(), os.environ)
    is_well = all(check.ok for check in checks)
    if as_json:
        shown = [{"name": one.name, "ok": one.ok, "found": one.detail, "what_to_do": one.what_to_do} for one in checks]
        say_json({"ok": is_well, "checks": shown})
    else:
        show(_table(checks))
    if not is_well:
        raise typer.Exit(1)


def _table(checks: list[Check]) -> Table:
    table = Table("check", "found", "what to do", title="tast doctor")
    for check in checks:
        table.add_row(check.name, check.detail, check.what_to_do, style="" if check.ok else "bold red")
    return table
