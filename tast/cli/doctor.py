"""`tast doctor`: what this machine and this project folder lack, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import typer
from rich.table import Table

from tast.cli.output import show, working


def doctor() -> None:
    """Check Python, libraries, models, disk, memory, GPU, servers, cache, git and DVC, and say what to do where something lacks.

    Servers are those that PREFECT_API_URL and MLFLOW_TRACKING_URI name. Exit code 1 where something is missing that a run needs.

    Example: `tast doctor`
    """
    from tast.doctor.machine import machine_checks
    from tast.doctor.project import project_checks  # asks servers, git and DVC

    with working("look"):
        checks = machine_checks() + project_checks(Path(), os.environ)
    table = Table("check", "found", "what to do", title="tast doctor")
    for check in checks:
        table.add_row(check.name, check.detail, check.what_to_do, style="" if check.ok else "bold red")
    show(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
