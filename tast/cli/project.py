"""Commands of a project's folder: a new one, and those that run a program there: the tables, the benchmarks (which an installed
package does not hold), the registry."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from tast.cli.output import say
from tast.errors import BadInput
from tast.starter.shipped import PIPELINE as PACKAGES

PIPELINE = Path("dvc.yaml")
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
Help = Annotated[bool, typer.Option("--help", help="Show this, and in the project's top folder the options as well.")]


def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Lay down a project that runs with `dvc repro`: params.yaml, dvc.yaml, prefect.yaml, requirements.lock and a README.

    It is what TAST's own folder holds, with the code left in the installed package.

    Example: `tast init study`
    """
    from tast.starter.project import start_project  # only this command reads and writes YAML

    names = start_project(folder)
    say(f"{folder}: {', '.join(names)}")
    say(f"next: cd {folder} && dvc repro")


def ablate(context: typer.Context, help: Help = False) -> None:
    """Train TAST-Net with one thing changed at a time, and write the table (reports/ablation: parquet, markdown).

    On the clips of the last `make repro`, of the people whom its split does not test; interrupted, it goes on where it stopped.

    Examples:

    `tast ablate --seeds 0 1 2`

    `tast ablate --only "3D CNN alone" "ViViT alone" --set train.epochs=10`

    `tast ablate --dry-run`
    """
    _run(context, help, "flows.tables.ablate", Path("flows/tables/ablate.py"), context.args)


def table(context: typer.Context, help: Help = False) -> None:
    """Every method on the same seconds of the same people: Markdown, CSV, LaTeX and HTML (reports/table, on a set reports/sets).

    On this project's own videos each training becomes a stage of DVC; interrupted, it goes on where it stopped.

    Examples:

    `tast table --dry-run`

    `tast table --methods tast_net mathew/mix_last --seeds 1 --folds 1`

    `tast table --protocol subject_independent clip_random --report`

    `tast table --anchored`

    `tast table --set pure_wide --sealed --publish`
    """
    _run(context, help, "benchmarks.table", Path("benchmarks/table.py"), context.args)


def benchmark(context: typer.Context, help: Help = False) -> None:
    """Run benchmarks by name or group (speed, signal, spo2), all of them without one; results go to benchmarks/results.

    Options are the benchmark's own.

    Examples:

    `tast benchmark speed --peer /path/to/rPPG-Toolbox`

    `tast benchmark accuracy --set vipl --seeds 0 1 2`

    `tast benchmark published --dry-run`

    `tast benchmark models --peer /path/to/rPPG-Toolbox`

    `tast benchmark models --help`
    """
    named = bool(context.args) and not context.args[0].startswith("-")
    own = Path("benchmarks") / f"{context.args[0]}.py" if named else None
    if own is not None and own.is_file():
        _run(context, help, f"benchmarks.{context.args[0]}", own, context.args[1:])
    else:
        _run(context, help, "benchmarks", Path("benchmarks/__main__.py"), context.args)


def compare(context: typer.Context, help: Help = False) -> None:
    """Two results side by side on people that neither has seen: git revisions, DVC experiments, MLflow runs, registered versions.

    Without names, challenger against champion, both scored now on this project's test split. Changes nothing.

    Examples:

    `tast compare`

    `tast compare HEAD~1`: against the workspace

    `tast compare main lower-rate --picture compared.png`

    `tast compare tast-net@champion workspace --json`
    """
    if not help and set(context.args) <= {"--json"}:
        _run(context, help, "flows.registry", Path("flows/registry.py"), ["compare", *context.args])
    else:
        _run(context, help, "flows.compare", Path("flows/compare.py"), context.args)


def rollback(context: typer.Context, help: Help = False) -> None:
    """Give the title back to the version that the champion replaced; the reason stays with the version that loses it.

    Example: `tast rollback --reason "reads too high in the dark"`
    """
    _run(context, help, "flows.registry", Path("flows/registry.py"), ["rollback", *context.args])


def _run(context: typer.Context, help: bool, module: str, file: Path, arguments: list[str]) -> None:
    """The module as a program, from here; its exit code is ours. Raises BadInput outside of a project's folder.

    Of a project that `tast init` made, the program is the installed package's, where that holds it.
    """
    there = file.is_file() or (PIPELINE.is_file() and find_spec(module.partition(".")[0]) is not None)
    if help:
        typer.echo(context.get_help())
        if not there:
            return
        arguments = [*arguments, "--help"]
    if not there:
        expected = "the top folder of TAST's own repository" if PIPELINE.is_file() else "the project's top folder"
        raise BadInput(
            file,
            "no such file",
            f"{expected} as the working directory (`tast` says where you stand, `tast init FOLDER` makes a project)",
        )
    if find_spec("dvc") is None:
        raise BadInput("dvc", "no such package installed", f"those of {PACKAGES}")
    code = subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode
    if code:
        raise typer.Exit(code)
