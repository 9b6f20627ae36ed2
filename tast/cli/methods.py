"""Commands on the methods: which there are (`tast methods`), and params.yaml set to one of them (`tast use`)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tast.cli.output import say, show
from tast.files import whole_file

PARAMS = Path("params.yaml")


def methods() -> None:
    """List the methods that can be trained, this project's and those of installed packages, with their presets and papers.

    Example: `tast methods`
    """
    from tast.methods import known_methods  # torch takes seconds to import, which other commands need not wait for
    from tast.methods.method import method_named

    table = Table("method", "presets", "parameters as published", "paper", title="Methods")
    for name in known_methods():
        method = method_named(name)
        published = method.reported and method.reported.parameters
        table.add_row(name, ", ".join(method.presets), f"{published:,}" if published else "-", method.paper)
    show(table)
    say("`tast use METHOD PRESET` writes one into params.yaml.")


def use(
    method: Annotated[str, typer.Argument(help="A name that `tast methods` lists.")],
    preset: Annotated[str, typer.Argument(help="One of its presets; without it the first.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")] = False,
) -> None:
    """Set params.yaml to a method's preset: its clips, input, options and recipe. Comments and all else stay as they are.

    Examples:

    `tast use tast_net paper` (128 px, magnified: the paper's own chain)

    `tast use multi_physnet --dry-run`
    """
    from tast.methods.method import method_named
    from tast.params import changed, load_params
    from tast.params_text import rewritten

    try:
        chosen = method_named(method)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="METHOD") from None
    preset = preset or next(iter(chosen.presets))
    if preset not in chosen.presets:
        known = ", ".join(chosen.presets)
        raise typer.BadParameter(f"{preset!r} is no preset of {method}; it has {known}", param_hint="PRESET")
    changes = {"train.method": method, **chosen.presets[preset]}
    changes["train.options"] = asdict(chosen.options_of(changes.get("train.options", {})))  # what it leaves alone is told too
    before = load_params(PARAMS)
    changed(before, changes)  # refuses what params.yaml would not take
    text, differing = rewritten(PARAMS, changes)
    for key, (old, new) in differing.items():
        say(f"{key}: {_shown(old)} -> {_shown(new)}")
    if not differing:
        say(f"{PARAMS} is set to {method} {preset} already")
    elif not dry_run:
        with whole_file(PARAMS) as part:
            part.write_text(text, encoding="utf-8")
        say(f"{PARAMS} is set to {method} {preset}; `dvc repro` trains it")


def _shown(value: Any) -> str:
    return ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
