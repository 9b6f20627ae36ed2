"""Commands on the methods: which there are (`tast methods`), and params.yaml set to one of them (`tast use`)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tast.cli.output import AsJson, say, say_json, show
from tast.files import whole_file

PARAMS = Path("params.yaml")


def methods(as_json: AsJson = False) -> None:
    """List the methods that can be trained, this project's and those of installed packages, with their presets and papers.

    Examples:

    `tast methods`

    `tast methods --json`
    """
    from tast.methods import known_methods  # torch takes seconds to import, which other commands need not wait for
    from tast.methods.method import method_named

    found = [(name, method_named(name)) for name in known_methods()]
    published = {name: method.reported.parameters if method.reported else None for name, method in found}
    if as_json:
        say_json({
            "methods": [
                {"name": name, "presets": list(method.presets), "parameters_as_published": published[name], "paper": method.paper}
                for name, method in found
            ]
        })  # fmt: skip
        return
    table = Table("method", "presets", "parameters as published", "paper", title="Methods")
    for name, method in found:
        count = published[name]
        table.add_row(name, ", ".join(method.presets), f"{count:,}" if count else "-", method.paper)
    show(table)
    say("`tast use METHOD PRESET` writes one into params.yaml.")


def use(
    method: Annotated[str, typer.Argument(help="A name that `tast methods` lists.")],
    preset: Annotated[str, typer.Argument(help="One of its presets; without it the first.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")] = False,
    as_json: AsJson = False,
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
    is_written = bool(differing) and not dry_run
    if is_written:
        with whole_file(PARAMS) as part:
            part.write_text(text, encoding="utf-8")
    if as_json:
        changed_keys = [{"key": key, "before": old, "after": new} for key, (old, new) in differing.items()]
        say_json({"method": method, "preset": preset, "changes": changed_keys, "written": is_written})
        return
    for key, (old, new) in differing.items():
        say(f"{key}: {_shown(old)} -> {_shown(new)}")
    if not differing:
        say(f"{PARAMS} is set to {method} {preset} already")
    elif is_written:
        say(f"{PARAMS} is set to {method} {preset}; `dvc repro` trains it")


def _shown(value: Any) -> str:
    return ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
