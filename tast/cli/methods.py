"""Commands on the methods: which there are (`tast methods`), and params.yaml set to one of them (`tast use`)."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tast.cli.output import say, show
from tast.errors import BadInput
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
    text, differing = _written(PARAMS, changes)
    for key, (old, new) in differing.items():
        say(f"{key}: {_shown(old)} -> {_shown(new)}")
    if not differing:
        say(f"{PARAMS} is set to {method} {preset} already")
    elif not dry_run:
        with whole_file(PARAMS) as part:
            part.write_text(text, encoding="utf-8")
        say(f"{PARAMS} is set to {method} {preset}; `dvc repro` trains it")


def _written(path: Path, changes: dict[str, Any]) -> tuple[str, dict[str, tuple[Any, Any]]]:
    """The file's text with other values at dotted keys, comments kept, and key -> value before and after of those that differ."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    yaml.representer.add_representer(type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null"))
    content = yaml.load(path)
    differing = {}
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = content
        for part in sections:
            if part not in section:
                raise BadInput(path, f"no section {part}", key)
            section = section[part]
        if section[name] == value:
            continue
        differing[key] = (section[name] if not isinstance(value, dict) else dict(section[name]), value)
        if isinstance(value, dict):  # key by key, for the comments of those that stay
            for gone in set(section[name]) - set(value):
                del section[name][gone]
            section[name].update(value)
        else:
            section[name] = value
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue(), differing


def _shown(value: Any) -> str:
    return ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
