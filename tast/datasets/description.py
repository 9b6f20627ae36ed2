"""Which data sets lie in a folder of downloaded data, in which readers' layouts: dataset.json beside the files themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tast.datasets.layout import load_json
from tast.errors import BadInput

FILE = "dataset.json"


@dataclass(frozen=True)
class Description:
    """layout: a key of READERS. name: of the data set, and of its folder. include_nir: read those videos too."""

    layout: str
    name: str
    include_nir: bool = False


def describe(raw: Path, descriptions: Sequence[Description]) -> None:
    (raw / FILE).write_text(json.dumps([asdict(one) for one in descriptions], indent=2, sort_keys=True) + "\n", encoding="utf-8")


def described(raw: Path) -> tuple[Description, ...]:
    """What `describe` wrote. Raises BadInput where raw holds no downloaded data set."""
    path = raw / FILE
    if not path.is_file():
        raise BadInput(path, "no such file", "a downloaded data set (run the download stage: `dvc repro download`)")
    content = load_json(path)
    expected = "a list of data sets, each with layout and name (run the download stage: `dvc repro download`)"
    try:
        found = tuple(Description(**one) for one in content)
    except TypeError:
        raise BadInput(path, "not what the download stage writes", expected) from None
    for one in found:
        if not (isinstance(one.layout, str) and isinstance(one.name, str) and isinstance(one.include_nir, bool)):
            raise BadInput(path, f"{one}", expected)
    return found
