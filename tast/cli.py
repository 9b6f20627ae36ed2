"""The console script `tast`: what is done by hand beside the pipeline. The pipeline itself is `make repro` or `dvc repro`."""

from __future__ import annotations

import logging
import sys

import typer
from rich.console import Console
from rich.table import Table

from tast import __version__, cli_data, cli_export, cli_phantom, cli_predict, cli_preview, cli_probe, cli_project
from tast.doctor import all_checks
from tast.errors import TastError

app = typer.Typer(name="tast", no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False, help=__doc__)


def show_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", is_eager=True, callback=show_version, help="Print the version and exit."),
) -> None:
    """Nothing to do: the version is told while the options are read."""


@app.command()
def doctor() -> None:
    """Check Python, system libraries, packages, models and disk, and say what to do where something is missing.

    Example: `tast doctor`
    """
    checks = all_checks()
    table = Table("check", "found", "what to do", title="tast doctor")
    for check in checks:
        table.add_row(check.name, check.detail, "" if check.ok else check.advice, style="" if check.ok else "bold red")
    Console().print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


app.command()(cli_data.audit)
app.command()(cli_data.check)
app.command()(cli_export.export)
app.command()(cli_predict.predict)


app.command("phantom")(cli_phantom.phantom)
app.command()(cli_preview.preview)
app.command()(cli_probe.probe)
app.command(context_settings=cli_project.PASSED_ON)(cli_project.ablate)
app.command(context_settings=cli_project.PASSED_ON)(cli_project.benchmark)
app.command(context_settings=cli_project.PASSED_ON)(cli_project.compare)
app.command(context_settings=cli_project.PASSED_ON)(cli_project.rollback)


def main() -> None:
    """Run the command; a mistake that the user can mend is one line on stderr and exit code 1."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("tast").setLevel(logging.INFO)
    try:
        app()
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
