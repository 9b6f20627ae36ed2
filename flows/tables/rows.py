"""The rows of the table of methods: a method with a preset each, and what it is trained with.

A row's file, data/methods/NAME.json, holds all that decides its trainings but the videos, the protocol, the seed and the fold:
its method's code, and its parameters as the preset makes them of params.yaml. The trials of a row rest on that file, and on no
other row's: a change in another row trains nothing of it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tast.digests import CHANGED, OWN, content_digest
from tast.errors import BadInput, TastError
from tast.files import holds, whole_file
from tast.methods import code_of_method, own_names
from tast.methods.method import Method, method_named
from tast.params import Params, Preprocess, Train, changed
from tast.texts import read_json

CONFIGURED = "configured"  # the row that is trained as params.yaml's section train has it
DEALT = ("protocol", "fold")  # of section split: a trial's own
WRITTEN = "a row as `dvc repro source` writes it"


@dataclass(frozen=True)
class Row:
    """name: as table.methods has it: METHOD, METHOD/PRESET or `configured`. preset: None of the last. split: less DEALT.

    train: with a seed that each trial changes.
    """

    name: str
    method: str
    preset: str | None
    preprocess: Preprocess
    split: Mapping[str, Any]
    train: Train


def row_named(name: str, params: Params) -> Row:
    """The row, its preset laid over the parameters. Raises TastError where there is no such method or preset."""
    split = params.split.model_dump(exclude=set(DEALT))
    if name == CONFIGURED:
        return Row(name, params.train.method, None, params.preprocess, split, params.train)
    method_name, _, preset = name.partition("/")
    try:
        method = method_named(method_name)
    except ValueError as error:
        raise TastError(f"table of methods: {error}") from None
    preset = preset or preset_for_processors(method)
    if preset not in method.presets:
        raise TastError(f"{preset!r} is no preset of {method_name}; it has {', '.join(method.presets)}")
    made = changed(params, {"train.method": method_name, **method.presets[preset], "train.threads": 1})
    return Row(name, method_name, preset, made.preprocess, split, made.train)


def preset_for_processors(method: Method) -> str:
    """`small` where there is one: what processors can train; else the first."""
    return "small" if "small" in method.presets else next(iter(method.presets))


def all_rows() -> list[str]:
    """Every method of this project as processors can train it: every preset but those of the published size."""
    return [
        name if preset == "small" else f"{name}/{preset}"
        for name in own_names()
        for preset in method_named(name).presets
        if not preset.startswith("paper")
    ]


def write_rows(rows: Sequence[Row], folder: Path) -> None:
    """A file of each row below the folder, and none of other rows; one that says so already is left as it is."""
    wanted = {folder / f"{row.name}.json": _text(row) for row in rows}
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(folder.rglob("*.json")):
        if file not in wanted:
            file.unlink()
    for file, text in wanted.items():
        if not holds(file, text):
            with whole_file(file) as part:
                part.write_text(text, encoding="utf-8")


def _text(row: Row) -> str:
    content = {
        "method": row.method, "preset": row.preset, "code": code_of_method(row.method),
        "preprocess": row.preprocess.model_dump(mode="json"), "split": row.split,
        "train": row.train.model_dump(mode="json", exclude={"seed"}),
    }  # fmt: skip
    return json.dumps(content | {OWN: content_digest(content)}, indent=2, sort_keys=True) + "\n"


def read_row(name: str, folder: Path) -> Row:
    """Raises BadInput where there is no file of that row."""
    file = folder / f"{name}.json"
    if not file.is_file():
        raise BadInput(file, "no such file", "a row of table.methods in params.yaml (`dvc repro source` writes their files)")
    content = read_json(file, WRITTEN)
    if not isinstance(content, dict) or content.get(OWN) != content_digest(content):
        raise BadInput(file, CHANGED, WRITTEN)
    return Row(
        name, content["method"], content["preset"], Preprocess.model_validate(content["preprocess"]), content["split"],
        Train.model_validate(content["train"] | {"seed": 0}),
    )  # fmt: skip
