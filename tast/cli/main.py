"""The console script `tast`: what is done by hand beside the pipeline. The pipeline itself is `make repro` or `dvc repro`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import typer

from tast import __version__, instruction_set
from tast.cli import (
    cache,
    calibrate,
    completion,
    data,
    doctor,
    export,
    imports,
    methods,
    phantom,
    predict,
    preview,
    probe,
    project,
    service,
    traces,
    view,
)
from tast.cli.output import AsJson, say, say_json
from tast.errors import TastError, disk_errors_named
from tast.redaction import hide_secrets_in_logs
from tast.starter.shipped import PIPELINE

HELP = """SpO2 from video of a face: what is done by hand beside the pipeline, which is `make repro` or `dvc repro`.

Without a command it says where you stand and what to do next.

Examples:

`tast doctor`

`tast predict visit.mp4 --model models/tast_net`

`tast audit /data/PURE --layout pure`

`tast predict --help`
"""
EXIT_CODES = "Exit codes: 0 done; 1 a mistake that one line on stderr names, or a refusal; 2 wrong usage; 130 interrupted."

app = typer.Typer(
    name="tast",
    invoke_without_command=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=HELP,
    epilog=EXIT_CODES,
)  # fmt: skip

# how `tast --help` groups them
READ, PROJECT, DATA, MODELS, MACHINE = "Read SpO2", "A project", "Data sets", "Models and their parts", "This machine"


def show_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", is_eager=True, callback=show_version, help="Print the version and exit."),
    as_json: AsJson = False,
) -> None:
    """Without a command: where one stands in this folder, and what to do next."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise typer.BadParameter(
                f"it stands behind the command: tast {context.invoked_subcommand} --json", param_hint="--json"
            )
        return
    from tast.doctor.standing import standing  # only here: it reads params.yaml

    lines = standing(Path())
    if as_json:
        say_json({about: [text for name, text in lines if name == about] for about, _ in lines})
    else:
        for about, text in lines:
            say(f"{about:<8} {text}")
        say("all      `tast --help`: every command; `tast doctor`: what this machine lacks")


app.command(rich_help_panel=READ)(predict.predict)
app.command(rich_help_panel=READ)(calibrate.anchor)
app.command(rich_help_panel=READ)(calibrate.calibrate)
app.command(rich_help_panel=READ)(preview.preview)
app.command(rich_help_panel=READ)(traces.traces)
app.command(rich_help_panel=PROJECT)(project.init)
app.command(rich_help_panel=PROJECT)(view.view)
app.command(rich_help_panel=DATA)(data.audit)
app.command(rich_help_panel=DATA)(data.check)
app.command(rich_help_panel=DATA)(phantom.phantom)
app.add_typer(imports.app, name="import", rich_help_panel=DATA)
app.command(rich_help_panel=MODELS)(methods.methods)
app.command(rich_help_panel=MODELS)(methods.use)
app.command(rich_help_panel=MODELS)(export.export)
app.command(rich_help_panel=MODELS)(service.serve)
app.command(rich_help_panel=MODELS)(probe.probe)
app.command(rich_help_panel=MODELS, context_settings=project.PASSED_ON)(project.ablate)
app.command(rich_help_panel=MODELS, context_settings=project.PASSED_ON)(project.table)
app.command(rich_help_panel=MODELS, context_settings=project.PASSED_ON)(project.benchmark)
app.command(rich_help_panel=MODELS, context_settings=project.PASSED_ON)(project.compare)
app.command(rich_help_panel=MODELS, context_settings=project.PASSED_ON)(project.rollback)
app.add_typer(cache.app, name="cache", rich_help_panel=MACHINE)
app.command(rich_help_panel=MACHINE)(doctor.doctor)
app.command(rich_help_panel=MACHINE)(completion.completion)


def main() -> None:
    """Run the command; a mistake that the user can mend is one line on stderr and exit code 1."""
    instruction_set.choose(instruction_set.wanted())  # numpy and torch are imported by the commands
    hide_secrets_in_logs()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("tast").setLevel(logging.INFO)
    try:
        with disk_errors_named():
            app()
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        if (error.name or "tast").partition(".")[0] == "tast":
            raise
        print(f"error: {error.name}: no such package installed; expected those of {PIPELINE}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
